/** Names at two addresses, and the dead that show up again (protocol page 1, 7.8; known defects 11, 13 and B11). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alive, dead, LoneGossip, suspect } from './lone-gossip.ts'

const OLD = 7_001
const NEW = 7_002
const old = (incarnation: number) => alive({ incarnation, name: 'pod', port: OLD })
const moved = (incarnation: number) => alive({ incarnation, name: 'pod', port: NEW })

function withPod(options: ConstructorParameters<typeof LoneGossip>[0] = {}): LoneGossip {
  // Nobody else dials.
  const lone = new LoneGossip({ reconnectInterval: 0, ...options })
  lone.hear(old(5), alive({ incarnation: 1, name: 'third', address: [127, 0, 0, 3] }))
  lone.newFacts()
  return lone
}

test('a left name is free at once, at another address, with any incarnation', () => {
  const lone = withPod()
  lone.hear(dead('pod', 5, 'pod'))
  lone.newFacts()
  lone.hear(moved(1))
  assert.deepEqual(lone.newFacts(), ['join pod alive'])
  assert.ok(lone.roster.includes('pod alive 1'), 'the incarnation is taken even though it is lower')
  assert.deepEqual([lone.answerPings(), lone.notices], [[], []], 'nobody is asked')
})

test('a pod that was killed and starts elsewhere is taken at once, long before its death is known, if its old address is silent', () => {
  const lone = withPod()
  lone.hear(moved(1))
  assert.deepEqual(lone.newFacts(), [])
  assert.deepEqual(lone.answerPings(), [OLD])
  assert.deepEqual(lone.newFacts(), ['change pod alive'])
  assert.ok(lone.roster.includes('pod alive 1'))
  lone.advance(300)
  assert.ok(lone.hasGossiped(moved(1)), 'and passed on')
  assert.deepEqual(lone.notices, [], 'with no conflict')
})

test('what still shows the place before the move is late and no conflict, whatever its incarnation', () => {
  const lone = withPod()
  lone.hear(moved(1))
  lone.answerPings()
  lone.newFacts()
  lone.hear(old(5), old(6), old(7))
  assert.deepEqual([lone.newFacts(), lone.answerPings(), lone.notices], [[], [], []])
  assert.equal(lone.stats()['folkmoot.stale-address'], 3)
})

test('the name of a member that answers is not taken, and a rival that answers too is a conflict, told once', () => {
  const lone = withPod()
  lone.hear(moved(9))
  assert.deepEqual(lone.answerPings(OLD, NEW), [OLD])
  assert.deepEqual(lone.answerPings(OLD, NEW), [NEW])
  assert.deepEqual(lone.notices, [`conflict about member pod: 127.0.0.2:${OLD}, 127.0.0.2:${NEW}`])
  lone.advance(2_000)
  lone.hear(moved(9))
  lone.answerPings(OLD, NEW)
  lone.answerPings(OLD, NEW)
  assert.equal(lone.stats()['memberlist.conflict'], 2)
  assert.equal(lone.notices.length, 1)
  assert.ok(lone.roster.includes('pod alive 5'))
})

test('a rival that does not answer is old news', () => {
  const lone = withPod()
  lone.hear(moved(9))
  lone.answerPings(OLD)
  assert.deepEqual(lone.answerPings(OLD), [NEW])
  assert.deepEqual(lone.notices, [])
})

test('our own name at another address is a conflict about us only if somebody of that name answers there', () => {
  const lone = withPod()
  const rival = alive({ incarnation: 9, name: 'self', port: NEW })
  lone.hear(rival)
  assert.deepEqual(lone.answerPings(), [NEW])
  assert.deepEqual(lone.notices, [])
  lone.advance(2_000)
  lone.hear(rival)
  lone.answerPings(NEW)
  assert.deepEqual(lone.notices, [`conflict about self self: 127.0.0.1:7946, 127.0.0.2:${NEW}`])
  assert.equal(lone.stats()['folkmoot.refuted'] ?? 0, 0, 'and nothing to refute')
})

test('dead for longer than the reclaim time, a name is taken without asking', () => {
  const lone = withPod({ deadNodeReclaimTime: 5_000 })
  lone.hear(dead('pod', 5, 'third'))
  lone.advance(5_001)
  lone.newFacts()
  lone.hear(moved(1))
  assert.deepEqual(lone.newFacts(), ['join pod alive'])
  assert.deepEqual(lone.answerPings(), [])
})

test("dead for less than the reclaim time, a name is its old address's as long as that answers", () => {
  const lone = withPod({ deadNodeReclaimTime: 5_000 })
  lone.hear(dead('pod', 5, 'third'))
  lone.advance(4_000)
  lone.newFacts()
  lone.hear(moved(1))
  assert.deepEqual(lone.newFacts(), [])
  assert.deepEqual(lone.answerPings(OLD), [OLD])
  assert.ok(!lone.newFacts().includes('join pod alive'))
})

test('with reclaim off it is as in the original: a conflict at once, nobody is asked, dead names stay with their address', () => {
  const lone = withPod({ deadNodeReclaimTime: 0 })
  lone.hear(moved(9))
  assert.equal(lone.notices.length, 1)
  lone.hear(dead('pod', 5, 'third'))
  lone.advance(20_000)
  lone.hear(moved(9))
  assert.deepEqual(lone.answerPings(OLD, NEW), [])
  assert.ok(!lone.newFacts().includes('join pod alive'))
  assert.equal(lone.stats()['memberlist.conflict'], 2)
})

test('4 and 16 bytes of one IPv4 address are no conflict', () => {
  const lone = withPod({ deadNodeReclaimTime: 0 })
  const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 2]
  lone.hear(alive({ incarnation: 6, name: 'pod', port: OLD, address: mapped }))
  assert.deepEqual([lone.newFacts(), lone.notices], [['change pod alive'], []])
})

for (const [what, end] of [
  ['failed', [dead('pod', 5, 'third')]],
  ['failed after a suspicion', [suspect('pod', 5, 'third'), dead('pod', 5, 'third')]],
  ['left', [dead('pod', 5, 'pod')]],
] as const) {
  test(`a member that ${what} and was forgotten is believed to be back at no newer incarnation only if it answers`, () => {
    const lone = withPod()
    lone.hear(...end)
    lone.advance(40_000)
    assert.equal(lone.stats().listed, 2, 'forgotten')
    lone.newFacts()
    lone.hear(old(5))
    assert.deepEqual(lone.answerPings(), [OLD])
    assert.deepEqual(lone.newFacts(), [], 'somebody spread its old state, and nobody is there')
    assert.equal(lone.stats()['drop.revival'], 1)
    lone.advance(2_000)
    lone.hear(old(5))
    lone.answerPings(OLD)
    assert.deepEqual(lone.newFacts(), ['join pod alive'])
  })
}

test('a newer incarnation is its own word: nobody is asked', () => {
  const lone = withPod()
  lone.hear(dead('pod', 5, 'third'))
  lone.advance(40_000)
  lone.newFacts()
  lone.hear(old(6))
  assert.deepEqual(lone.newFacts(), ['join pod alive'])
})

test('the death of somebody not yet known counts as well', () => {
  const lone = new LoneGossip()
  lone.hear(dead('pod', 5, 'third'))
  lone.newFacts()
  lone.hear(old(5))
  assert.deepEqual(lone.answerPings(), [OLD])
  assert.deepEqual(lone.newFacts(), [])
})

test('a flood of claims asks each place once a second, and never more than 32 at once', () => {
  const lone = new LoneGossip()
  for (let i = 0; i < 200; i++) lone.hear(alive({ incarnation: 1, name: `n${i}`, port: 10_000 + i }))
  for (let i = 0; i < 200; i++) {
    for (let again = 0; again < 3; again++)
      lone.hear(alive({ incarnation: 1, name: `n${i}`, port: 20_000 + i }))
  }
  assert.equal(lone.dialled.length, 32)
  assert.ok(lone.stats()['drop.verify-busy'] > 0)
  lone.answerPings()
  assert.ok(lone.roster.includes('n0 alive 1'))
  lone.advance(10_000)
})
