/**
 * What each thread of a process of ours holds once its garbage is collected, by way of a file for each thread: heaps are the threads' own, and an agent has
 * no other channel to those who weigh it. Resident memory moves by megabytes with arenas and nurseries; this tells of kilobytes.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Names the folder; processes inherit it. */
const VARIABLE = 'FOLKMOOT_STRESS_HELD'

/** Where the threads of processes that are started from now on write. */
export function gatherIn(folder: string): void {
  mkdirSync(folder, { recursive: true })
  process.env[VARIABLE] = folder
}

export function writeHeld(thread: number, bytes: number): void {
  const folder = process.env[VARIABLE]
  if (folder !== undefined) writeFileSync(join(folder, `${process.pid}-${thread}`), String(bytes))
}

/** Bytes held by all threads of a process when each looked last; undefined where none ever did. */
export function heldBy(pid: number): number | undefined {
  const folder = process.env[VARIABLE]
  if (folder === undefined) return undefined
  const files = readdirSync(folder).filter((file) => file.startsWith(`${pid}-`))
  if (files.length === 0) return undefined
  return files.reduce((sum, file) => sum + Number(readFileSync(join(folder, file), 'utf8')), 0)
}
