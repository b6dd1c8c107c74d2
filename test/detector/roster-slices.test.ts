/** A roster of many is taken in by slices, in order, with turns of others in between. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pack } from '../../src/actors/packed.ts'
import { packRosterEntry } from '../../src/actors/roster.ts'
import { RosterSlices, SLICE } from '../../src/detector/roster-slices.ts'

function roster(from: number, count: number): Uint8Array {
  const pack = new Pack()
  for (let row = from; row < from + count; row++) {
    packRosterEntry(pack, {
      ...{ row, instance: 1, incarnation: 1, port: 7946, protocolMax: 5 },
      ...{
        standing: 'alive',
        address: Uint8Array.of(10, 0, 0, 1),
        name: new TextEncoder().encode(`m${row}`),
      },
    })
  }
  return pack.take()
}

test('a short roster is taken in at once, and nothing is planned', () => {
  const seen: number[] = []
  const slices = new RosterSlices(({ row }) => seen.push(row))
  slices.add(roster(0, 3), 10)
  assert.deepEqual(seen, [0, 1, 2])
  assert.equal(slices.wakeAt, Number.POSITIVE_INFINITY)
})

test('a long one takes a turn for each slice, and what comes behind it waits for its end', () => {
  const seen: number[] = []
  const slices = new RosterSlices(({ row }) => seen.push(row))
  slices.add(roster(0, SLICE + 2), 10)
  assert.equal(seen.length, SLICE)
  assert.equal(slices.wakeAt, 10, 'at once')
  slices.add(roster(SLICE + 2, 2), 11)
  assert.equal(seen.length, SLICE, 'in order')
  slices.wake(12)
  assert.equal(seen.length, SLICE + 2)
  assert.equal(slices.wakeAt, 12)
  slices.wake(13)
  assert.deepEqual(
    seen,
    Array.from({ length: SLICE + 4 }, (_, row) => row),
  )
  assert.equal(slices.wakeAt, Number.POSITIVE_INFINITY)
})
