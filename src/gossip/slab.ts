/**
 * Copies of messages that stay a while, cut from one block after the other: a buffer for each would cost more than the copy. A block lives
 * as long as one of its messages, and messages of one time end at about one time.
 */
import { copy } from '../actors/packed.ts'

const BLOCK = 64 * 1024

export class Slab {
  #block = new Uint8Array(0)
  #used = 0

  /** A copy of `bytes` from `start` to `end` that nobody else writes to. */
  keep(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array {
    const length = end - start
    if (this.#used + length > this.#block.length) {
      this.#block = new Uint8Array(Math.max(BLOCK, length))
      this.#used = 0
    }
    const at = this.#used
    this.#used += length
    copy(this.#block, at, bytes, start, end)
    return this.#block.subarray(at, at + length)
  }
}
