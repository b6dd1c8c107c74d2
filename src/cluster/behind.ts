/**
 * Rows of which listeners know something else than the mirror shows, and what they know: a picture, or that nobody is there. The latter is all
 * that is kept of a pool that was just joined.
 */
import type { Member } from './member.ts'
import { Rows } from './rows.ts'

/** A member as it is kept; undefined where there is none. */
export type Kept = Member | Uint8Array | undefined

export class Behind {
  readonly #known = new Map<number, Member | Uint8Array>()
  readonly #unknown = new Rows()

  get size(): number {
    return this.#known.size + this.#unknown.size
  }

  has(row: number): boolean {
    return this.#unknown.has(row) || this.#known.has(row)
  }

  get(row: number): Kept {
    return this.#known.get(row)
  }

  set(row: number, kept: Kept): void {
    this.delete(row)
    if (kept === undefined) this.#unknown.add(row)
    else this.#known.set(row, kept)
  }

  delete(row: number): void {
    if (!this.#unknown.delete(row)) this.#known.delete(row)
  }

  clear(): void {
    this.#known.clear()
    this.#unknown.clear()
  }
}
