/** A token bucket that fills evenly: so many at once, and so many a second. Time is the caller's. */
export class Bucket {
  readonly #burst: number
  readonly #perSecond: number
  #left: number
  #filledAt: number

  /** Full at `now`, in milliseconds. */
  constructor(burst: number, perSecond: number, now = 0) {
    this.#burst = burst
    this.#perSecond = perSecond
    this.#left = burst
    this.#filledAt = now
  }

  /** Takes one; false when none is left. */
  take(now: number): boolean {
    const since = Math.max(0, now - this.#filledAt)
    this.#left = Math.min(this.#burst, this.#left + (since * this.#perSecond) / 1_000)
    this.#filledAt = now
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }
}
