/**
 * A Lamport clock (protocol page 2, section 3). The wire carries 64 bits; ours holds whole numbers that are exact in a
 * double. The original follows any value and wraps to zero after 2^64 - 1, which one hostile packet can bring
 * about; here a time above the limit is refused and the clock stays.
 */

/** Times above this are refused: 2^53 - 2^20, so that every clock can still count a while without losing exactness. */
export const LAMPORT_LIMIT = Number.MAX_SAFE_INTEGER - 2 ** 20

/**
 * A time so far ahead of our clock is refused. Whole pools count no further in thirty years of a thousand messages a second; a hostile
 * message could otherwise bring a clock to its limit at once, after which nothing is new any more.
 */
const LONGEST_JUMP = 2 ** 40

export class LamportClock {
  #time: number

  /** Starts at 1: a time of 0 means «never». */
  constructor(time = 1) {
    this.#time = time
  }

  get time(): number {
    return this.#time
  }

  /** Whether a time seen elsewhere may be witnessed. */
  admits(time: number): boolean {
    return time <= LAMPORT_LIMIT && time - this.#time <= LONGEST_JUMP
  }

  /** Adds one and returns the new time. */
  increment(): number {
    this.#time += 1
    return this.#time
  }

  /** Moves past a time seen elsewhere. */
  witness(time: number): void {
    if (time >= this.#time) this.#time = time + 1
  }
}
