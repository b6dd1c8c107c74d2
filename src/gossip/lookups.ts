/** Look-ups of host names under way: ten at once, each with a deadline, the rest in a line. A slow resolver costs its own seed. */
import type { FoundPlace } from '../actors/mail.ts'

type Found = (places: readonly FoundPlace[], error: string) => void

interface Lookup {
  readonly host: string
  readonly found: Found
  deadlineAt: number
}

/** Look-ups that run at once: each may hold a thread of libuv's pool. The line behind them is as long as the seeds of all joins. */
const MOST_AT_ONCE = 10

export class Lookups {
  readonly #timeout: number
  readonly #resolve: (lookup: number, host: string) => void
  readonly #running = new Map<number, Lookup>()
  readonly #waiting: Lookup[] = []
  #last = 0

  /** `resolve` starts a look-up; `timeout` in milliseconds. */
  constructor(timeout: number, resolve: (lookup: number, host: string) => void) {
    this.#timeout = timeout
    this.#resolve = resolve
  }

  /** `found` hears once what the name stands for, or why there is nothing. */
  ask(host: string, now: number, found: Found): void {
    this.#waiting.push({ host, found, deadlineAt: 0 })
    this.#fill(now)
  }

  /** The answer to a look-up; one that comes after its deadline means nothing any more. */
  resolved(number: number, places: readonly FoundPlace[], error: string, now: number): void {
    const lookup = this.#running.get(number)
    if (lookup === undefined) return
    this.#running.delete(number)
    this.#fill(now)
    lookup.found(places, error)
  }

  get wakeAt(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { deadlineAt } of this.#running.values()) next = Math.min(next, deadlineAt)
    return next
  }

  wake(now: number): void {
    for (const [number, lookup] of this.#running) {
      if (now >= lookup.deadlineAt)
        this.resolved(number, [], `the resolver gave no answer within ${this.#timeout} ms`, now)
    }
  }

  #fill(now: number): void {
    while (this.#running.size < MOST_AT_ONCE) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.#last += 1
      next.deadlineAt = now + this.#timeout
      this.#running.set(this.#last, next)
      this.#resolve(this.#last, next.host)
    }
  }
}
