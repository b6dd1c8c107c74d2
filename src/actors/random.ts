/** A seeded generator (sfc32): the same seed gives the same run, in the simulator as in a bug report. */
import type { Random } from './contract.ts'

/** Bytes from a generator, for where nobody must be kept from guessing them: simulations and tests. */
export function fillFrom(random: Random): (bytes: Uint8Array) => void {
  return (bytes) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = random.below(256)
  }
}

export class SeededRandom implements Random {
  #a = 0
  #b = 0
  #c = 0
  #counter = 1

  /** Seeds are whole numbers; only their lowest 53 bits count. */
  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = Math.floor(seed / 2 ** 32) | 0
    this.#c = 0x9e3779b9
    for (let i = 0; i < 16; i++) this.#next()
  }

  next(): number {
    // 53 bits from two draws: a double holds no more.
    return ((this.#next() >>> 5) * 2 ** 26 + (this.#next() >>> 6)) / 2 ** 53
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  /** A stream of its own, so that what one part draws does not move what another draws. */
  fork(): SeededRandom {
    return new SeededRandom((this.#next() >>> 0) + (this.#next() >>> 11) * 2 ** 32)
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    return sum
  }
}
