/**
 * Numbers for pings. They start at a random place, because an ack is matched by its number alone and a sequence that
 * starts at 1 can be guessed (protocol page 1, section 12.1). 0 is left out: to the world it means "no ping inside".
 */
import type { Random } from '../actors/contract.ts'

const NUMBERS = 2 ** 32

export class Sequence {
  #last: number

  constructor(random: Random) {
    this.#last = random.below(NUMBERS)
  }

  /** The next number, 1 to 2^32 - 1. */
  next(): number {
    this.#last = (this.#last + 1) >>> 0 || 1
    return this.#last
  }
}
