/**
 * Warnings that could repeat for ever: about one matter at most once in ten minutes, and about all matters together at most twenty
 * lines in that time. What is withheld is counted, so that the counters have it all.
 *
 * Bound: 1,024 matters are remembered; beyond it new ones are withheld until old ones lapse.
 */
import type { Log } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'

/** Least time between two warnings about one matter. */
export const WARN_EVERY = 600_000
const MOST_LINES = 20
const MOST_MATTERS = 1_024

export class Warnings {
  readonly #log: Log
  readonly #counters: Counters
  /** When each matter was spoken of last, oldest first. */
  readonly #saidAt = new Map<string, number>()
  /** When the last lines were said, oldest first. */
  #lines: number[] = []

  constructor(log: Log, counters: Counters) {
    this.#log = log
    this.#counters = counters
  }

  /** `matter` names what it is about, such as a kind of trouble with one peer. */
  say(matter: string, text: string, now: number): void {
    this.#lapse(now)
    const isFull = this.#lines.length >= MOST_LINES || this.#saidAt.size >= MOST_MATTERS
    if (this.#saidAt.has(matter) || isFull) return this.#counters.add('warnings.withheld')
    this.#saidAt.set(matter, now)
    this.#lines.push(now)
    this.#log('warn', text)
  }

  #lapse(now: number): void {
    for (const [matter, at] of this.#saidAt) {
      if (now - at < WARN_EVERY) break
      this.#saidAt.delete(matter)
    }
    this.#lines = this.#lines.filter((at) => now - at < WARN_EVERY)
  }
}
