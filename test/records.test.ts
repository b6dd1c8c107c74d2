/** Records of members: what is written is read, garbage is given back, and a world keeps equal ones once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { NumberColumn } from '../src/actors/number-column.ts'
import { Records } from '../src/actors/records.ts'
import { SharedRecords } from '../src/simulator/shared-records.ts'

const NOTHING = new Uint8Array(0)

function add(records: Records, name: Uint8Array, address: Uint8Array, meta: Uint8Array): number {
  return records.add(name, 0, name.length, address, 0, address.length, meta, 0, meta.length)
}

function read(records: Records, at: number): number[][] {
  return [records.name(at), records.address(at), records.meta(at)].map((part) => [...part])
}

const part = (most: number) => fc.uint8Array({ maxLength: most, size: 'max' })

for (const [title, make] of [
  ['own', () => new Records()],
  ['shared', () => new SharedRecords()],
] as const)
  test(`${title} records are what was written, whatever was added, renewed, dropped and tidied`, () => {
    const step = fc.tuple(fc.nat(30), part(40), part(16), part(80), fc.boolean())
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const records = make()
        const numbers = new NumberColumn(31)
        const isUsed = new Uint8Array(31)
        const model: number[][][] = []
        for (const [place, name, address, meta, isKept] of steps) {
          if (isUsed[place] === 1) records.drop(numbers.get(place))
          isUsed[place] = Number(isKept)
          if (isKept) {
            const added = add(records, name, address, NOTHING)
            numbers.set(place, renew(records, added, address, meta))
            model[place] = [[...name], [...address], [...meta]]
          }
          records.tidy(numbers, isUsed, 31)
        }
        for (let at = 0; at < 31; at++)
          if (isUsed[at] === 1) assert.deepEqual(read(records, numbers.get(at)), model[at])
      }),
    )
  })

function renew(records: Records, at: number, address: Uint8Array, meta: Uint8Array): number {
  const renewed = records.renewed(at, address, meta)
  records.drop(at)
  return renewed
}

test('equal records of a world have one number, others another', () => {
  const records = new SharedRecords()
  const names = Array.from({ length: 5_000 }, (_, i) => new TextEncoder().encode(`n${i}`))
  const address = Uint8Array.of(10, 0, 0, 1)
  const first = names.map((name) => add(records, name, address, NOTHING))
  const bytes = records.bytes
  assert.deepEqual(
    names.map((name) => add(records, name, address, NOTHING)),
    first,
  )
  assert.equal(records.bytes, bytes)
  assert.equal(new Set(first).size, names.length)
  assert.ok(!first.includes(add(records, names[0], address, address)))
})
