/**
 * A thousand times create and shutdown in one process, in each placement, and fifty times with a leave between: no handle stays open, nothing grows,
 * and the process ends by itself soon after the last shutdown.
 */
import assert from 'node:assert/strict'
import { type Cycles, cycles, emptyEnd } from '../cycles.ts'

const MANY = 1_000
const WITH_LEAVE = 50
/** The process ends within so many milliseconds; on a machine so loaded that one with nothing to end takes as long, within three times that. */
const SOON = 200

interface Found extends Cycles {
  /** What a process with nothing to end took at the same time. */
  emptyEndedAfter: number
}

async function run(threads: string, count: number, ending: 'leave' | 'shutdown'): Promise<Found> {
  const found = { ...(await cycles(threads, count, ending)), emptyEndedAfter: await emptyEnd() }
  console.log(JSON.stringify(found))
  return found
}

export async function prove(): Promise<Found[]> {
  const found: Found[] = []
  for (const threads of ['per-actor', 'one', 'none']) {
    found.push(await run(threads, MANY, 'shutdown'), await run(threads, WITH_LEAVE, 'leave'))
  }
  for (const { threads, ending, endedAfter, emptyEndedAfter } of found)
    assert.ok(
      endedAfter <= Math.max(SOON, 3 * emptyEndedAfter),
      `${threads}, ${ending}: the process ended after ${endedAfter} ms`,
    )
  return found
}
