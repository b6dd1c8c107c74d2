/** The counts of the benchmarks that no machine changes: what a message weighs, what a member takes, what a pool sends. One that moved moved on purpose. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { count } from '../bench/counters.ts'

const FILE = join(import.meta.dirname, '..', '..', 'bench', 'results', 'counters.json')

const AGAIN = 'if this is meant: node dist/bench/counters.js writes the file anew'
/** What a simulated pool sends hangs on every draw of chance in it: it may move so much without anybody having meant it. */
const MOVES = 0.25

test('bytes on the wire and bytes a member are those of the baseline, datagrams of a simulated pool about so', () => {
  const baseline: Record<string, number> = JSON.parse(readFileSync(FILE, 'utf8'))
  const counted = count()
  assert.deepEqual(Object.keys(counted), Object.keys(baseline), AGAIN)
  for (const [name, value] of Object.entries(counted)) {
    const expected = baseline[name]
    if (!name.startsWith('simulator')) assert.equal(value, expected, `${name}; ${AGAIN}`)
    else
      assert.ok(Math.abs(value / expected - 1) <= MOVES, `${name}: ${value} instead of ${expected}; ${AGAIN}`)
  }
})
