/** Running suspicions: when they end, who counts as an accuser, and what a pause of ours does to them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Suspicions } from '../../src/gossip/suspicions.ts'

const LAN = { probeInterval: 1_000, suspicionMult: 4, suspicionMaxTimeoutMult: 6 }

test('without confirmations a suspicion runs its full length, with all of them the shortest', () => {
  const suspicions = new Suspicions(LAN)
  suspicions.start(1, 'a', 10, 0)
  suspicions.start(2, 'a', 10, 0)
  assert.equal(suspicions.confirm(2, 'b'), true)
  assert.equal(suspicions.confirm(2, 'c'), true)
  assert.equal(suspicions.due(3_999), undefined)
  assert.deepEqual(suspicions.due(4_000), { row: 2, support: 'confirmed' })
  assert.equal(suspicions.due(23_999), undefined)
  assert.deepEqual(suspicions.due(24_000), { row: 1, support: 'unconfirmed' })
  for (const row of [1, 2]) suspicions.end(row)
  assert.equal(suspicions.size, 0)
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
  assert.equal(suspicions.due(4_999), undefined)
  assert.equal(suspicions.due(5_000)?.row, 1)
})

test('a pause of ours extends every running suspicion by its length', () => {
  const suspicions = new Suspicions(LAN)
  suspicions.start(1, 'a', 3, 0)
  suspicions.extend(30_000)
  assert.equal(suspicions.due(33_999), undefined)
  assert.equal(suspicions.nextAt, 34_000)
  assert.equal(suspicions.due(34_000)?.row, 1)
})
