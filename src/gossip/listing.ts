/**
 * The rows that are on memberlist's list, without holes: choosing among a few members must not cost more after a hundred thousand others have
 * come and gone. Adding and removing cost the same however long it is; the order means nothing.
 *
 * As long as the list is just the first rows in their order, which it is until somebody goes, it takes no memory.
 */
import { grownLength, longer } from '../actors/columns.ts'

const FIRST_ROWS = 16

export class Listing {
  /** Empty while the list is the first rows in their order. */
  #rows = new Uint32Array(0)
  /** By row: its place in `#rows`, where it is on the list. */
  #places = new Uint32Array(0)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The row at a place from 0 to `size` - 1. */
  at(place: number): number {
    return this.#isPlain ? place : this.#rows[place]
  }

  /** Adds a row that is not on the list. */
  add(row: number): void {
    if (this.#isPlain && row !== this.#size) this.#writeOut()
    if (!this.#isPlain) {
      if (row >= this.#places.length)
        this.#places = longer(this.#places, new Uint32Array(grownLength(this.#places.length, row + 1)))
      if (this.#size === this.#rows.length)
        this.#rows = longer(this.#rows, new Uint32Array(grownLength(this.#size, 0)))
      this.#rows[this.#size] = row
      this.#places[row] = this.#size
    }
    this.#size += 1
  }

  /** Removes a row that is on the list: the last one takes its place. */
  remove(row: number): void {
    if (this.#isPlain && row !== this.#size - 1) this.#writeOut()
    this.#size -= 1
    if (this.#isPlain) return
    const place = this.#places[row]
    const last = this.#rows[this.#size]
    this.#rows[place] = last
    this.#places[last] = place
  }

  get #isPlain(): boolean {
    return this.#rows.length === 0
  }

  #writeOut(): void {
    this.#rows = new Uint32Array(grownLength(this.#size, FIRST_ROWS))
    this.#places = new Uint32Array(this.#rows.length)
    for (let row = 0; row < this.#size; row++) {
      this.#rows[row] = row
      this.#places[row] = row
    }
  }
}
