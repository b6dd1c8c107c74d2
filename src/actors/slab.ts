/**
 * Copies of messages that stay a while, cut from one block after the other: a buffer for each would cost more than the copy. A block lives
 * as long as one of its messages, and messages of one time end at about one time.
 */
import { copy } from './packed.ts'

/** A block is as long as all before it together, within these bounds: who says little keeps little. */
const SMALLEST_BLOCK = 1_024
const LARGEST_BLOCK = 64 * 1024

export class Slab {
  #block = new Uint8Array(0)
  #used = 0
  #total = 0

  /** A copy of `bytes` from `start` to `end` that nobody else writes to. */
  keep(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array {
    const length = end - start
    if (this.#used + length > this.#block.length) {
      const next = Math.min(LARGEST_BLOCK, Math.max(SMALLEST_BLOCK, this.#total))
      this.#block = new Uint8Array(Math.max(next, length))
      this.#total += this.#block.length
      this.#used = 0
    }
    const at = this.#used
    this.#used += length
    copy(this.#block, at, bytes, start, end)
    return this.#block.subarray(at, at + length)
  }
}
