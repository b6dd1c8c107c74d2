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

/** Throws with all that it printed when it fails. */
export async function cycles(threads: string, count: number, ending: 'leave' | 'shutdown'): Promise<Cycles> {
  const script = join(import.meta.dirname, 'scripts', 'cycles.js')
  const child = spawn(process.execPath, ['--expose-gc', script, threads, String(count), ending], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
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
  const { overAt, ...found } = JSON.parse(line)
  const round = (value: number) => Math.round(value * 10) / 10
  const growth = { rssGrowth: round(found.rssGrowth), heapGrowth: round(found.heapGrowth) }
  return { ...found, ...growth, endedAfter: at - overAt }
}
