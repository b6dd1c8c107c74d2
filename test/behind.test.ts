/** What listeners know otherwise than the mirror shows: kept by row, records out of shared memory without a copy. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FACT, FactReader, packMember } from '../src/actors/facts.ts'
import { Pack } from '../src/actors/packed.ts'
import { Behind } from '../src/cluster/behind.ts'

function record(row: number, incarnation: number, memory: 'plain' | 'shared'): FactReader {
  const pack = new Pack()
  packMember(pack, FACT.memberChange, {
    ...{ row, incarnation, status: 1, instance: 1, statusTime: 3, port: 7946 },
    versions: Uint8Array.of(1, 5, 2, 2, 5, 4),
    address: Uint8Array.of(10, 0, 0, 1),
    name: new TextEncoder().encode(`member-${row}`),
    meta: new Uint8Array(0),
  })
  return new FactReader(memory === 'shared' ? pack.takeShared() : pack.take())
}

/** Incarnation of what is kept; 0 where it is known that nobody is there. */
function kept(behind: Behind, row: number): number | undefined {
  if (!behind.has(row)) return undefined
  const known = behind.get(row)
  return known instanceof Uint8Array ? new FactReader(known).incarnation : 0
}

const STEPS: Record<string, (behind: Behind, row: number, incarnation: number) => void> = {
  plain: (behind, row, incarnation) => behind.hear(record(row, incarnation, 'plain')),
  shared: (behind, row, incarnation) => behind.hear(record(row, incarnation, 'shared')),
  picture: (behind, row, incarnation) => behind.set(row, record(row, incarnation, 'plain').bytes),
  unknown: (behind, row) => behind.set(row, undefined),
  delete: (behind, row) => behind.delete(row),
  tidy: (behind) => behind.tidy(),
  clear: (behind) => behind.clear(),
}

test('each row is kept as it was set or heard last, until it is deleted or all are cleared', () => {
  const step = fc.tuple(
    fc.constantFrom(...Object.keys(STEPS)),
    fc.nat(40),
    fc.integer({ min: 1, max: 1_000 }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
      const behind = new Behind()
      const model = new Map<number, number>()
      for (const [what, row, incarnation] of steps) {
        STEPS[what](behind, row, incarnation)
        if (what === 'clear') model.clear()
        else if (what === 'delete') model.delete(row)
        else if (what !== 'tidy') model.set(row, what === 'unknown' ? 0 : incarnation)
        assert.equal(behind.size, model.size)
        for (let at = 0; at <= 40; at++) assert.equal(kept(behind, at), model.get(at))
      }
    }),
  )
})
