/** The mirror: packed rows that become frozen objects when asked for, and promises that wait for facts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Packr } from 'msgpackr'
import { FACT, type MemberFact, packMember } from '../src/actors/facts.ts'
import { Pack } from '../src/actors/packed.ts'
import { Mirror } from '../src/cluster/mirror.ts'
import { encodeTags } from '../src/wire/tags.ts'

function record(
  kind: MemberFact,
  row: number,
  name: string,
  tags: Record<string, string> = {},
  instance = 1,
): Uint8Array {
  const pack = new Pack()
  packMember(pack, kind, {
    row,
    incarnation: 1,
    status: 1,
    instance,
    statusTime: 3,
    port: 7946,
    versions: Uint8Array.of(1, 5, 2, 2, 5, 4),
    address: Uint8Array.of(10, 0, 0, row),
    name: new TextEncoder().encode(name),
    meta: encodeTags(tags, 5),
  })
  return pack.take()
}

function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length))
  copy.set(bytes)
  return copy
}

for (const memory of ['plain', 'shared'] as const) {
  const place = (bytes: Uint8Array) => (memory === 'shared' ? shared(bytes) : bytes)

  test(`members out of ${memory} memory are complete, frozen and sorted by name`, () => {
    const mirror = new Mirror()
    mirror.apply(place(record(FACT.memberJoin, 2, 'zoë', { role: 'web' })), 1)
    mirror.apply(place(record(FACT.memberJoin, 1, 'alpha')), 2)
    assert.deepEqual(
      mirror.members().map(({ name }) => name),
      ['alpha', 'zoë'],
    )
    const member = mirror.member('zoë')
    assert.deepEqual(
      { ...member, tags: { ...member?.tags } },
      {
        name: 'zoë',
        address: '10.0.0.2',
        port: 7946,
        status: 'alive',
        tags: { role: 'web' },
        incarnation: 1,
        statusTime: 3,
        protocol: { min: 1, max: 5, current: 2 },
        delegate: { min: 2, max: 5, current: 4 },
      },
    )
    assert.ok(Object.isFrozen(member) && Object.isFrozen(member?.tags) && Object.isFrozen(mirror.members()))
  })
}

test('the same objects come back until something changes', () => {
  const mirror = new Mirror()
  mirror.apply(record(FACT.memberJoin, 1, 'a'), 1)
  mirror.apply(record(FACT.memberJoin, 2, 'b'), 2)
  const before = mirror.members()
  assert.equal(mirror.members(), before)
  mirror.apply(record(FACT.memberUpdate, 2, 'b', { x: 'y' }), 3)
  assert.notEqual(mirror.members(), before)
  assert.equal(mirror.members()[0], before[0], 'the one that did not change is the same object')
  assert.equal(mirror.members()[1].tags.x, 'y')
})

test("a reaped member is gone, and its row may be another's", () => {
  const mirror = new Mirror()
  mirror.apply(record(FACT.memberJoin, 1, 'a'), 1)
  mirror.apply(record(FACT.memberReap, 1, 'a'), 2)
  assert.equal(mirror.size, 0)
  assert.equal(mirror.member('a'), undefined)
  mirror.apply(record(FACT.memberJoin, 1, 'b'), 3)
  assert.deepEqual(
    mirror.members().map(({ name }) => name),
    ['b'],
  )
})

test('the first filling comes as msgpackr records and does not overrule newer facts', () => {
  const mirror = new Mirror()
  mirror.apply(record(FACT.memberJoin, 1, 'fresh'), 1)
  const old = mirror.members()[0]
  const records = new Packr({ useRecords: true }).pack([
    { row: 1, ...old, name: 'stale' },
    { row: 2, ...old, name: 'other' },
  ])
  mirror.fill(Uint8Array.from(records))
  assert.deepEqual(
    mirror.members().map(({ name }) => name),
    ['fresh', 'other'],
  )
  assert.ok(Object.isFrozen(mirror.member('other')))
  assert.equal(mirror.size, 2)
})

test('tags named like parts of an object are only names', () => {
  const mirror = new Mirror()
  const tags = Object.fromEntries([
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ])
  mirror.apply(record(FACT.memberJoin, 1, '__proto__', tags), 1)
  assert.deepEqual(Object.entries(mirror.members()[0].tags), [
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ])
  assert.equal(mirror.member('__proto__')?.name, '__proto__')
  assert.equal(Reflect.get({}, 'x'), undefined)
})

test('who waits for a fact goes on when the mirror holds it, or is closed', async () => {
  const mirror = new Mirror()
  const reached: number[] = []
  const waits = [1, 2, 9].map((through) => mirror.reached(through).then(() => reached.push(through)))
  mirror.apply(record(FACT.memberJoin, 1, 'a'), 2)
  await Promise.all(waits.slice(0, 2))
  assert.deepEqual(reached, [1, 2])
  mirror.close()
  await waits[2]
})

test('a row that is another member by now is found under the new name alone, reaped in between or not', () => {
  for (const between of ['reaped', 'unseen']) {
    const mirror = new Mirror()
    mirror.apply(record(FACT.memberJoin, 1, 'old'), 1)
    assert.equal(mirror.member('old')?.name, 'old')
    if (between === 'reaped') mirror.apply(record(FACT.memberReap, 1, 'old'), 2)
    mirror.apply(record(FACT.memberJoin, 1, 'new', {}, 2), 3)
    assert.equal(mirror.member('old'), undefined, between)
    assert.equal(mirror.member('new')?.name, 'new', between)
    assert.equal(mirror.size, 1, between)
  }
})
