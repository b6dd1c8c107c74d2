/**
 * Joins that a merge holds back. A peer's state names all members first and their Lamport times behind them, in an order of their own: told as they
 * come, each member would be told twice, to dispatch and to the mirror. So while members are merged their joins wait here, and each is told with its
 * time; who has none is told when the merge is over.
 */
import { longer } from '../actors/columns.ts'

const FIRST_ROWS = 64

export class HeldJoins {
  #isHeld = new Uint8Array(0)
  #count = 0

  hold(row: number): void {
    if (row >= this.#isHeld.length)
      this.#isHeld = longer(this.#isHeld, new Uint8Array(Math.max(FIRST_ROWS, row * 2)))
    this.#count += 1 - this.#isHeld[row]
    this.#isHeld[row] = 1
  }

  /** Whether this row's was held. It is not any more. */
  take(row: number): boolean {
    if (this.#count === 0 || this.#isHeld[row] !== 1) return false
    this.#isHeld[row] = 0
    this.#count -= 1
    return true
  }

  /** A row whose join is held, at `from` or behind it; -1 for none. */
  next(from: number): number {
    return this.#count === 0 ? -1 : this.#isHeld.indexOf(1, from)
  }
}
