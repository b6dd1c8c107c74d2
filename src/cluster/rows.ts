/** A set of rows: a byte for each instead of an entry in a hash table, which for a pool of a hundred thousand is megabytes of garbage while it grows. */

const FIRST_ROWS = 16

export class Rows {
  #isIn = new Uint8Array(FIRST_ROWS)
  #size = 0
  /** No row of the set is at or above this. */
  #end = 0

  get size(): number {
    return this.#size
  }

  has(row: number): boolean {
    return this.#isIn[row] === 1
  }

  add(row: number): void {
    if (row >= this.#isIn.length) {
      const longer = new Uint8Array(Math.max(row + 1, this.#isIn.length * 2))
      longer.set(this.#isIn)
      this.#isIn = longer
    }
    if (this.#isIn[row] === 1) return
    this.#isIn[row] = 1
    this.#size += 1
    this.#end = Math.max(this.#end, row + 1)
  }

  /** Whether it was in. */
  delete(row: number): boolean {
    if (this.#isIn[row] !== 1) return false
    this.#isIn[row] = 0
    this.#size -= 1
    return true
  }

  clear(): void {
    this.#isIn.fill(0, 0, this.#end)
    this.#size = 0
    this.#end = 0
  }

  *[Symbol.iterator](): IterableIterator<number> {
    for (let row = 0; row < this.#end; row++) if (this.#isIn[row] === 1) yield row
  }
}
