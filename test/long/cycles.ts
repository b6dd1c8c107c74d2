/**
 * A thousand times create and shutdown in one process, in each placement, and fifty times with a leave between: no handle stays open, nothing grows,
 * and the process ends by itself soon after the last shutdown.
 */
import assert from 'node:assert/strict'
import { type Cycles, cycles } from '../cycles.ts'

const MANY = 1_000
const WITH_LEAVE = 50
/** The process ends within so many milliseconds. */
const SOON = 200

export async function prove(): Promise<Cycles[]> {
  const found: Cycles[] = []
  for (const threads of ['per-actor', 'one', 'none']) {
    found.push(await cycles(threads, MANY, 'shutdown'), await cycles(threads, WITH_LEAVE, 'leave'))
    console.log(JSON.stringify(found.slice(-2)))
  }
  for (const { threads, ending, endedAfter } of found)
    assert.ok(endedAfter <= SOON, `${threads}, ${ending}: the process ended after ${endedAfter} ms`)
  return found
}
