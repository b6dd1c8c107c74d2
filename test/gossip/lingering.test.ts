/** Members that are leaving and do not go (protocol page 2, section 4.2): who is asked, when, and what comes of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alive, dead, hex, joinIntent, LoneGossip, leaveIntent } from './lone-gossip.ts'

const PORT = 7_001
const PEER = alive({ incarnation: 1, name: 'peer', port: PORT })
/** Three times the six seconds that a leave may take. */
const LOOK = 18_000

function withLeaving(time: number): LoneGossip {
  const lone = new LoneGossip()
  lone.hear(PEER, leaveIntent('peer', time))
  assert.equal(lone.newFacts().at(-1), 'change peer leaving')
  lone.sentTo(PORT)
  return lone
}

/** What went to the peer alone since the last call: leave intents of any time. */
function questions(lone: LoneGossip): string[] {
  const start = hex(leaveIntent('peer', 0)).slice(0, 4)
  return lone.sentTo(PORT).filter((message) => message.startsWith(start))
}

test('whoever is leaving for two looks is asked by an intent of a new time, and a join above it makes it alive', () => {
  const lone = withLeaving(20)
  lone.advance(LOOK)
  assert.deepEqual(questions(lone), [], 'one look is not enough')
  lone.advance(LOOK)
  assert.deepEqual(questions(lone), [hex(leaveIntent('peer', 21))])
  assert.equal(lone.stats()['folkmoot.leaving.asked'], 1)
  lone.hear(joinIntent('peer', 22))
  assert.deepEqual(lone.newFacts(), ['change peer alive'])
  lone.advance(3 * LOOK)
  assert.equal(lone.stats()['folkmoot.leaving.asked'], 1)
})

test('what is held of whoever is asked stays: a leaver that dies has left', () => {
  const lone = withLeaving(20)
  lone.advance(2 * LOOK)
  assert.equal(lone.stats()['folkmoot.leaving.asked'], 1)
  lone.newFacts()
  lone.hear(dead('peer', 1, 'other'))
  assert.deepEqual(lone.newFacts(), ['leave peer left'])
  lone.advance(3 * LOOK)
  assert.equal(lone.stats()['folkmoot.leaving.asked'], 1)
})

test('a leave between two looks is nobody else business: who went, and who began to leave after the first, is not asked', () => {
  const lone = withLeaving(20)
  lone.hear(dead('peer', 1, 'peer'))
  lone.advance(LOOK + 1_000)
  lone.hear(alive({ incarnation: 2, name: 'peer', port: PORT }), leaveIntent('peer', 30))
  lone.advance(LOOK)
  assert.equal(lone.stats()['folkmoot.leaving.asked'], undefined)
})

test('at most 64 are asked at one look', () => {
  const lone = new LoneGossip()
  for (let i = 0; i < 70; i++) lone.hear(alive({ incarnation: 1, name: `m${i}` }), leaveIntent(`m${i}`, 9))
  lone.advance(2 * LOOK)
  assert.equal(lone.stats()['folkmoot.leaving.asked'], 64)
})

test('whoever leaves asks nobody any more', () => {
  const lone = withLeaving(20)
  lone.advance(LOOK)
  lone.command({ type: 'leave' })
  lone.advance(2 * LOOK)
  assert.equal(lone.stats()['folkmoot.leaving.asked'], undefined)
})
