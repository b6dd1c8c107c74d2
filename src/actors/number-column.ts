/**
 * A column of whole numbers by row that takes as few bytes a row as its largest number needs: 1, 2 or 4. For numbers that begin small and of which few
 * grow, such as incarnations: in a world of ten thousand members a byte a row is a tenth of a gigabyte.
 */
import { longer } from './columns.ts'
import type { Pattern } from './pattern.ts'

const MOST_IN_ONE = 0xff
const MOST_IN_TWO = 0xffff

type Width = Uint8Array | Uint16Array | Uint32Array

export class NumberColumn {
  #numbers: Width = new Uint8Array(0)
  /** The largest that fits. It is no bound for 32 bits: what is beyond them loses its upper bits, as in any such column. */
  #most = MOST_IN_ONE

  /** `rows` of zeros. */
  constructor(rows: number) {
    this.#numbers = new Uint8Array(rows)
  }

  get length(): number {
    return this.#numbers.length
  }

  /** Bytes of a row. */
  get width(): number {
    return this.#numbers.BYTES_PER_ELEMENT
  }

  get(row: number): number {
    return this.#numbers[row]
  }

  set(row: number, number: number): void {
    if (number > this.#most) this.#widen(number)
    this.#numbers[row] = number
  }

  /** Makes it so many rows long, which must not be fewer; the new ones are zero. */
  lengthen(rows: number): void {
    this.#numbers = longer(this.#numbers, this.#zeros(rows))
  }

  /** Becomes a copy of that of a pattern, with what stands in its own row 0. */
  takeAfter({ first, second, row, rows }: Pattern<NumberColumn>): void {
    const own = this.get(0)
    this.#most = first.#most
    this.#numbers = first.#numbers.slice(0, rows)
    this.set(0, own)
    this.set(row, second.get(1))
  }

  #widen(number: number): void {
    this.#most = number > MOST_IN_TWO ? Number.POSITIVE_INFINITY : MOST_IN_TWO
    this.lengthen(this.length)
  }

  #zeros(rows: number): Width {
    if (this.#most === MOST_IN_ONE) return new Uint8Array(rows)
    return this.#most === MOST_IN_TWO ? new Uint16Array(rows) : new Uint32Array(rows)
  }
}

/** A column of zeros for numbers below `end`: half as long where 16 bits hold them. */
export function columnBelow(end: number, rows: number): Uint16Array | Uint32Array {
  return end <= MOST_IN_TWO + 1 ? new Uint16Array(rows) : new Uint32Array(rows)
}
