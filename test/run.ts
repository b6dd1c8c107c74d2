/**
 * Runs the compiled tests: `node dist/test/run.js [--fast] [part of a file name]...`. With `--fast` those that wait for real time are left
 * out: what remains says in seconds whether the machines still hold.
 *
 * Each file runs in a process of its own. Three at a time, for most of them wait for a protocol's timers; then, one by
 * one, the few whose verdict hangs on how soon a process answers, with the machine to themselves. The last line says
 * what came of it: `N passed, N failed`.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

/** These ask whether a busy process still answers in time: a second busy test beside them would answer for it. */
const ALONE = ['interop/isolation.test.js', 'cluster-many.test.js']

/** Real agents, real processes, real timers: left out by `--fast`. */
const SLOW = [
  'interop/',
  'cluster',
  'hostile',
  'readme',
  'netns/',
  'workers/',
  'packaging/',
  'agent/',
  'cli/',
  ...ALONE,
]

/** A file that takes so long hangs, also where other work holds the machine. */
const FILE_TIMEOUT = 480_000

const here = import.meta.dirname
const wanted = process.argv.slice(2).filter((word) => word !== '--fast')
const isFast = process.argv.includes('--fast')
const files = readdirSync(here, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) => !isFast || !SLOW.some((part) => file.includes(part)))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort()

const count = { passed: 0, failed: 0, skipped: 0 }
/** Why something was skipped, each reason once. */
const reasons = new Set<string>()

async function runFiles(names: string[], concurrency: number): Promise<void> {
  if (names.length === 0) return
  const events = run({ files: names.map((name) => join(here, name)), concurrency, timeout: FILE_TIMEOUT })
  events.on('test:pass', ({ details, skip }) => {
    if (typeof skip === 'string') reasons.add(skip)
    if (details.type === 'suite') return
    if (skip === undefined || skip === false) count.passed++
    else count.skipped++
  })
  events.on('test:fail', ({ details }) => {
    if (details.type !== 'suite') count.failed++
  })
  for await (const text of events.compose(new spec())) process.stdout.write(text)
}

await runFiles(
  files.filter((file) => !ALONE.includes(file)),
  3,
)
await runFiles(
  files.filter((file) => ALONE.includes(file)),
  1,
)

for (const reason of reasons) console.log(`\n*** ${reason} ***`)
const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : ''
console.log(`${count.passed} passed, ${count.failed} failed${skipped}`)
process.exitCode = count.failed > 0 || count.passed === 0 ? 1 : 0
