/** Rounds of the ring, whatever comes and goes in them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '../../src/actors/random.ts'
import type { RosterStanding } from '../../src/actors/roster.ts'
import { Ring } from '../../src/detector/ring.ts'

const ADDRESS = Uint8Array.of(10, 0, 0, 1)

function tell(ring: Ring, row: number, standing: RosterStanding, instance = 1): void {
  const name = new TextEncoder().encode(`p${row}`)
  const entry = {
    row,
    instance,
    incarnation: 1,
    port: 7946,
    standing,
    protocolMax: 5,
    address: ADDRESS,
    name,
  }
  ring.apply(entry)
}

function ringOf(count: number, seed: number): Ring {
  const ring = new Ring(new SeededRandom(seed))
  for (let row = 0; row < count; row++) tell(ring, row, 'alive')
  return ring
}

const walk = (ring: Ring, steps: number) => Array.from({ length: steps }, () => ring.next()?.row ?? -1)

test('every peer comes exactly once in a round, alive or suspect', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(), (count, seed) => {
      const ring = ringOf(count, seed)
      tell(ring, 0, 'suspect')
      for (let round = 0; round < 3; round++) assert.equal(new Set(walk(ring, count)).size, count)
    }),
  )
})

test('who comes in the middle of a round comes still in this round, and nobody comes twice for it', () => {
  const counts = {
    count: fc.integer({ min: 1, max: 40 }),
    seed: fc.nat(),
    newcomers: fc.integer({ min: 1, max: 40 }),
  }
  fc.assert(
    fc.property(
      fc.record(counts),
      fc.double({ min: 0, max: 1, noNaN: true }),
      ({ count, seed, newcomers }, share) => {
        const ring = ringOf(count, seed)
        const visited = walk(ring, Math.floor(share * count))
        for (let i = 0; i < newcomers; i++) tell(ring, count + i, 'alive')
        const whole = visited.concat(walk(ring, count + newcomers - visited.length))
        assert.equal(new Set(whole).size, count + newcomers)
      },
    ),
  )
})

test('who goes is skipped, and whoever comes back is a peer like all others', () => {
  const rows = fc.uniqueArray(fc.nat({ max: 29 }), { maxLength: 29 })
  fc.assert(
    fc.property(rows, fc.nat(), fc.integer({ min: 0, max: 29 }), (gone, seed, steps) => {
      const ring = ringOf(30, seed)
      walk(ring, steps)
      for (const row of gone) tell(ring, row, 'gone')
      assert.equal(ring.peers, 30 - gone.length)
      const seen = walk(ring, 90)
      assert.ok(!seen.some((row) => gone.includes(row)))
      assert.equal(new Set(seen).size, 30 - gone.length)
      assert.equal(ring.size, ring.peers, 'the places of the gone are dropped when the ring wraps around')
      for (const row of gone) tell(ring, row, 'alive')
      assert.equal(new Set(walk(ring, 60)).size, 30)
    }),
  )
})

test('a member that follows in the row of another is a new peer, and late words about the other change nothing', () => {
  const ring = ringOf(1, 1)
  tell(ring, 0, 'alive', 3)
  tell(ring, 0, 'gone', 1)
  tell(ring, 0, 'suspect', 2)
  assert.deepEqual([ring.next()?.instance, ring.next()?.isSuspect, ring.peers], [3, false, 1])
  tell(ring, 0, 'gone', 3)
  tell(ring, 0, 'gone', 3)
  assert.equal(ring.peers, 0, 'nobody goes twice')
  assert.equal(ring.next(), undefined)
  tell(ring, 0, 'alive', 2)
  assert.equal(ring.peers, 0)
  tell(ring, 0, 'gone', 3)
  assert.equal(ring.peers, 0, 'nobody goes twice')
})

test('helpers are found even where nearly all of a large ring are suspects, and are never suspects', () => {
  const ring = ringOf(2_000, 5)
  for (let row = 0; row < 1_998; row++) tell(ring, row, 'suspect')
  for (let i = 0; i < 200; i++) {
    const rows = ring.randomAlive(3, 1_998).map(({ row }) => row)
    assert.deepEqual(rows, [1_999])
  }
})

test('a ring of nobody has nobody next, and nobody helps', () => {
  const ring = new Ring(new SeededRandom(1))
  tell(ring, 900, 'gone')
  assert.deepEqual([ring.next(), ring.peers, ring.size, ring.randomAlive(3, -1)], [undefined, 0, 0, []])
})
