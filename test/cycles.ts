/** Runs scripts/cycles.ts in a process of its own, and measures how soon it ends once all is shut down. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export interface Cycles {
  cycles: number
  threads: string
  ending: string
  /** In MiB, after the first fifth. */
  rssGrowth: number
  heapGrowth: number
  /** Milliseconds between the end of the last shutdown and the end of the process. */
  endedAfter: number
}

interface Ended {
  /** The last line of what it printed that is an object. */
  found: Record<string, unknown> & { overAt: number }
  endedAfter: number
}

/** Runs a script to its end; it prints an object in which `overAt` is the time of its last deed. Throws with all that it printed when it fails. */
async function ended(...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text
    })
  }
  const exited = once(child, 'exit').then(([code]) => ({ code, at: Date.now() }))
  await once(child, 'close')
  const { code, at } = await exited
  const line = output.split('\n').find((text) => text.startsWith('{'))
  if (code !== 0 || line === undefined) throw new Error(`ended with ${code}:\n${output}`)
  const found = JSON.parse(line)
  return { found, endedAfter: at - found.overAt }
}

/** Throws with all that it printed when it fails. */
export async function cycles(threads: string, count: number, ending: 'leave' | 'shutdown'): Promise<Cycles> {
  const script = join(import.meta.dirname, 'scripts', 'cycles.js')
  const { found, endedAfter } = await ended('--expose-gc', script, threads, String(count), ending)
  const round = (value: unknown) => Math.round(Number(value) * 10) / 10
  const growth = { rssGrowth: round(found.rssGrowth), heapGrowth: round(found.heapGrowth) }
  return { cycles: count, threads, ending, ...growth, endedAfter }
}

/** How long a process of Node's needs to end that has nothing to end: the longest of five. */
export async function emptyEnd(): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < 5; i++) {
    const { endedAfter } = await ended('-e', 'console.log(JSON.stringify({ overAt: Date.now() }))')
    times.push(endedAfter)
  }
  return Math.max(...times)
}
