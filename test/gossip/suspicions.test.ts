/** Running suspicions: when they end, when the accused is asked, who counts as an accuser, and what a pause of ours does to them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Suspicions } from '../../src/gossip/suspicions.ts'

const LAN = { probeInterval: 1_000, suspicionMult: 4, suspicionMaxTimeoutMult: 6 }

/** All that is due until then, looked at each time that something is, with its instant. */
function dueUntil(suspicions: Suspicions, end: number): string[] {
  const seen: string[] = []
  while (suspicions.nextAt <= end) {
    const now = suspicions.nextAt
    for (let due = suspicions.due(now); due !== undefined; due = suspicions.due(now)) {
      seen.push(`${now} ${due.row} ${due.what === 'end' ? due.support : 'ask'}`)
      if (due.what === 'end') suspicions.end(due.row)
    }
  }
  return seen
}

test('without confirmations a suspicion runs its full length, with all of them the shortest; before its end the accused is asked', () => {
  const suspicions = new Suspicions(LAN)
  suspicions.start(1, 'a', 10, 0)
  suspicions.start(2, 'a', 10, 0)
  assert.equal(suspicions.confirm(2, 'b'), true)
  assert.equal(suspicions.confirm(2, 'c'), true)
  assert.deepEqual(dueUntil(suspicions, 1e9), [
    ...['2000 2 ask', '2500 2 ask', '3000 2 ask', '3500 2 ask', '4000 2 confirmed'],
    ...['22000 1 ask', '22500 1 ask', '23000 1 ask', '23500 1 ask', '24000 1 unconfirmed'],
  ])
  assert.equal(suspicions.size, 0)
})

test('nobody dies unasked: whom a late confirmation leaves no time gets a quarter of a probe interval', () => {
  const suspicions = new Suspicions(LAN)
  suspicions.start(1, 'a', 10, 0)
  suspicions.confirm(1, 'b')
  assert.deepEqual(dueUntil(suspicions, 5_000), [])
  suspicions.confirm(1, 'c')
  assert.deepEqual(suspicions.due(5_000), { row: 1, what: 'ask' })
  assert.equal(suspicions.due(5_249), undefined)
  assert.deepEqual(suspicions.due(5_250), { row: 1, what: 'end', support: 'confirmed' })
})

test('who answers has more time, but an interval at most, whatever is confirmed meanwhile', () => {
  const suspicions = new Suspicions(LAN)
  suspicions.start(1, 'a', 10, 0)
  suspicions.confirm(1, 'b')
  suspicions.confirm(1, 'c')
  assert.equal(suspicions.stay(2, 1), false, 'nobody suspects it')
  assert.equal(dueUntil(suspicions, 3_500).length, 4)
  assert.equal(suspicions.stay(1, 4_500), true)
  assert.deepEqual(dueUntil(suspicions, 4_499), [])
  suspicions.stay(1, 99_000)
  suspicions.confirm(1, 'd')
  assert.deepEqual(dueUntil(suspicions, 1e9), ['5000 1 confirmed'])
})

test('an end to which we come late is put off and asked for again, three times', () => {
  const suspicions = new Suspicions(LAN)
  suspicions.start(1, 'a', 3, 0)
  assert.equal(dueUntil(suspicions, 3_999).length, 4)
  for (const now of [4_300, 4_900, 5_500]) assert.deepEqual(suspicions.due(now), { row: 1, what: 'ask' })
  assert.equal(suspicions.due(5_749), undefined)
  assert.equal(suspicions.due(6_100)?.what, 'end')
})

test('nobody confirms a suspicion twice, the first accuser not at all, and nobody once there are enough', () => {
  const suspicions = new Suspicions(LAN)
  suspicions.start(1, 'a', 10, 0)
  assert.equal(suspicions.confirm(1, 'a'), false)
  assert.equal(suspicions.confirm(1, 'b'), true)
  assert.equal(suspicions.confirm(1, 'b'), false)
  assert.equal(suspicions.confirm(1, 'c'), true)
  assert.equal(suspicions.confirm(1, 'd'), false)
})

test('a suspicion that was ended never comes up, also when the same row is suspected again', () => {
  const suspicions = new Suspicions(LAN)
  suspicions.start(1, 'a', 3, 0)
  suspicions.end(1)
  assert.equal(suspicions.due(1e9), undefined)
  suspicions.start(1, 'a', 3, 1_000)
  assert.deepEqual(dueUntil(suspicions, 1e9), [
    ...[3000, 3500, 4000, 4500].map((at) => `${at} 1 ask`),
    '5000 1 confirmed',
  ])
})

test('a pause of ours extends every running suspicion by its length, and the time of its questions', () => {
  const suspicions = new Suspicions(LAN)
  suspicions.start(1, 'a', 3, 0)
  assert.deepEqual(dueUntil(suspicions, 3_000).at(-1), '3000 1 ask')
  suspicions.extend(30_000)
  assert.deepEqual(dueUntil(suspicions, 1e9), ['33500 1 ask', '34000 1 confirmed'])
})

test('a pause does not count among the time that confirmations shorten', () => {
  const suspicions = new Suspicions(LAN)
  suspicions.start(1, 'a', 10, 0)
  suspicions.extend(30_000)
  suspicions.confirm(1, 'b')
  suspicions.confirm(1, 'c')
  assert.equal(dueUntil(suspicions, 1e9).at(-1), '34000 1 confirmed')
})
