/** Threads and their mail: order, counters, hand-over, early timers, and calls that do not outlive their thread. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MessageChannel, Worker } from 'node:worker_threads'
import type { Actor } from '../../src/actors/contract.ts'
import { ActorExited } from '../../src/errors/errors.ts'
import { LocalOutlet, type Mail, mailboxCounters, PortOutlet, readPort } from '../../workers/mailbox.ts'
import { commandPorts, Thread } from '../../workers/supervise.ts'
import { Turn } from '../../workers/turn.ts'

interface Note extends Mail {
  type: 'note'
  number: number
}

function note(number: number, weight = 1): Note {
  return { type: 'note', number, weight, lane: number % 2 === 0 ? 'alive' : 'others' }
}

test('mail over a port arrives in order, and its weight counts until it is taken', async (t) => {
  const { port1, port2 } = new MessageChannel()
  t.after(() => port1.close())
  const counters = mailboxCounters()
  const outlet = new PortOutlet<Note>(port1, counters)
  for (let i = 0; i < 100; i++) outlet.tell(note(i, 3))
  assert.deepEqual([outlet.waiting('alive'), outlet.waiting('others')], [150, 150])
  const taken: number[] = []
  readPort<Note>(port2, counters, ({ number }) => {
    taken.push(number)
  })
  while (taken.length < 100) await sleep(1)
  assert.deepEqual(
    taken,
    Array.from({ length: 100 }, (_, i) => i),
  )
  assert.deepEqual([outlet.waiting('alive'), outlet.waiting('others')], [0, 0])
})

test('packed bytes are handed over, shared ones are seen by both sides', async (t) => {
  const { port1, port2 } = new MessageChannel()
  t.after(() => port1.close())
  const counters = mailboxCounters()
  const outlet = new PortOutlet<Mail>(port1, counters)
  const plain = Uint8Array.of(1, 2, 3)
  const shared = new Uint8Array(new SharedArrayBuffer(1))
  outlet.tell({ type: 'facts', bytes: plain })
  outlet.tell({ type: 'facts', bytes: shared })
  assert.equal(plain.length, 0, 'given up')
  const taken: Uint8Array[] = []
  readPort<Mail>(port2, counters, ({ bytes }) => {
    if (bytes !== undefined) taken.push(bytes)
  })
  while (taken.length < 2) await sleep(1)
  assert.deepEqual([...taken[0]], [1, 2, 3])
  shared[0] = 9
  assert.equal(taken[1][0], 9)
})

test('mail in one thread is queued and never delivered inside the turn that tells it', async () => {
  const outlet = new LocalOutlet<Note>()
  const taken: number[] = []
  let depth = 0
  outlet.deliverTo(({ number }) => {
    assert.equal(depth, 0, 'nested')
    depth += 1
    taken.push(number)
    if (number < 1_000) outlet.tell(note(number + 1))
    depth -= 1
  })
  outlet.tell(note(0))
  assert.deepEqual(taken, [])
  while (taken.length < 1_001) await sleep(1)
  assert.deepEqual([outlet.waiting('alive'), outlet.waiting('others')], [0, 0])
})

/** An actor that wants to be woken at an instant and writes down when it was. */
class Sleeper implements Actor<Note> {
  readonly wakes: number[] = []
  readonly mails: number[] = []
  wakeAt = Number.POSITIVE_INFINITY
  onWake: (now: number) => void = () => undefined

  receive(mail: Note, now: number): void {
    this.mails.push(mail.number)
    this.wakeAt = now + mail.number
  }

  wake(now: number): void {
    this.wakes.push(now)
    this.wakeAt = Number.POSITIVE_INFINITY
    this.onWake(now)
  }
}

test('an actor is never woken before its instant, however early the timer rings', async () => {
  const crashed: unknown[] = []
  for (let i = 0; i < 60; i++) {
    const actor = new Sleeper()
    const turn = new Turn(actor, (error) => crashed.push(error))
    turn.receive(note(3))
    const { wakeAt } = actor
    await sleep(8)
    assert.equal(actor.wakes.length, 1)
    assert.ok(actor.wakes[0] >= wakeAt)
    turn.stop()
  }
  assert.deepEqual(crashed, [])
})

test('a deadline in the past is served behind what lies in the mailbox, and again and again without starving it', async () => {
  const actor = new Sleeper()
  const turn = new Turn(actor, (error) => assert.fail(String(error)))
  actor.onWake = (now) => {
    actor.wakeAt = now - 1
  }
  turn.receive(note(0))
  const { port1, port2 } = new MessageChannel()
  port2.on('message', () => turn.receive(note(0)))
  for (let i = 0; i < 20; i++) {
    port1.postMessage(0)
    await sleep(1)
  }
  assert.equal(actor.mails.length, 21)
  assert.ok(actor.wakes.length > 20)
  turn.stop()
  const { length } = actor.wakes
  await sleep(5)
  assert.equal(actor.wakes.length, length, 'stopped')
  port1.close()
})

test('an actor that throws is told to its place once, and no turn follows', async () => {
  const actor = new Sleeper()
  const crashed: unknown[] = []
  const turn = new Turn(actor, (error) => crashed.push(error))
  actor.onWake = () => {
    throw new Error('bug')
  }
  turn.receive(note(1))
  await sleep(10)
  turn.receive(note(1))
  assert.deepEqual(crashed.map(String), ['Error: bug'])
  assert.equal(actor.mails.length, 1)
})

test('a call to a thread that dies rejects with ERR_ACTOR_EXITED, and so do all calls after it', async () => {
  const { ours, theirs } = commandPorts()
  // It never answers, and ends in an error.
  const code =
    "const { workerData } = require('node:worker_threads'); workerData.on('message', () => { throw new Error('bug') })"
  const worker = new Worker(code, { eval: true, workerData: theirs, transferList: [theirs] })
  const deaths: ActorExited[] = []
  interface Api {
    ask(): Promise<number>
    close(): Promise<void>
  }
  const thread = new Thread<Api>('gossip', worker, ours, (error) => deaths.push(error))
  await assert.rejects(
    thread.call<number>((api) => api.ask()),
    (error) => {
      assert.ok(error instanceof ActorExited)
      assert.equal(error.code, 'ERR_ACTOR_EXITED')
      assert.equal(error.actor, 'gossip')
      assert.match(error.message, /bug/)
      return true
    },
  )
  assert.equal(deaths.length, 1)
  await assert.rejects(
    thread.call<number>((api) => api.ask()),
    ActorExited,
  )
  await thread.close()
})
