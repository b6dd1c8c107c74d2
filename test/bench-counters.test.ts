/** The counts of the benchmarks that no machine changes: what a message weighs, what a member takes, what a packet leaves to the collector, what a pool sends. One that moved moved on purpose. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { count } from '../bench/counters.ts'

const FILE = join(import.meta.dirname, '..', '..', 'bench', 'results', 'counters.json')

const AGAIN = 'if this is meant: node dist/bench/counters.js writes the file anew'
/** What a simulated pool sends hangs on every draw of chance in it: it may move so much without anybody having meant it. */
const MOVES = 0.25
/** When a function is optimized moves it by up to a tenth from run to run, and another Node may lay out its objects otherwise. */
const GARBAGE_MOVES = 0.15
const LEAST_GARBAGE = 64

function tolerance(name: string, expected: number): number {
  if (name.startsWith('simulator')) return expected * MOVES
  return name.startsWith('allocated') ? Math.max(LEAST_GARBAGE, expected * GARBAGE_MOVES) : 0
}

test('bytes on the wire, bytes a member and garbage a packet are those of the baseline, datagrams of a simulated pool about so', () => {
  const baseline: Record<string, number> = JSON.parse(readFileSync(FILE, 'utf8'))
  const counted = count()
  assert.deepEqual(Object.keys(counted), Object.keys(baseline), AGAIN)
  for (const [name, value] of Object.entries(counted)) {
    const expected = baseline[name]
    const off = Math.abs(value - expected)
    assert.ok(off <= tolerance(name, expected), `${name}: ${value} instead of ${expected}; ${AGAIN}`)
  }
})
