/**
 * Rows of which listeners know something else than the mirror shows, and what they know: a member as it was kept, a record that they have heard, or
 * that nobody is there. The last is all that is kept of a pool that was just joined; records of a large merge are not copied but referred to.
 */
import type { FactReader } from '../actors/facts.ts'
import type { Member } from './member.ts'
import { Pictures } from './pictures.ts'
import { Rows } from './rows.ts'

/** A member as it is kept; undefined where there is none. */
export type Kept = Member | Uint8Array | undefined

export class Behind {
  readonly #known = new Map<number, Member | Uint8Array>()
  readonly #unknown = new Rows()
  #heard = new Pictures()

  get size(): number {
    return this.#known.size + this.#unknown.size + this.#heard.size
  }

  has(row: number): boolean {
    return this.#unknown.has(row) || this.#heard.has(row) || this.#known.has(row)
  }

  get(row: number): Kept {
    const picture = this.#heard.at(row)
    return picture?.bytes.slice(picture.at, picture.at + picture.length) ?? this.#known.get(row)
  }

  set(row: number, kept: Kept): void {
    this.delete(row)
    if (kept === undefined) this.#unknown.add(row)
    else this.#known.set(row, kept)
  }

  /** The row is known as this record shows it. */
  hear(record: FactReader): void {
    this.delete(record.row)
    this.#heard.put(record)
  }

  delete(row: number): void {
    if (this.#unknown.delete(row)) return
    this.#heard.drop(row)
    this.#known.delete(row)
  }

  /** Gives back what is no longer needed: between two buffers of facts. */
  tidy(): void {
    if (this.#heard.size > 0) this.#heard.tidy()
    else if (this.#heard.heldBytes > 0) this.#heard = new Pictures()
  }

  clear(): void {
    this.#known.clear()
    this.#unknown.clear()
    this.#heard = new Pictures()
  }
}
