/** Counters by names that come from outside. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CappedNames, MOST_NAMES } from '../../src/actors/capped.ts'
import { Counters } from '../../src/actors/counters.ts'

test('names that take turns, the empty one among them, are counted each for itself; those beyond the bound together', () => {
  const counters = new Counters()
  const names = new CappedNames(counters, 'heard')
  const count = (name: string) => {
    const bytes = new TextEncoder().encode(`..${name}..`)
    names.count(bytes, 2, bytes.length - 2)
  }
  for (const name of ['a', 'b', 'a', 'a', '', 'ab', 'b', '']) count(name)
  const found = (name: string) => counters.get(`heard{name=${name}}`)
  assert.deepEqual(['a', 'b', '', 'ab'].map(found), [3, 2, 2, 1])
  for (let i = 0; i < MOST_NAMES; i++) count(`name-${i}`)
  assert.equal(found('other'), 4)
})
