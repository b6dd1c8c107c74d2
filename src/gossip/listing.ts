/**
 * The rows that are on memberlist's list, without holes: choosing among a few members must not cost more after a hundred thousand others have
 * come and gone. Adding and removing cost the same however long it is; the order means nothing.
 */

const ABSENT = -1
const FIRST_ROWS = 16

export class Listing {
  #rows = new Uint32Array(FIRST_ROWS)
  /** By row: its place in `#rows`. */
  #places = new Int32Array(FIRST_ROWS).fill(ABSENT)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The row at a place from 0 to `size` - 1. */
  at(place: number): number {
    return this.#rows[place]
  }

  /** Adds a row that is not on the list. */
  add(row: number): void {
    if (row >= this.#places.length) {
      const longer = new Int32Array(Math.max(row + 1, this.#places.length * 2)).fill(ABSENT)
      longer.set(this.#places)
      this.#places = longer
    }
    if (this.#size === this.#rows.length) {
      const longer = new Uint32Array(this.#size * 2)
      longer.set(this.#rows)
      this.#rows = longer
    }
    this.#rows[this.#size] = row
    this.#places[row] = this.#size
    this.#size += 1
  }

  /** Removes a row that is on the list: the last one takes its place. */
  remove(row: number): void {
    const place = this.#places[row]
    this.#size -= 1
    const last = this.#rows[this.#size]
    this.#rows[place] = last
    this.#places[last] = place
    this.#places[row] = ABSENT
  }
}
