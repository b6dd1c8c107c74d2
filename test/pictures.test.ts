/** Packed pictures: the last one of each row, whatever memory it came in, and no more garbage than what is in use. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FACT, FactReader, packMember } from '../src/actors/facts.ts'
import { Pack } from '../src/actors/packed.ts'
import { type MemberPictures, Pictures } from '../src/cluster/pictures.ts'
import { SharedPictures } from '../src/simulator/shared-pictures.ts'
import { SharedRecords } from '../src/simulator/shared-records.ts'

function add(pack: Pack, row: number, incarnation: number, name = `member-${row}`): void {
  packMember(pack, FACT.memberJoin, {
    row,
    incarnation,
    status: 1,
    instance: 1,
    statusTime: 0,
    port: 7946,
    versions: new Uint8Array(6),
    address: Uint8Array.of(127, 0, 0, 1),
    name: new TextEncoder().encode(name),
    meta: new Uint8Array(0),
  })
}

type Memory = 'plain' | 'shared'

function facts(memory: Memory, rows: readonly number[], incarnation: number): Uint8Array {
  const pack = new Pack()
  for (const row of rows) add(pack, row, incarnation)
  const bytes = pack.take()
  if (memory === 'plain') return bytes
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
  shared.set(bytes)
  return shared
}

function putAll(pictures: MemberPictures, bytes: Uint8Array): void {
  for (const reader = new FactReader(bytes); !reader.atEnd; reader.next()) pictures.put(reader)
  pictures.tidy()
}

test('shared memory is read in place, plain memory is copied before it goes on', () => {
  const pictures = new Pictures()
  const shared = facts('shared', [1], 7)
  putAll(pictures, shared)
  assert.equal(pictures.at(1)?.bytes, shared)
  const plain = facts('plain', [2], 8)
  putAll(pictures, plain)
  plain.fill(0)
  assert.equal(pictures.at(2)?.incarnation, 8)
})

test('many buffers with one living member each do not stay in memory', () => {
  const pictures = new Pictures()
  const rows = Array.from({ length: 500 }, (_, row) => row)
  // Each buffer is superseded by the next, but for one row of its own.
  for (let i = 0; i < 40; i++) putAll(pictures, facts('shared', [...rows, 1_000 + i], i))
  const live = 540 * (facts('plain', [100], 0).length + 1)
  assert.equal(pictures.size, 540)
  assert.ok(pictures.heldBytes <= 2 * live, `${pictures.heldBytes} bytes are held for ${live}`)
  assert.equal(pictures.at(1_000)?.incarnation, 0)
  assert.equal(pictures.at(3)?.incarnation, 39)
})

test('for any order of puts, drops and memories the last picture of each row is what is read', () => {
  const step = fc.record({
    memory: fc.constantFrom<Memory>('plain', 'shared'),
    rows: fc.array(fc.nat(300), { minLength: 1, maxLength: 60 }),
    dropped: fc.array(fc.nat(300), { maxLength: 5 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const pictures = new Pictures()
      const expected = new Map<number, number>()
      for (const [i, { memory, rows, dropped }] of steps.entries()) {
        putAll(pictures, facts(memory, rows, i))
        for (const row of rows) expected.set(row, i)
        for (const row of dropped) {
          pictures.drop(row)
          expected.delete(row)
        }
      }
      const found = new Map<number, number>()
      pictures.each((row, picture) => {
        assert.equal(Buffer.from(picture.name).toString(), `member-${row}`)
        found.set(row, picture.incarnation)
      })
      assert.deepEqual(found, new Map([...expected].sort(([a], [b]) => a - b)))
      assert.equal(pictures.size, expected.size)
    }),
    { numRuns: 200 },
  )
})

test('members of one world number their rows each for itself, and share equal pictures', () => {
  const step = fc.tuple(fc.nat(1), fc.nat(20), fc.nat(3), fc.boolean())
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
      const records = new SharedRecords()
      const nodes = [new SharedPictures(records), new SharedPictures(records)]
      const own = [new Pictures(), new Pictures()]
      for (const [node, row, incarnation, isReaped] of steps) {
        for (const pictures of [nodes[node], own[node]]) {
          if (isReaped) pictures.drop(row)
          else putAll(pictures, facts('plain', [row], incarnation))
        }
        assert.equal(nodes[node].size, own[node].size)
      }
      for (const [node, pictures] of nodes.entries()) assert.deepEqual(all(pictures), all(own[node]))
    }),
  )
  const records = new SharedRecords()
  const many = Array.from({ length: 50 }, () => new SharedPictures(records))
  const pack = new Pack()
  for (const [row, pictures] of many.entries()) {
    add(pack, row, 1, 'the same')
    putAll(pictures, pack.take())
  }
  assert.ok(records.bytes <= 512, `${records.bytes} bytes for one picture in fifty rows`)
})

function all(pictures: MemberPictures): number[][] {
  const found: number[][] = []
  pictures.each((row, { bytes, at, length }) => {
    found.push([row, ...bytes.subarray(at, at + length)])
  })
  return found
}
