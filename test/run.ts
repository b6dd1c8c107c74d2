/**
 * Runs the compiled tests: `node dist/test/run.js [--fast] [part of a file name]...`. With `--fast` those that wait for real time are left
 * out: what remains says in seconds whether the machines still hold.
 *
 * Each file runs in a process of its own. Three at a time, for most of them wait for a protocol's timers; then, one by
 * one, the few whose verdict hangs on how soon a process answers, with the machine to themselves. The last line says
 * what came of it: `N passed, N failed`.
 *
 * What runs real processes against real time beside other work can fail for want of a processor alone. Such a file, and no other, is run once more, as a
 * whole and with the machine to itself, and what it says then counts; the failure stays in the output, and the file is named above the last line. A machine
 * on which many fail is no judge of anything: beyond a few nothing is run again.
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

/** So many files are run again at most. */
const MOST_AGAIN = 3

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

interface Count {
  passed: number
  failed: number
  skipped: number
}

/** Of each file, as it ran last. */
const counts = new Map<string, Count>()
/** Why something was skipped, each reason once. */
const reasons = new Set<string>()

function countOf(file = ''): Count {
  const known = counts.get(file)
  if (known !== undefined) return known
  const fresh = { passed: 0, failed: 0, skipped: 0 }
  counts.set(file, fresh)
  return fresh
}

async function runFiles(names: readonly string[], concurrency: number): Promise<void> {
  if (names.length === 0) return
  const paths = names.map((name) => join(here, name))
  for (const path of paths) counts.delete(path)
  const events = run({ files: paths, concurrency, timeout: FILE_TIMEOUT })
  events.on('test:pass', ({ details, skip, file }) => {
    if (typeof skip === 'string') reasons.add(skip)
    if (details.type === 'suite') return
    if (skip === undefined || skip === false) countOf(file).passed++
    else countOf(file).skipped++
  })
  events.on('test:fail', ({ details, file }) => {
    if (details.type !== 'suite') countOf(file).failed++
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
const again = files.filter((file) => countOf(join(here, file)).failed > 0)
const isWorthIt =
  again.length <= MOST_AGAIN && again.every((file) => SLOW.some((part) => file.includes(part)))
if (isWorthIt) await runFiles(again, 1)

for (const reason of reasons) console.log(`\n*** ${reason} ***`)
const total = (of: (count: Count) => number) => [...counts.values()].reduce((sum, one) => sum + of(one), 0)
const red = total((count) => count.failed)
const passed = total((count) => count.passed)
const skipped = total((count) => count.skipped)
if (isWorthIt && again.length > 0)
  console.log(`\n*** failed beside others, and ran once more alone: ${again.join(', ')} ***`)
console.log(`${passed} passed, ${red} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = red > 0 || passed === 0 ? 1 : 0
