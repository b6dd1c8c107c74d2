/**
 * The host's pulse: a counter in shared memory that a timer on the main thread bumps, for the detector to see whether that thread still
 * turns. The timer holds nothing open.
 */

/** The counter, in memory that both threads see. */
export type Beats = Int32Array<SharedArrayBuffer>

export function newBeats(): Beats {
  return new Int32Array(new SharedArrayBuffer(4))
}

export class Pulse {
  readonly beats = newBeats()
  readonly #timer: NodeJS.Timeout

  constructor(interval: number) {
    this.#timer = setInterval(() => Atomics.add(this.beats, 0, 1), interval).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
