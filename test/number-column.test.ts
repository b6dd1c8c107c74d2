/** Columns of numbers are as wide as their largest number, and hold what is put into them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { columnBelow, NumberColumn } from '../src/actors/number-column.ts'

test('a column widens with its numbers, keeps them, and has zeros where it grew', () => {
  const column = new NumberColumn(2)
  for (const [number, width] of [
    [255, 1],
    [256, 2],
    [65_535, 2],
    [65_536, 4],
    [2 ** 32 - 1, 4],
  ]) {
    column.set(0, 7)
    column.set(1, number)
    assert.deepEqual([column.get(0), column.get(1), column.width], [7, number, width])
  }
  column.lengthen(4)
  assert.deepEqual([column.length, column.get(1), column.get(3), column.width], [4, 2 ** 32 - 1, 0, 4])
  column.set(3, 2 ** 32 + 5)
  assert.equal(column.get(3), 5)
})

test('a column takes after those of a pattern, apart from its own row and that of whom it stands for', () => {
  const [first, second, third] = [0, 0, 0].map(() => new NumberColumn(3))
  for (const [row, number] of [10, 1_000, 30].entries()) first.set(row, number)
  second.set(1, 70_000)
  third.set(0, 9)
  third.takeAfter({ first, second, row: 2, rows: 3 })
  assert.deepEqual([third.get(0), third.get(1), third.get(2)], [9, 1_000, 70_000])
  assert.equal(first.get(2), 30)
})

test('numbers below 65,537 take two bytes', () => {
  assert.deepEqual(
    [65_536, 65_537].map((end) => columnBelow(end, 1).BYTES_PER_ELEMENT),
    [2, 4],
  )
})
