/**
 * What each thread of a process of ours holds once its garbage is collected, by way of a file for each thread: heaps are the threads' own, and an agent has
 * no other channel to those who weigh it. Resident memory moves by megabytes with arenas and nurseries; this tells of kilobytes.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Names the folder; processes inherit it. */
const VARIABLE = 'FOLKMOOT_STRESS_HELD'

/** Where the threads of processes that are started from now on write. */
export function gatherIn(folder: string): void {
  mkdirSync(folder, { recursive: true })
  process.env[VARIABLE] = folder
}

/** Bytes. */
export interface Held {
  /** Heap and buffers, code among them. */
  held: number
  /** What V8 has compiled: machine code, bytecode and what is written beside them; feedback is not in it. */
  code: number
}

export function writeHeld(thread: number, { held, code }: Held): void {
  const folder = process.env[VARIABLE]
  if (folder === undefined) return
  const name = `${process.pid}-${thread}`
  // Whole or as it was: who looks in the middle would read an empty file, and a thread that holds nothing.
  writeFileSync(join(folder, `part-${name}`), `${held} ${code}`)
  renameSync(join(folder, `part-${name}`), join(folder, name))
}

/** What all threads of a process held when each looked last; undefined where none ever did. */
export function heldBy(pid: number): Held | undefined {
  const folder = process.env[VARIABLE]
  if (folder === undefined) return undefined
  const files = readdirSync(folder).filter((file) => file.startsWith(`${pid}-`))
  if (files.length === 0) return undefined
  const sum = { held: 0, code: 0 }
  for (const file of files) {
    const [held, code] = readFileSync(join(folder, file), 'utf8').split(' ').map(Number)
    sum.held += held
    sum.code += code
  }
  return sum
}
