/**
 * What a process has cost so far, read from outside by the same means whatever it runs: run time of all its threads by the scheduler's account
 * (nanoseconds; `utime` and `stime` come in ticks of 10 ms), and its memory.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const THOUSAND = 1_000
const KIB = 1_024

/** Microseconds of CPU, user and system, of all threads that live. */
export function cpuOf(pid: number): number {
  let nanoseconds = 0
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0])
    } catch {
      // The thread ended in between.
    }
  }
  return nanoseconds / THOUSAND
}

export interface Memory {
  /** Bytes in memory now, and at most since `forgetPeak`. */
  resident: number
  peak: number
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * KIB
  return { resident: field('VmRSS'), peak: field('VmHWM') }
}

/** The peak is counted anew from here. Needs root; without it the peak is that of the whole life. */
export function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
  } catch {
    // Not ours to reset.
  }
}

/** Bytes that this thread holds, heap and buffers, once `collect` has had its garbage collected. */
export function held(collect: () => void): number {
  // Twice: what the first finds dead may hold memory outside the heap until the next.
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
