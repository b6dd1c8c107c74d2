/** Pings that probes completed, told to those who read them: bounds, slow readers, readers that are gone; and the iterator over them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CompletedPings, DetectorCommand } from '../../src/actors/mail.ts'
import type { Ask } from '../../src/cluster/ask.ts'
import { completedPings } from '../../src/cluster/ping-feed.ts'
import { isPings } from '../../src/cluster/replies.ts'
import { ActorExited, ClusterClosed } from '../../src/errors/errors.ts'
import { writeAck, writeNack } from '../../src/wire/probe.ts'
import { LoneDetector } from './lone-detector.ts'

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

/** The answer to the last command that has one. */
function told(lone: LoneDetector): CompletedPings | undefined {
  const answer = lone.answers.shift()
  if (answer === undefined) return undefined
  assert.ok(answer.ok && isPings(answer.value))
  return answer.value
}

function ask(lone: LoneDetector, command: DetectorCommand): void {
  lone.mail({ type: 'command', id: 1, command })
}

function acknowledge(lone: LoneDetector, payload: Uint8Array | null = null, after = 5): void {
  const [{ seqNo, to }] = lone.nextProbe()
  lone.advance(after)
  lone.hear(writeAck(seqNo, payload), to.split(':')[0])
}

test('who reads hears of every ping that was acknowledged in time, with its round trip and payload', () => {
  const lone = new LoneDetector({ coordinates: false })
  lone.peers(1)
  acknowledge(lone)
  ask(lone, { type: 'next-pings', reader: 1 })
  assert.equal(told(lone), undefined, 'what was before is not kept')
  acknowledge(lone, Uint8Array.of(1, 2, 3), 7)
  const first = told(lone)
  assert.deepEqual(
    first?.pings.map(({ name, payload }) => [text(name), payload]),
    [['p1', Uint8Array.of(1, 2, 3)]],
  )
  // The probe began within the 10 ms before it was seen here.
  const rtt = first?.pings[0].rtt ?? 0
  assert.ok(rtt >= 7 && rtt <= 17, `${rtt} ms`)
  acknowledge(lone)
  acknowledge(lone)
  assert.equal(told(lone), undefined, 'nobody asked')
  ask(lone, { type: 'next-pings', reader: 1 })
  assert.equal(told(lone)?.pings.length, 2)
})

test('a late ack, and one through a helper, is no completed ping (protocol page 1, section 7.4, step 7)', () => {
  const lone = new LoneDetector()
  lone.peers(3)
  ask(lone, { type: 'next-pings', reader: 1 })
  const [{ seqNo, to }] = lone.nextProbe()
  lone.advance(600)
  lone.hear(writeNack(seqNo), '10.0.0.2')
  lone.hear(writeAck(seqNo, null), to.split(':')[0])
  assert.equal(told(lone), undefined)
})

test('a reader that has not asked for a minute is forgotten, and begins anew', () => {
  const lone = new LoneDetector()
  lone.peers(1)
  ask(lone, { type: 'next-pings', reader: 1 })
  acknowledge(lone)
  told(lone)
  for (let i = 0; i < 70; i++) acknowledge(lone)
  ask(lone, { type: 'next-pings', reader: 1 })
  assert.equal(told(lone), undefined)
})

test('a slow reader gets the last 256, and the number of those before', () => {
  const lone = new LoneDetector({ probeInterval: 100, probeTimeout: 50 })
  lone.peers(1)
  ask(lone, { type: 'next-pings', reader: 1 })
  acknowledge(lone)
  told(lone)
  for (let i = 0; i < 300; i++) acknowledge(lone)
  ask(lone, { type: 'next-pings', reader: 1 })
  const late = told(lone)
  assert.deepEqual([late?.pings.length, late?.missed], [256, 44])
})

test('64 read at a time, one more is refused until one ends; ending answers what waits', () => {
  const lone = new LoneDetector()
  lone.peers(1)
  for (let reader = 1; reader <= 64; reader++) ask(lone, { type: 'next-pings', reader })
  assert.equal(lone.answers.length, 0)
  ask(lone, { type: 'next-pings', reader: 65 })
  const refused = lone.answers.shift()
  assert.ok(refused !== undefined && !refused.ok)
  assert.equal(refused.error.code, 'ERR_INVALID_ARGUMENT')
  ask(lone, { type: 'end-pings', reader: 1 })
  assert.deepEqual(told(lone), { pings: [], missed: 0 })
  lone.answers.length = 0
  ask(lone, { type: 'next-pings', reader: 65 })
  acknowledge(lone)
  assert.equal(lone.answers.length, 64)
})

/** Answers what it is asked with these, one after the other. */
function answering(answers: (CompletedPings | Error)[]): { ask: Ask; commands: DetectorCommand[] } {
  const commands: DetectorCommand[] = []
  const never = () => Promise.reject(new Error('not asked'))
  const detector: Ask['detector'] = async (_call, command, isValue) => {
    commands.push(command)
    const answer = command.type === 'end-pings' ? null : answers.shift()
    if (answer instanceof Error) throw answer
    assert.ok(isValue(answer))
    return answer
  }
  return { ask: { detector, gossip: never, dispatch: never }, commands }
}

const ping = (name: string) => ({ name: new TextEncoder().encode(name), rtt: 1, payload: null })

test('the iterator goes on after a crash, says what was missed, and ends with the cluster', async () => {
  const { ask, commands } = answering([
    { pings: [ping('one'), ping('two')], missed: 3 },
    new ActorExited('gossip'),
    { pings: [ping('three')], missed: 0 },
    new ClusterClosed('pings'),
  ])
  const heard: [string, number][] = []
  for await (const { name, missed } of completedPings(ask, {})) heard.push([name, missed])
  assert.deepEqual(heard, [
    ['one', 3],
    ['two', 0],
    ['three', 0],
  ])
  assert.equal(commands.at(-1)?.type, 'end-pings')
})

test('a crash that is the end is thrown, once', async () => {
  const { ask } = answering([new ActorExited('gossip'), new ActorExited('gossip')])
  await assert.rejects(completedPings(ask, {}).next(), { code: 'ERR_ACTOR_EXITED' })
})
