/** Scenarios of chaos that broke a rule once, and must not again: `npm run simulate -- --seeds A..B --keep` adds those that do. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse, play } from '../../src/simulator/index.ts'

const file = join(import.meta.dirname, '..', '..', '..', 'test', 'simulator', 'kept.jsonl')
const lines = readFileSync(file, 'utf8').trim().split('\n')

for (const [i, line] of lines.entries()) {
  const { rule, scenario } = JSON.parse(line)
  test(`kept ${i + 1}: ${rule}`, () => {
    const report = play(parse(JSON.stringify(scenario)))
    assert.ok(report.healedIn < Number.POSITIVE_INFINITY)
  })
}
