/** The ring: whom to probe and whom to ask for help. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/actors/random.ts'
import { Ring } from '../../src/detector/ring.ts'

function ringOf(count: number, seed = 1): Ring {
  const ring = new Ring(new SeededRandom(seed))
  for (let row = 1; row <= count; row++) {
    ring.apply({
      row,
      instance: 1,
      incarnation: 1,
      port: 7946,
      standing: 'alive',
      protocolMax: 5,
      address: Uint8Array.of(10, 0, 0, row),
      name: new TextEncoder().encode(`p${row}`),
    })
  }
  return ring
}

test('in a pool of three the one possible helper is never missed, in 100,000 draws', () => {
  const ring = ringOf(2)
  for (let i = 0; i < 100_000; i++) {
    const helpers = ring.randomAlive(3, 1)
    assert.equal(helpers.length, 1)
    assert.equal(helpers[0].row, 2)
  }
})

test('helpers are distinct, never the one in question, and all are chosen about equally often', () => {
  const ring = ringOf(20)
  const counts = new Map<number, number>()
  const draws = 20_000
  for (let i = 0; i < draws; i++) {
    const rows = ring.randomAlive(3, 7).map(({ row }) => row)
    assert.equal(new Set(rows).size, 3)
    assert.ok(!rows.includes(7))
    for (const row of rows) counts.set(row, (counts.get(row) ?? 0) + 1)
  }
  const expected = (3 * draws) / 19
  for (const count of counts.values())
    assert.ok(Math.abs(count - expected) < expected * 0.1, `${count} of ${expected}`)
})

test('names that are no text come back as the bytes that they are', () => {
  const ring = new Ring(new SeededRandom(1))
  const name = Uint8Array.of(0, 255, 128, 0xc3, 0x28)
  const address = Uint8Array.of(10, 0, 0, 1)
  ring.apply({
    row: 3,
    instance: 1,
    incarnation: 1,
    port: 1,
    standing: 'alive',
    protocolMax: 5,
    address,
    name,
  })
  assert.deepEqual(ring.next()?.name, name)
})
