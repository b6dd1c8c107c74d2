/** Restarts between two probes (row 19): which words of a member say so, and which do not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alive, dead, joinIntent, LoneGossip, leaveIntent } from './lone-gossip.ts'

/** A member that joined once, a while ago. */
function withPeer(): LoneGossip {
  const lone = new LoneGossip()
  lone.hear(alive({ incarnation: 3, name: 'peer' }), joinIntent('peer', 5))
  lone.advance(60_000)
  return lone
}

const restarts = (lone: LoneGossip) =>
  lone.toDispatch.flatMap((mail) => (mail.type === 'restart' ? [mail.restart] : []))

const AGAIN = [alive({ incarnation: 4, name: 'peer' }), joinIntent('peer', 9)] as const

test('a higher incarnation and a join announced anew are a restart, in either order, told once', () => {
  for (const words of [AGAIN, [...AGAIN].reverse()]) {
    const lone = withPeer()
    lone.hear(words[0])
    assert.deepEqual(restarts(lone), [])
    lone.advance(3_000)
    lone.hear(words[1], ...AGAIN)
    const [{ name, incarnation, previous }, ...more] = restarts(lone)
    assert.deepEqual([name, incarnation, previous.incarnation, more], ['peer', 4, 3, []])
  }
})

test('of several words in a row the first says what the member was', () => {
  const lone = withPeer()
  lone.hear(
    alive({ incarnation: 4, name: 'peer' }),
    alive({ incarnation: 5, name: 'peer' }),
    joinIntent('peer', 9),
  )
  assert.deepEqual(
    restarts(lone).map(({ incarnation, previous }) => [previous.incarnation, incarnation]),
    [[3, 5]],
  )
})

test('neither sign alone is one, nor both with much time between, nor a first join, nor an answer to a forced leave, nor a failure', () => {
  const cases: ((lone: LoneGossip) => void)[] = [
    (lone) => lone.hear(AGAIN[0]),
    (lone) => lone.hear(AGAIN[1]),
    (lone) => {
      lone.hear(AGAIN[0])
      lone.advance(6_000)
      lone.hear(AGAIN[1])
    },
    (lone) => lone.hear(leaveIntent('peer', 8), ...AGAIN),
    (lone) => lone.hear(dead('peer', 3, 'other'), ...AGAIN),
    (lone) => {
      lone.hear(
        alive({ incarnation: 1, name: 'new' }),
        joinIntent('new', 9),
        alive({ incarnation: 2, name: 'new' }),
      )
    },
  ]
  for (const [i, happen] of cases.entries()) {
    const lone = withPeer()
    happen(lone)
    assert.deepEqual(restarts(lone), [], `case ${i}`)
  }
})

test('ten thousand members that restart at once cost no more than the last thousand signs', () => {
  const lone = withPeer()
  for (let i = 0; i < 10_000; i++) lone.hear(alive({ incarnation: 1, name: `m${i}` }), joinIntent(`m${i}`, 5))
  for (let i = 0; i < 10_000; i++) lone.hear(alive({ incarnation: 2, name: `m${i}` }))
  for (let i = 0; i < 10_000; i++) lone.hear(joinIntent(`m${i}`, 9))
  assert.equal(restarts(lone).length, 1_024)
})
