/**
 * The host's pulse: a counter in shared memory that a timer on the main thread bumps, for the detector to see whether that thread still
 * turns. The timer holds nothing open.
 */
import { lookInterval } from '../src/detector/host-watch.ts'

/** The counter, in memory that both threads see. */
export type Beats = Int32Array<SharedArrayBuffer>

export function newBeats(): Beats {
  return new Int32Array(new SharedArrayBuffer(4))
}

export class Pulse {
  readonly beats = newBeats()
  readonly #timer: NodeJS.Timeout | undefined

  /** `after`: the shortest stall that anybody wants to know of; 0: none, and nothing is bumped. */
  constructor(after: number) {
    if (after === 0) return
    const interval = lookInterval(after) / 2
    this.#timer = setInterval(() => Atomics.add(this.beats, 0, 1), interval).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
