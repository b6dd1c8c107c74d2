/** The host's main thread, watched: when it counts as stalled, when it is believed again, and what each action does and takes back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HostWatch } from '../../src/detector/host-watch.ts'
import { STALL_TAG } from '../../src/gossip/host-stall.ts'
import { World } from '../../src/simulator/index.ts'
import type { SimulatedNode } from '../../src/simulator/node.ts'
import { writePing } from '../../src/wire/probe.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import { LoneDetector } from './lone-detector.ts'

const AFTER = 2_000

/** Looks at a counter every so often until `until`; what changed, and when. */
function watching(watch: HostWatch, beatsAt: (now: number) => number, until: number, from = 0): string[] {
  const changes: string[] = []
  if (from === 0) watch.begin(0, beatsAt(0))
  for (let now = from; now <= until; now += 10) {
    const change = watch.look(now, beatsAt(now))
    if (change !== undefined) changes.push(`${change} at ${now}`)
    if (change === 'recovered') watch.forget()
  }
  return changes
}

test('a host that does not bump for so long is stalled, and recovered after half a second of steady bumps', () => {
  const watch = new HostWatch({ after: AFTER }, 'beside')
  // It stands still from 1,000 to 6,000.
  const beats = (now: number) => Math.floor((now < 1_000 ? now : now < 6_000 ? 1_000 : now - 5_000) / 50)
  assert.deepEqual(watching(watch, beats, 10_000), ['stalled at 3000', 'recovered at 6550'])
})

test('one bump is no recovery: a host that only gasps stays stalled', () => {
  const watch = new HostWatch({ after: AFTER }, 'beside')
  // After 1,000 it bumps once in 1,500 ms.
  const beats = (now: number) => (now < 1_000 ? Math.floor(now / 50) : 20 + Math.floor((now - 1_000) / 1_500))
  assert.deepEqual(
    watching(watch, (now) => (now < 4_000 ? Math.min(20, beats(now)) : beats(now)), 20_000),
    ['stalled at 3000'],
  )
})

test('time in which nobody looked is no stall: the whole process stood still', () => {
  const watch = new HostWatch({ after: AFTER }, 'beside')
  assert.deepEqual(
    watching(watch, (now) => Math.floor(now / 50), 1_000),
    [],
  )
  // Thirty seconds later, and the main thread has not had its first turn yet.
  assert.equal(watch.look(31_000, 20), undefined)
  assert.deepEqual(
    watching(watch, () => 20, 32_800, 31_010),
    [],
  )
  assert.deepEqual(
    watching(watch, () => 20, 40_000, 32_810),
    ['stalled at 33000'],
    'from then on it counts',
  )
})

test('in the placement none a late look is the stall, and it is told with its length', () => {
  const watch = new HostWatch({ after: AFTER }, 'inside')
  watch.begin(0, 0)
  assert.equal(watch.look(100, 1), undefined)
  assert.equal(watch.look(5_100, 1), 'stalled')
  assert.ok(watch.stalledFor(5_100) >= 4_600)
  assert.deepEqual(
    watching(watch, (now) => now, 6_500, 5_200),
    ['recovered at 5800'],
  )
})

function ping(lone: LoneDetector, seqNo: number): number[] {
  const node = new TextEncoder().encode('self')
  lone.packets.length = 0
  lone.hear(writePing({ seqNo, node, sourceAddress: null, sourcePort: 0, sourceNode: new Uint8Array(0) }))
  return lone.sent().map(({ type }) => type)
}

test('fail: no acks, no pings for others, no probes, until the host is back', () => {
  const lone = new LoneDetector({ hostStall: { after: AFTER, action: 'fail' } })
  lone.peers(3)
  lone.advance(3_000)
  assert.deepEqual(ping(lone, 1), [MESSAGE.ack])
  lone.stalledAt = lone.now
  lone.advance(AFTER + 500)
  lone.packets.length = 0
  assert.deepEqual(ping(lone, 2), [])
  const { length } = lone.silent
  lone.advance(10_000)
  assert.deepEqual(lone.sent(), [], 'nothing leaves')
  assert.equal(lone.silent.length, length, 'and nobody is accused for what we no longer look at')
  assert.ok(lone.stats()['drop.host-stalled'] > 0)
  assert.equal(lone.stats()['host.is-stalled'], 1)

  lone.stalledAt = undefined
  lone.advance(1_000)
  assert.deepEqual(ping(lone, 3), [MESSAGE.ack])
  lone.packets.length = 0
  lone.advance(1_500)
  assert.ok(lone.sent().some(({ type }) => type === MESSAGE.ping))
  assert.deepEqual(
    lone.hostChanges.map(({ state }) => state),
    ['stalled', 'recovered'],
  )
  const [{ stalledFor }] = lone.hostChanges.slice(-1)
  assert.ok(Math.abs(stalledFor - 12_300) < 300, `${stalledFor}`)
  assert.deepEqual(
    lone.toGossip.filter(({ type }) => type === 'host'),
    [
      { type: 'host', state: 'stalled' },
      { type: 'host', state: 'recovered' },
    ],
  )
})

test('report: the host is told, and nothing else changes', () => {
  const lone = new LoneDetector({ hostStall: { after: AFTER } })
  lone.stalledAt = lone.now
  lone.advance(5_000)
  assert.deepEqual(ping(lone, 2), [MESSAGE.ack])
  assert.deepEqual(lone.toGossip, [])
  assert.deepEqual(
    lone.hostChanges.map(({ state }) => state),
    ['stalled'],
  )
})

function pool(action: 'report' | 'tag' | 'fail' | 'leave'): { world: World; nodes: SimulatedNode[] } {
  const world = new World({
    seed: 11,
    options: { hostStall: { after: AFTER, action }, tags: { role: 'web' } },
  })
  const nodes = world.pool(5)
  assert.ok(Number.isFinite(world.runUntil(() => world.isOneView(), 30_000)))
  return { world, nodes }
}

function tagsOf(observer: SimulatedNode, name: string): Record<string, string> {
  return { ...observer.members.get(name)?.tags }
}

test('tag: peers see the tag within two seconds of the threshold and lose it within two of the recovery, and see no failure', () => {
  const { world, nodes } = pool('tag')
  const [, victim, ...others] = nodes
  victim.stallHost()
  world.run(AFTER + 2_000)
  for (const other of others)
    assert.deepEqual(tagsOf(other, victim.name), { role: 'web', [STALL_TAG]: 'true' })
  world.run(20_000)
  victim.freeHost()
  world.run(2_000)
  for (const other of others) {
    assert.deepEqual(tagsOf(other, victim.name), { role: 'web' })
    assert.deepEqual(
      world.story(other, victim).filter((kind) => kind === 'failed' || kind === 'leave'),
      [],
    )
  }
  assert.deepEqual(victim.hostChanges, ['stalled', 'recovered'])
})

test('tags that the host sets while the tag is there keep it until it is taken back', () => {
  const { world, nodes } = pool('tag')
  const [observer, victim] = nodes
  victim.stallHost()
  world.run(AFTER + 2_000)
  victim.command({ type: 'set-tags', tags: { role: 'db' } })
  world.run(2_000)
  assert.deepEqual(tagsOf(observer, victim.name), { role: 'db', [STALL_TAG]: 'true' })
  victim.freeHost()
  world.run(2_000)
  assert.deepEqual(tagsOf(observer, victim.name), { role: 'db' })
})

test('fail: peers see a failure, no refutation takes it back while the host is stalled, and the member returns with it', () => {
  const { world, nodes } = pool('fail')
  const [observer, victim, ...others] = nodes
  victim.stallHost()
  const failed = () =>
    [observer, ...others].every((node) => node.members.get(victim.name)?.status === 'failed')
  assert.ok(Number.isFinite(world.runUntil(failed, 60_000)))
  world.run(120_000)
  assert.ok(failed(), 'push/pulls and attempts to reach it do not revive it')
  for (const other of [observer, ...others]) {
    const endings = world.story(other, victim).filter((kind) => kind === 'join' || kind === 'failed')
    assert.deepEqual(endings, ['join', 'failed'], 'and it does not come and go')
  }
  // Accusations reach it as ever: none was answered.
  assert.ok(
    world.transitions.every(({ name, member }) => name !== victim.name || (member?.incarnation ?? 0) <= 1),
  )
  for (const other of others) assert.equal(observer.members.get(other.name)?.status, 'alive')
  victim.freeHost()
  assert.ok(Number.isFinite(world.runUntil(() => world.isOneView(), 90_000)))
})

test('leave: peers see a leave, and the command of the host that comes later is answered', () => {
  const { world, nodes } = pool('leave')
  const [observer, victim] = nodes
  victim.stallHost()
  assert.ok(
    Number.isFinite(world.runUntil(() => observer.members.get(victim.name)?.status === 'left', 30_000)),
  )
  world.run(10_000)
  assert.ok(!world.story(observer, victim).includes('failed'))
  victim.freeHost()
  world.run(1_000)
  const reply = victim.command({ type: 'leave' })
  world.run(1_000)
  assert.deepEqual(reply.envelope?.ok, true)
})
