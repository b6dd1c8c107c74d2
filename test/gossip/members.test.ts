/** The member table against a plain map, and what it counts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '../../src/actors/random.ts'
import { chooseRows } from '../../src/gossip/choice.ts'
import { Listing } from '../../src/gossip/listing.ts'
import { MemberTable } from '../../src/gossip/members.ts'
import { HELD } from '../../src/gossip/precedence.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const VERSIONS = Uint8Array.of(1, 5, 2, 2, 5, 5)
const ADDRESS = Uint8Array.of(127, 0, 0, 1)

function find(table: MemberTable, name: string): number {
  const raw = bytes(`..${name}.`)
  return table.find(raw, 2, raw.length - 1)
}

function add(table: MemberTable, name: string, meta = ''): number {
  const raw = bytes(name)
  const row = table.add(raw, 0, raw.length)
  table.setFacts(row, Uint8Array.of(127, 0, 0, 1), bytes(meta))
  table.setVersions(row, VERSIONS, 0)
  return row
}

test('any sequence of additions, changes and removals leaves what a plain map holds', () => {
  const name = fc.integer({ min: 0, max: 40 }).map((i) => `node-${i}`)
  const step = fc.record({
    name,
    action: fc.constantFrom('add', 'remove', 'meta'),
    meta: fc.string({ maxLength: 90 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), fc.integer(), (steps, seed) => {
      const table = new MemberTable(new SeededRandom(seed))
      const model = new Map<string, string>()
      for (const { name, action, meta } of steps) {
        const row = find(table, name)
        assert.equal(row >= 0, model.has(name))
        if (action === 'add' && row < 0) {
          add(table, name, meta)
          model.set(name, meta)
        } else if (action === 'remove' && row >= 0) {
          table.remove(row)
          model.delete(name)
        } else if (action === 'meta' && row >= 0) {
          table.setFacts(row, table.address(row).slice(), bytes(meta))
          model.set(name, meta)
        }
      }
      assert.equal(table.size, model.size)
      for (const [name, meta] of model) {
        const row = find(table, name)
        assert.ok(row >= 0, name)
        assert.equal(new TextDecoder().decode(table.name(row)), name)
        assert.equal(new TextDecoder().decode(table.meta(row)), new TextDecoder().decode(bytes(meta)))
        assert.deepEqual([...table.address(row)], [127, 0, 0, 1])
      }
    }),
    { numRuns: 200 },
  )
})

test('a row that is used again has another instance', () => {
  const table = new MemberTable(new SeededRandom(1))
  const row = add(table, 'a')
  const before = table.instance.get(row)
  table.remove(row)
  assert.equal(add(table, 'b'), row)
  assert.notEqual(table.instance.get(row), before)
  assert.equal(find(table, 'a'), -1)
})

test('Lamport times of 53 bits are kept, and forgotten with the member', () => {
  const table = new MemberTable(new SeededRandom(1))
  const row = add(table, 'a')
  for (const time of [0, 7, 2 ** 32 - 2, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 3]) {
    table.setStatusTime(row, time)
    assert.equal(table.statusTime(row), time)
  }
  table.setStatusTime(row, 2 ** 40)
  table.remove(row)
  assert.equal(add(table, 'b'), row)
  assert.equal(table.statusTime(row), 0)
})

test('room that was made is room: no column grows while as many members come as were expected', () => {
  const table = new MemberTable(new SeededRandom(1))
  const names = Array.from({ length: 5_000 }, (_, i) => `member-${i}`)
  table.reserve(names.length, names.join('').length)
  const { held, slabBytes } = table
  for (const name of names) table.add(bytes(name), 0, name.length)
  assert.equal(table.held, held)
  assert.equal(table.slabBytes, slabBytes)
  for (const name of names) assert.ok(find(table, name) >= 0)
})

test('listed and active count what memberlist lists and what is alive or suspect', () => {
  const table = new MemberTable(new SeededRandom(1))
  const [a, b, c] = ['a', 'b', 'c'].map((name) => add(table, name))
  assert.deepEqual([table.size, table.listed, table.active], [3, 0, 0])
  for (const row of [a, b, c]) table.setHeld(row, HELD.alive, 1)
  assert.deepEqual([table.listed, table.active], [3, 3])
  table.setHeld(a, HELD.suspect, 2)
  table.setHeld(b, HELD.dead, 2)
  assert.deepEqual([table.listed, table.active], [3, 2])
  table.setHeld(b, HELD.unlisted, 3)
  table.remove(a)
  assert.deepEqual([table.size, table.listed, table.active], [2, 1, 1])
})

test('distinct version sets are known with whether an alive member has them', () => {
  const table = new MemberTable(new SeededRandom(1))
  const [a, b] = ['a', 'b'].map((name) => add(table, name))
  table.setHeld(a, HELD.alive, 1)
  table.setHeld(b, HELD.dead, 1)
  table.setVersions(b, Uint8Array.of(1, 4, 2, 2, 4, 4), 0)
  const seen: [number[], string][] = []
  table.versions.each((versions, aliveness) => {
    seen.push([[...versions], aliveness])
  })
  assert.deepEqual(seen, [
    [[1, 5, 2, 2, 5, 5], 'some alive'],
    [[1, 4, 2, 2, 4, 4], 'none alive'],
  ])
})

test('ten thousand members are found after the table grew, and gone after they were removed', () => {
  const table = new MemberTable(new SeededRandom(1))
  const names = Array.from({ length: 10_000 }, (_, i) => `member-${i}`)
  for (const name of names) add(table, name, `meta of ${name}`)
  for (const name of names) assert.ok(find(table, name) >= 0)
  for (const name of names) table.remove(find(table, name))
  for (const name of names) assert.equal(find(table, name), -1)
  assert.equal(table.size, 0)
})

test('the list holds exactly the listed rows, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(30), fc.boolean()), { maxLength: 300, size: 'max' }), (steps) => {
      const list = new Listing()
      const model = new Set<number>()
      for (const [row, isWanted] of steps) {
        if (isWanted && !model.has(row)) list.add(row)
        if (!isWanted && model.has(row)) list.remove(row)
        if (isWanted) model.add(row)
        else model.delete(row)
        const rows = Array.from({ length: list.size }, (_, place) => list.at(place))
        assert.deepEqual(rows.sort(), [...model].sort())
      }
    }),
  )
})

test('100,000 members that come and go leave nothing behind: rows, list, names and the cost of choosing', () => {
  const random = new SeededRandom(3)
  const table = new MemberTable(random)
  const names = Array.from({ length: 100_000 }, (_, i) => bytes(`guest-${i}`))
  for (let i = 0; i < names.length; i++) {
    const row = table.add(names[i], 0, names[i].length, ADDRESS, ADDRESS)
    table.setHeld(row, HELD.alive, i)
    if (i < 5) continue
    const oldest = names[i - 5]
    table.remove(table.find(oldest, 0, oldest.length))
  }
  assert.deepEqual([table.size, table.listed, table.active, table.instances(HELD.unlisted)], [5, 5, 5, 0])
  assert.ok(table.rowCount <= 6, `${table.rowCount} rows`)
  assert.ok(table.slabBytes <= 8_192, `${table.slabBytes} bytes of names`)
  let looks = 0
  const chosen = chooseRows(table, random, 3, () => {
    looks += 1
    return true
  })
  assert.equal(chosen.length, 3)
  assert.ok(looks <= 15)
})
