/** Facts wait for the snapshot, in order, and never for long. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counters } from '../../src/actors/counters.ts'
import { Ahead } from '../../src/dispatch/ahead.ts'

function waiting() {
  const passed: number[] = []
  const counters = new Counters()
  const ahead = new Ahead(({ through }) => passed.push(through), counters)
  const take = (through: number, line: number, now = 0, bytes = 1) =>
    ahead.take({ type: 'facts', weight: 1, bytes: new Uint8Array(bytes), through }, line, now)
  return { ahead, passed, take, counters }
}

test('facts that wait for nothing go on at once, behind others they keep their place', () => {
  const { ahead, passed, take } = waiting()
  take(1, 0)
  take(2, 5)
  take(3, 0)
  assert.deepEqual(passed, [1])
  ahead.written(4)
  assert.deepEqual(passed, [1])
  ahead.written(5)
  assert.deepEqual(passed, [1, 2, 3])
  take(4, 5)
  assert.deepEqual(passed, [1, 2, 3, 4])
})

test('a slow disk holds events up for 250 ms at most', () => {
  const { ahead, passed, take, counters } = waiting()
  take(1, 1, 1_000)
  take(2, 2, 1_100)
  assert.equal(ahead.wakeAt, 1_250)
  ahead.wake(1_249)
  assert.deepEqual(passed, [])
  ahead.wake(1_250)
  assert.deepEqual(passed, [1])
  assert.equal(ahead.wakeAt, 1_350)
  assert.equal(counters.get('folkmoot.snapshot.not-awaited'), 1)
})

test('more than 8 MiB are not held', () => {
  const { passed, take } = waiting()
  for (let i = 1; i <= 9; i++) take(i, i, 0, 1024 * 1024)
  assert.equal(passed.length, 9)
})
