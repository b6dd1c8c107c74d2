/** How membership ends (protocol page 2, sections 4.4 to 4.6): forced leaves, prunes, reaping, tombstones, reconnecting. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterOptions } from '../../src/options/options.ts'
import { Writer } from '../../src/wire/msgpack.ts'
import { encodeTags, writeLeave } from '../../src/wire/serf.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import { alive, dead, hex, joinIntent, LoneGossip, leaveIntent, utf8 } from './lone-gossip.ts'

const PEER = alive({ incarnation: 1, name: 'peer' })
const OTHER = alive({ incarnation: 1, name: 'other', address: [127, 0, 0, 3] })
const HOUR = 3_600_000

function withPeer(options: ClusterOptions = {}): LoneGossip {
  const lone = new LoneGossip({ reconnectInterval: 0, pushPullInterval: 0, ...options })
  lone.hear(PEER)
  lone.newFacts()
  return lone
}

function prune(name: string, lamportTime: number): Uint8Array {
  const writer = new Writer()
  writer.byte(MESSAGE.user)
  writeLeave(writer, { lamportTime, name: utf8(name), prune: true })
  return writer.copy()
}

function forceLeave(lone: LoneGossip, name: string, afterwards: 'keep' | 'prune' = 'keep'): number {
  return lone.command({ type: 'force-leave', name, prune: afterwards === 'prune' })
}

/** What a command was answered with: the value, or the code of the error. */
function answer(lone: LoneGossip, id: number): unknown {
  const envelope = lone.replies.get(id)
  if (envelope === undefined) return 'nothing yet'
  return envelope.ok ? envelope.value : envelope.error.code
}

test('a failed member that is made to leave has left, and everybody is told in the bytes of a leave', () => {
  const lone = withPeer()
  lone.hear(OTHER, dead('peer', 1, 'other'))
  lone.newFacts()
  const id = forceLeave(lone, 'peer')
  assert.deepEqual(lone.newFacts(), ['leave peer left'])
  assert.equal(answer(lone, id), 'nothing yet')
  lone.advance(5_000)
  assert.deepEqual(answer(lone, id), { status: 'left' })
  assert.ok(lone.hasGossiped(leaveIntent('peer', 1)))
})

test('a forced leave of nobody known, and of ourselves, is refused and not told to anybody', () => {
  const lone = withPeer()
  assert.equal(answer(lone, forceLeave(lone, 'nobody')), 'ERR_UNKNOWN_MEMBER')
  assert.equal(answer(lone, forceLeave(lone, 'self')), 'ERR_INVALID_ARGUMENT')
  lone.advance(5_000)
  assert.equal(lone.hasGossiped(leaveIntent('nobody', 1)), false)
  assert.equal(lone.stats().member_time, 1)
})

test('a forced leave with nobody to tell is done at once', () => {
  const lone = withPeer()
  lone.hear(dead('peer', 1, 'peer'))
  const id = forceLeave(lone, 'peer', 'prune')
  assert.deepEqual(answer(lone, id), { status: 'erased' })
})

test('a forced leave that cannot be spread in time is an error, and in force all the same', () => {
  const lone = withPeer({ gossipInterval: 4_000, broadcastTimeout: 5_000, retransmitMult: 4 })
  lone.hear(OTHER, dead('peer', 1, 'other'))
  const id = forceLeave(lone, 'peer')
  lone.advance(5_000)
  assert.equal(answer(lone, id), 'ERR_BROADCAST_TIMEOUT')
  assert.ok(lone.facts.includes('leave peer left'))
})

test('a prune of a failed member is its leave and then its reap; of one that left only the reap', () => {
  const lone = withPeer()
  lone.hear(dead('peer', 1, 'other'), prune('peer', 5))
  assert.deepEqual(lone.newFacts(), ['failed peer failed', 'leave peer left', 'reap peer left'])
  const left = withPeer()
  left.hear(leaveIntent('peer', 5), dead('peer', 1, 'peer'), prune('peer', 6))
  const story = ['change peer leaving', 'leave peer left', 'change peer left', 'reap peer left']
  assert.deepEqual(left.newFacts(), story)
  assert.equal(left.stats().members, 1)
})

test('a prune of a member that lives holds up nothing, and the member is kept', () => {
  const lone = withPeer()
  lone.hear(prune('peer', 5))
  assert.deepEqual(lone.newFacts(), ['change peer leaving'])
  lone.hear(OTHER)
  assert.deepEqual(lone.newFacts(), ['join other alive'], 'nothing waits for the prune')
  lone.advance(7_000)
  assert.deepEqual(lone.newFacts(), [])
  assert.equal(lone.stats()['folkmoot.prune.kept'], 1)
  lone.hear(joinIntent('peer', 6))
  assert.deepEqual(lone.newFacts(), ['change peer alive'])
})

test('a prune of a leaving member erases it once it is gone, six seconds after the prune', () => {
  const lone = withPeer()
  lone.hear(leaveIntent('peer', 5), prune('peer', 6))
  lone.advance(1_000)
  lone.hear(dead('peer', 1, 'peer'))
  assert.deepEqual(lone.newFacts(), ['change peer leaving', 'change peer leaving', 'leave peer left'])
  lone.advance(6_000)
  assert.deepEqual(lone.newFacts(), ['reap peer left'])
})

test('a member that contradicts a prune of itself is asked about in vain when the time is up', () => {
  const lone = withPeer()
  lone.hear(prune('peer', 5), joinIntent('peer', 6))
  lone.advance(7_000)
  assert.deepEqual(lone.newFacts(), ['change peer leaving', 'change peer alive'])
})

test('a prune about ourselves is refuted like any leave', () => {
  const lone = withPeer()
  lone.hear(prune('self', 5))
  lone.advance(10_000)
  assert.deepEqual(lone.newFacts(), ['change self alive'], 'the time of its join alone')
  assert.ok(lone.hasGossiped(joinIntent('self', 6)))
  assert.equal(lone.hasGossiped(prune('self', 5)), false)
})

test('what is said late about a pruned member cannot bring it back and is not passed on', () => {
  const lone = withPeer()
  lone.advance(5_000)
  lone.hear(joinIntent('peer', 4), dead('peer', 1, 'other'), prune('peer', 5))
  lone.advance(5_000)
  lone.newFacts()
  lone.toDetector.length = 0
  const late = [PEER, joinIntent('peer', 5), leaveIntent('peer', 5), prune('peer', 4), dead('peer', 1, 'x')]
  for (let round = 0; round < 3; round++) {
    lone.hear(...late)
    lone.advance(1_000)
  }
  assert.deepEqual(lone.newFacts(), [])
  // Whoever it is that shows up late is told to its face what it is held for, and nobody else hears of it.
  assert.deepEqual([...lone.gossiped], [hex(dead('peer', 1, 'self'))])
})

test('the tombstone holds also where memberlist had forgotten the member before it was pruned', () => {
  const lone = withPeer()
  lone.hear(dead('peer', 1, 'other'))
  lone.advance(HOUR)
  assert.equal(lone.stats().listed, 1)
  lone.hear(prune('peer', 5), PEER)
  assert.deepEqual(lone.newFacts().slice(-2), ['leave peer left', 'reap peer left'])
  lone.advance(40_000)
  assert.equal(lone.stats().listed, 1, 'and it is no longer than the dead are gossiped to')
})

test('a pruned member that starts again is a member like any other', () => {
  const lone = withPeer()
  lone.hear(dead('peer', 1, 'other'), prune('peer', 5))
  lone.newFacts()
  lone.hear(alive({ incarnation: 2, name: 'peer' }))
  assert.deepEqual(lone.newFacts(), ['join peer alive'])
  const elsewhere = withPeer()
  elsewhere.hear(dead('peer', 1, 'other'), prune('peer', 5))
  elsewhere.newFacts()
  elsewhere.advance(HOUR)
  elsewhere.hear(alive({ incarnation: 1, name: 'peer', address: [127, 0, 0, 9] }))
  assert.deepEqual(elsewhere.newFacts(), ['join peer alive'])
})

test('rows of members that are gone for good are used again: churn leaves the table as small as it was', () => {
  const lone = withPeer({ reconnectTimeout: 1_000, tombstoneTimeout: 1_000, gossipToTheDeadTime: 1_000 })
  for (let i = 0; i < 500; i++) {
    const name = `guest-${i}`
    lone.hear(alive({ incarnation: 1, name, address: [127, 0, 1, i % 250] }), dead(name, 1, name))
    if (i % 50 === 49) lone.advance(60_000)
  }
  const facts = lone.newFacts()
  assert.equal(facts.filter((fact) => fact.startsWith('reap')).length, 500)
  const { listed, members, rows } = lone.stats()
  assert.deepEqual({ listed, members }, { listed: 2, members: 2 })
  assert.ok(rows < 120, `${rows} rows for at most 50 guests at a time`)
})

test('failed members are forgotten after the reconnect timeout, those that left after the tombstone timeout', () => {
  const lone = withPeer({ reconnectTimeout: 60_000, tombstoneTimeout: 120_000 })
  lone.hear(OTHER, dead('peer', 1, 'other'), dead('other', 1, 'other'))
  lone.newFacts()
  lone.advance(55_000)
  assert.deepEqual(lone.newFacts(), [])
  lone.advance(25_000)
  assert.deepEqual(lone.newFacts(), ['reap peer failed'])
  lone.advance(60_000)
  assert.deepEqual(lone.newFacts(), ['reap other left'])
})

test('of left members aged 0, 5 and 10 seconds a tombstone timeout of 6 seconds leaves two', () => {
  const lone = withPeer({ tombstoneTimeout: 6_000, reapInterval: 10_000 })
  const guest = (name: string, host: number) => alive({ incarnation: 1, name, address: [127, 0, 2, host] })
  lone.hear(guest('ten', 1), guest('five', 2), guest('zero', 3))
  lone.hear(dead('ten', 1, 'ten'))
  lone.advance(5_000)
  lone.hear(dead('five', 1, 'five'))
  lone.advance(4_900)
  lone.hear(dead('zero', 1, 'zero'))
  lone.newFacts()
  lone.advance(100)
  assert.deepEqual(lone.newFacts(), ['reap ten left'])
  assert.equal(lone.stats().left, 2)
})

test('who has been gone for just its time is kept until the next look', () => {
  const lone = withPeer({ tombstoneTimeout: 10_000, reapInterval: 1_000 })
  lone.advance(1_000 - lone.now)
  lone.hear(dead('peer', 1, 'peer'))
  const left = lone.newFacts()
  lone.advance(11_500 - lone.now)
  assert.deepEqual([...left, ...lone.newFacts()], ['leave peer left'])
  lone.advance(1_000)
  assert.deepEqual(lone.newFacts(), ['reap peer left'])
})

test('a rule gives members with its tags a time of their own, failed or left; the first that matches counts', () => {
  const lone = withPeer({
    reconnectTimeout: HOUR,
    reapRules: [
      { tags: { class: 'job', keep: 'yes' }, after: HOUR },
      { tags: { class: 'job' }, after: 30_000 },
    ],
  })
  const tagged = (name: string, host: number, tags: Record<string, string>) =>
    alive({ incarnation: 1, name, address: [127, 0, 3, host], meta: encodeTags(tags, 5) })
  lone.hear(tagged('job', 1, { class: 'job' }), tagged('kept', 2, { class: 'job', keep: 'yes' }))
  lone.hear(tagged('db', 3, { class: 'db' }), tagged('gone', 4, { class: 'job' }))
  for (const name of ['job', 'kept', 'db']) lone.hear(dead(name, 1, 'peer'))
  lone.hear(dead('gone', 1, 'gone'))
  lone.newFacts()
  lone.advance(50_000)
  assert.deepEqual(lone.newFacts().sort(), ['reap gone left', 'reap job failed'])
})

test('a member that is back within the flap timeout after it failed is counted as flapping, later it is not', () => {
  const lone = withPeer({ flapTimeout: 10_000 })
  lone.hear(dead('peer', 1, 'other'))
  lone.advance(9_000)
  lone.hear(alive({ incarnation: 2, name: 'peer' }))
  assert.equal(lone.stats()['serf.member.flap'], 1)
  lone.hear(dead('peer', 2, 'other'))
  lone.advance(11_000)
  lone.hear(alive({ incarnation: 3, name: 'peer' }))
  assert.equal(lone.stats()['serf.member.flap'], 1)
})

test('failed members are tried to be reached, as often as their share of the pool says, and nobody is told', () => {
  const lone = new LoneGossip({ pushPullInterval: 0, reconnectInterval: 30_000 })
  lone.hear(PEER, OTHER)
  lone.advance(10 * 60_000)
  assert.equal(lone.dialled.length, 0, 'nobody failed')
  lone.hear(dead('peer', 1, 'other'))
  lone.advance(100 * 30_000)
  for (const { stream } of lone.dialled)
    lone.gossip.receive({ type: 'stream-closed', stream, error: 'no' }, lone.now)
  assert.ok(lone.dialled.every(({ ip }) => ip === '127.0.0.2'))
  const { 'folkmoot.reconnect.attempts': attempts } = lone.stats()
  // One of two that are alive: half of the ticks, each of which is a coin.
  assert.ok(attempts > 30 && attempts < 70, `${attempts} attempts of 100`)
  assert.equal(lone.hasGossiped(joinIntent('self', 1)), false)
})

test('who left is not among those that are alive: where half of the living failed they are tried at every tick', () => {
  const lone = new LoneGossip({ pushPullInterval: 0, reconnectInterval: 30_000 })
  const guests = Array.from({ length: 8 }, (_, i) => `guest-${i}`)
  lone.hear(
    PEER,
    ...guests.map((name, i) => alive({ incarnation: 1, name, address: [127, 0, 2, i + 1] })),
    ...guests.map((name) => dead(name, 1, name)),
    dead('peer', 1, 'other'),
  )
  lone.advance(20 * 30_000)
  assert.equal(lone.stats()['folkmoot.reconnect.attempts'], 20)
})

test('who leaves reaches for nobody any more', () => {
  const lone = new LoneGossip({ pushPullInterval: 0, reconnectInterval: 30_000 })
  lone.hear(PEER, dead('peer', 1, 'other'))
  lone.command({ type: 'leave' })
  lone.advance(HOUR)
  assert.equal(lone.dialled.length, 0)
})

test('prunes go out in a burst and then one a second, each is answered, and nothing else waits for them', () => {
  const lone = new LoneGossip({ reconnectInterval: 0, pushPullInterval: 0 })
  lone.hear(PEER)
  const names = Array.from({ length: 100 }, (_, i) => `gone-${i}`)
  for (const [i, name] of names.entries()) {
    lone.hear(alive({ incarnation: 1, name, address: [127, 0, 4, i] }), dead(name, 1, 'peer'))
  }
  lone.newFacts()
  const ids = names.map((name) => forceLeave(lone, name, 'prune'))
  assert.equal(lone.newFacts().filter((fact) => fact.startsWith('reap')).length, 64)
  lone.hear(OTHER)
  assert.deepEqual(lone.newFacts(), ['join other alive'])
  lone.advance(10_000)
  assert.equal(lone.newFacts().filter((fact) => fact.startsWith('reap')).length, 10)
  lone.advance(35_000)
  assert.deepEqual(
    ids.map((id) => answer(lone, id)),
    ids.map(() => ({ status: 'erased' })),
  )
  assert.equal(lone.stats().members, 3)
})

test('rules for reaping that are not what they may be are refused by name', () => {
  for (const rules of [{}, [1], [{ tags: {}, after: -1 }], [{ tags: { a: 1 }, after: 1 }], [{ after: 1 }]]) {
    assert.throws(() => new LoneGossip(Object.fromEntries([['reapRules', rules]])), /option reapRules/)
  }
})

test('prunes beyond 256 at once and 16 a second are leaves without a prune, counted and told once (row 17)', () => {
  const lone = withPeer({ retransmitMult: 1 })
  const names = Array.from({ length: 300 }, (_, i) => `job-${i}`)
  for (const name of names) {
    lone.hear(alive({ incarnation: 1, name }), dead(name, 1, name))
  }
  lone.newFacts()
  lone.hear(...names.map((name, i) => prune(name, 10 + i)))
  const reaped = (facts: string[]) => facts.filter((fact) => fact.startsWith('reap')).length
  assert.equal(reaped(lone.newFacts()), 256)
  assert.equal(lone.stats()['drop.prune-rate'], 44)
  assert.equal(lone.logged.filter((line) => line.includes('prunes a second')).length, 1)
  assert.equal(lone.stats().left, 44, 'those are remembered as members that left')
  lone.advance(1_000)
  lone.hear(...names.slice(260).map((name, i) => prune(name, 1_000 + i)))
  assert.equal(reaped(lone.newFacts()), 16)
})
