/**
 * Pictures of members in a simulated world: equal ones once for all nodes, apart from the row, which each node numbers for itself. A node keeps a number
 * for each row.
 */

import { grownLength } from '../actors/columns.ts'
import { FactReader, placed } from '../actors/facts.ts'
import { NumberColumn } from '../actors/number-column.ts'
import { type Pattern, partOf } from '../actors/pattern.ts'
import type { Records } from '../actors/records.ts'
import type { MemberPictures } from '../cluster/pictures.ts'

const NOTHING = new Uint8Array(0)
const NONE = 0

export class SharedPictures implements MemberPictures {
  readonly #records: Records
  /** By row: number of the record plus one. */
  readonly #numbers = new NumberColumn(0)
  #size = 0

  /** `records` are those of the world, which keep equal ones once. */
  constructor(records: Records) {
    this.#records = records
  }

  get size(): number {
    return this.#size
  }

  get rows(): number {
    return this.#numbers.length
  }

  at(row: number): FactReader | undefined {
    const number = this.#numberOf(row)
    return number === NONE ? undefined : new FactReader(placed(this.#records.name(number - 1), row))
  }

  put(reader: FactReader): void {
    const { row, bytes, at, length } = reader
    if (row >= this.#numbers.length) this.#numbers.lengthen(grownLength(this.#numbers.length, row + 1))
    if (this.#numbers.get(row) === NONE) this.#size += 1
    const picture = placed(bytes.subarray(at, at + length), 0)
    this.#numbers.set(row, 1 + this.#records.add(picture, 0, length, NOTHING, 0, 0, NOTHING, 0, 0))
  }

  drop(row: number): void {
    if (this.#numberOf(row) === NONE) return
    this.#numbers.set(row, NONE)
    this.#size -= 1
  }

  /** Holds all pictures of a pattern, once it holds its own. */
  takeAfter(pattern: Pattern<SharedPictures>): void {
    this.#numbers.takeAfter(partOf(pattern, (pictures) => pictures.#numbers))
    this.#size = pattern.first.#size
  }

  each(visit: (row: number, picture: FactReader) => void): void {
    for (let row = 0; row < this.#numbers.length; row++) {
      const picture = this.at(row)
      if (picture !== undefined) visit(row, picture)
    }
  }

  tidy(): void {
    // Nothing is ever garbage.
  }

  #numberOf(row: number): number {
    return row >= 0 && row < this.#numbers.length ? this.#numbers.get(row) : NONE
  }
}
