/** The counts of the benchmarks that no machine changes: what a message weighs, what a member takes, what a pool sends. One that moved moved on purpose. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { count } from '../bench/counters.ts'

const FILE = join(import.meta.dirname, '..', '..', 'bench', 'results', 'counters.json')

test('bytes on the wire, bytes a member and datagrams of a simulated pool are those of the baseline', () => {
  assert.deepEqual(
    count(),
    JSON.parse(readFileSync(FILE, 'utf8')),
    'if this is meant: node dist/bench/counters.js writes the file anew',
  )
})
