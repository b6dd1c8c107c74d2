/** The proof that the invariants bite: bugs, put into one compiled module as a process loads it, are found by one of them. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { BUGS } from './planted.ts'

/** Far fewer than the thousand that are allowed: what is found late is hardly found. */
const MOST_SEEDS = 120

for (const bug of Object.keys(BUGS)) {
  test(`a planted bug is found by an invariant: ${bug}`, async () => {
    const file = join(import.meta.dirname, 'planted-run.js')
    const { stdout } = await promisify(execFile)(process.execPath, [file, bug, String(MOST_SEEDS)])
    assert.notEqual(stdout.trim(), 'null', `not within ${MOST_SEEDS} seeds`)
  })
}
