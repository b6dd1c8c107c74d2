/** Statuses and intents (protocol page 2, sections 4.1, 4.2, 7.6): who left, who failed, and what is passed on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryMessage } from '../dispatch/lone-dispatch.ts'
import { alive, dead, joinIntent, LoneGossip, leaveIntent, userEvent } from './lone-gossip.ts'

const PEER = alive({ incarnation: 1, name: 'peer' })

function withPeer(): LoneGossip {
  const lone = new LoneGossip()
  lone.hear(PEER)
  lone.newFacts()
  return lone
}

test('a death by the word of others is a failure; after a leave intent, or by its own word, it is a leave', () => {
  const lone = withPeer()
  lone.hear(leaveIntent('peer', 5))
  assert.deepEqual(lone.newFacts(), ['change peer leaving'])
  lone.hear(dead('peer', 1, 'peer'))
  assert.deepEqual(lone.newFacts(), ['leave peer left'])
  const other = withPeer()
  other.hear(dead('peer', 1, 'other'))
  assert.deepEqual(other.newFacts(), ['failed peer failed'])
  const missed = withPeer()
  missed.hear(dead('peer', 1, 'peer'))
  assert.deepEqual(missed.newFacts(), ['leave peer left'], 'the intent was missed, the word was not')
})

test('a leave intent that comes after the failure turns it into a leave', () => {
  const lone = withPeer()
  lone.hear(dead('peer', 1, 'other'), leaveIntent('peer', 5))
  assert.deepEqual(lone.newFacts(), ['failed peer failed', 'leave peer left'])
})

test('a newer join intent brings a leaving member back, an older one does not', () => {
  const lone = withPeer()
  lone.hear(leaveIntent('peer', 12), joinIntent('peer', 11))
  assert.deepEqual(lone.newFacts(), ['change peer leaving'])
  lone.hear(joinIntent('peer', 14))
  assert.deepEqual(lone.newFacts(), ['change peer alive'])
  assert.equal(lone.stats().member_time, 15)
})

test('of a leave and a join of one time the join counts, in either order, known or not, and is passed on', () => {
  const [leave, join] = [leaveIntent('peer', 12), joinIntent('peer', 12)]
  for (const order of [
    [leave, join],
    [join, leave],
  ]) {
    const lone = withPeer()
    lone.hear(...order)
    assert.equal(lone.newFacts().at(-1), 'change peer alive')
    lone.advance(5_000)
    assert.ok(lone.hasGossiped(join))
    const unknown = new LoneGossip()
    unknown.hear(...order, PEER)
    assert.deepEqual(unknown.newFacts().at(-1), 'join peer alive')
  }
})

test('the first hearing of an intent is passed on in its bytes, the second is not', () => {
  const lone = withPeer()
  lone.advance(5_000)
  const leave = leaveIntent('peer', 10)
  lone.hear(leave)
  lone.advance(5_000)
  assert.ok(lone.hasGossiped(leave))
  lone.toDetector.length = 0
  lone.hear(leave)
  lone.advance(5_000)
  assert.equal(lone.hasGossiped(leave), false)
})

test('an older intent than what is known is not passed on and changes nothing', () => {
  const lone = withPeer()
  lone.hear(joinIntent('peer', 12))
  lone.advance(5_000)
  lone.newFacts()
  lone.toDetector.length = 0
  lone.hear(leaveIntent('peer', 10), joinIntent('peer', 10))
  lone.advance(5_000)
  assert.equal(lone.gossiped.size, 0)
  assert.deepEqual(lone.facts, [])
})

test('an intent about somebody unknown waits for the member: a join gives its time, a leave makes it leaving', () => {
  const lone = new LoneGossip()
  lone.newFacts()
  lone.hear(joinIntent('peer', 5), leaveIntent('peer', 6), joinIntent('other', 5))
  assert.deepEqual(lone.newFacts(), [])
  lone.hear(PEER, alive({ incarnation: 1, name: 'other', address: [127, 0, 0, 3] }))
  assert.deepEqual(lone.newFacts(), ['join peer leaving', 'join other alive'])
})

test('of intents about somebody unknown the one with the highest time stays, whatever its kind', () => {
  const lone = new LoneGossip()
  lone.newFacts()
  lone.hear(joinIntent('peer', 4), leaveIntent('peer', 3), joinIntent('peer', 4))
  lone.hear(PEER)
  assert.deepEqual(lone.newFacts(), ['join peer alive'])
})

test('intents that nobody claims are forgotten after their time', () => {
  const lone = new LoneGossip({ recentIntentTimeout: 10_000 })
  lone.newFacts()
  lone.hear(leaveIntent('peer', 6))
  lone.advance(16_000)
  lone.hear(PEER)
  assert.deepEqual(lone.newFacts(), ['join peer alive'])
})

test('an intent about a name that no member may have is not kept', () => {
  const lone = new LoneGossip()
  lone.hear(joinIntent('a'.repeat(1_025), 6), joinIntent('b'.repeat(1_024), 7))
  assert.equal(lone.stats().intent_queue, 1)
})

test('a leave intent about us is answered with a join above it and not passed on', () => {
  const lone = withPeer()
  lone.advance(5_000)
  lone.toDetector.length = 0
  const leave = leaveIntent('self', 500)
  lone.hear(leave)
  lone.advance(1_000)
  assert.ok(lone.hasGossiped(joinIntent('self', 501)))
  assert.equal(lone.hasGossiped(leave), false)
  assert.equal(lone.stats().member_time, 502)
})

test('a leave intent about us of the very time of our join is contradicted, whoever of the two was heard first elsewhere', () => {
  const lone = withPeer()
  lone.hear(leaveIntent('self', 500))
  lone.advance(5_000)
  lone.toDetector.length = 0
  lone.hear(leaveIntent('self', 501))
  lone.advance(1_000)
  assert.ok(lone.hasGossiped(joinIntent('self', 502)))
})

test('a time about us that is not ours is answered with a join: it may be that of a leave which we missed', () => {
  const lone = withPeer()
  lone.advance(5_000)
  lone.toDetector.length = 0
  lone.hear(joinIntent('self', 700))
  lone.advance(1_000)
  assert.ok(lone.hasGossiped(joinIntent('self', 701)))
  lone.toDetector.length = 0
  lone.advance(5_000)
  lone.hear(joinIntent('self', 701))
  lone.advance(1_000)
  assert.equal(lone.hasGossiped(joinIntent('self', 702)), false, 'our own word is no news to us')
})

test('Lamport times that would wrap or lose exactness are refused and counted', () => {
  const lone = withPeer()
  lone.hear(leaveIntent('peer', Number.MAX_SAFE_INTEGER))
  assert.deepEqual(lone.facts, [])
  assert.equal(lone.stats()['drop.intent'], 1)
  assert.equal(lone.stats().member_time, 1)
})

test('a member that left and returns is alive again, and its old leave does not count any more', () => {
  const lone = withPeer()
  lone.hear(leaveIntent('peer', 50), dead('peer', 1, 'peer'))
  lone.newFacts()
  lone.hear(alive({ incarnation: 2, name: 'peer' }), leaveIntent('peer', 50))
  assert.deepEqual(lone.newFacts(), ['join peer alive'])
})

test('a lone member leaves at once; with others it tells them, dies by its own word and lingers', () => {
  const alone = new LoneGossip()
  const id = alone.command({ type: 'leave' })
  assert.deepEqual(alone.replies.get(id), { ok: true, value: { told: 0 }, after: 3 })
  assert.deepEqual(alone.facts, ['join self alive', 'change self leaving', 'leave self left'])

  const lone = withPeer()
  const leave = lone.command({ type: 'leave' })
  lone.advance(999)
  assert.equal(lone.replies.has(leave), false)
  // The detector gives it to the peers itself, and says who acknowledged it.
  const farewell = lone.toDetector.find((mail) => mail.type === 'farewell')
  assert.deepEqual(farewell, { type: 'farewell', bytes: leaveIntent('self', 1) })
  lone.gossip.receive({ type: 'told', count: 1, awaited: 0 }, lone.now)
  lone.advance(5_000)
  const envelope = lone.replies.get(leave)
  assert.deepEqual(envelope?.ok && envelope.value, { told: 1 })
  assert.ok(lone.hasGossiped(leaveIntent('self', 1)))
  assert.ok(lone.hasGossiped(dead('self', 1, 'self')))
})

test('we die by our own word only when no peer is awaited that may still acknowledge the leave: else it would call us failed', () => {
  const lone = withPeer()
  lone.command({ type: 'leave' })
  lone.gossip.receive({ type: 'told', count: 0, awaited: 1 }, lone.now)
  lone.advance(3_000)
  assert.ok(lone.hasGossiped(leaveIntent('self', 1)))
  assert.ok(!lone.hasGossiped(dead('self', 1, 'self')))
  lone.gossip.receive({ type: 'told', count: 1, awaited: 0 }, lone.now)
  lone.advance(1_000)
  assert.ok(lone.hasGossiped(dead('self', 1, 'self')))
})

test('the time of a leave is told to the snapshot behind it, before the leave is answered', () => {
  const lone = new LoneGossip({ snapshotPath: '/snapshot' })
  const id = lone.command({ type: 'leave' })
  while (!lone.replies.has(id)) lone.gossip.wake(lone.now)
  const told = lone.toDispatch.filter(({ type }) => type === 'leaving' || type === 'clock')
  assert.deepEqual(told, [{ type: 'leaving' }, { type: 'clock', memberTime: 2 }])
})

test('the clock of members is told to the snapshot every half second in which it moved', () => {
  const lone = new LoneGossip({ snapshotPath: '/snapshot' })
  const times = () =>
    lone.toDispatch.splice(0).flatMap((mail) => (mail.type === 'clock' ? [mail.memberTime] : []))
  lone.advance(600)
  assert.deepEqual(times(), [1])
  lone.hear(joinIntent('peer', 7))
  lone.advance(500)
  assert.deepEqual(times(), [8])
  lone.advance(2_000)
  assert.deepEqual(times(), [])
})

test('after a restart each clock goes on behind the time it had, and what has that time was seen', () => {
  const restored = { memberTime: 100, eventTime: 77, queryTime: 50, members: [] }
  const lone = new LoneGossip({}, undefined, restored)
  const { member_time, event_time, query_time } = lone.stats()
  assert.deepEqual([member_time, event_time, query_time], [101, 78, 51])
  lone.newFacts()
  lone.hear(userEvent('seen', 77), userEvent('new', 78))
  lone.hear(queryMessage({ lamportTime: 50, id: 1 }), queryMessage({ lamportTime: 51, id: 2 }))
  assert.deepEqual(
    lone.newFacts().map((fact) => fact.trim()),
    ['user new@78', 'query uptime@51'],
  )
})

test('tags that nobody is there to hear of are answered at once', () => {
  const lone = new LoneGossip()
  const id = lone.command({ type: 'set-tags', tags: { role: 'web' } })
  lone.advance(10)
  assert.equal(lone.replies.get(id)?.ok, true)
})

test('a leave goes on when nobody takes its broadcast in time', () => {
  const lone = withPeer()
  // No packet is ever sent when the only peer is dead for good, so the broadcast cannot finish.
  const leave = lone.command({ type: 'leave' })
  lone.hear(dead('peer', 1, 'other'))
  lone.advance(20_000)
  assert.equal(lone.replies.get(leave)?.ok, true)
})

test('nobody who is leaving refutes its own death', () => {
  const lone = withPeer()
  lone.command({ type: 'leave' })
  lone.gossip.receive({ type: 'told', count: 1, awaited: 0 }, lone.now)
  lone.advance(3_000)
  assert.ok(lone.newFacts().includes('leave self left'))
  lone.hear(dead('self', 1, 'peer'))
  assert.equal(lone.stats()['folkmoot.refuted'] ?? 0, 0)
})

test('a newer intent that changes no status is seen by the host: the time of the last word about a member', () => {
  const lone = new LoneGossip()
  lone.hear(alive({ incarnation: 1, name: 'peer' }))
  lone.newFacts()
  lone.hear(joinIntent('peer', 9))
  assert.deepEqual(lone.newFacts(), ['change peer alive'])
  lone.hear(joinIntent('peer', 9))
  assert.deepEqual(lone.newFacts(), [], 'one that is not newer changes nothing')
})

test('tags that come behind a leave are refused: announced, they would bring back who said goodbye', () => {
  const lone = withPeer()
  lone.command({ type: 'leave' })
  lone.advance(20_000)
  const envelope = lone.replies.get(lone.command({ type: 'set-tags', tags: { role: 'db' } }))
  assert.equal(envelope?.ok, false)
  assert.equal(envelope?.ok === false && envelope.error.code, 'ERR_CLUSTER_LEFT')
})
