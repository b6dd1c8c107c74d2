/**
 * Packed pictures of members, by row: two numbers a member, and the bytes as they came. Shared memory is read in place; members
 * out of plain buffers are copied together into blocks, since the buffer goes on to somebody else. Superseded pictures are garbage,
 * and once that is more than what is in use, everything in use moves to new blocks: one member alone must not hold the memory of the
 * hundred thousand that it came with.
 */
import { FactReader } from '../actors/facts.ts'
import { copy } from '../actors/packed.ts'

const FIRST_ROWS = 16
/** Bytes of a block of copies: as much as is in use, within these bounds, so that small pools stay small. */
const SMALLEST_BLOCK = 1024
const LARGEST_BLOCK = 262_144
/** Garbage below this is not worth the work. */
const LEAST_GARBAGE = 4_096

/** What dispatch needs of them. */
export type MemberPictures = Pick<Pictures, 'size' | 'rows' | 'at' | 'put' | 'drop' | 'each' | 'tidy'>

export class Pictures {
  #buffers: Uint8Array[] = []
  /** Where each row's picture stands: index of its buffer plus one, 0 for none, and the offset in it. */
  #buffer = new Uint32Array(FIRST_ROWS)
  #offset = new Uint32Array(FIRST_ROWS)
  /** The block that copies go to, and how much of it is used. */
  #block = new Uint8Array(0)
  #used = 0
  /** Bytes written or referred to, and those of them that are some row's picture. */
  #held = 0
  #live = 0
  #size = 0

  /** Rows that have a picture. */
  get size(): number {
    return this.#size
  }

  /** Bytes that are kept alive, garbage counted in. */
  get heldBytes(): number {
    return this.#held
  }

  /** Rows are below this. */
  get rows(): number {
    return this.#buffer.length
  }

  has(row: number): boolean {
    return this.#buffer[row] > 0
  }

  /** The picture of a row. The reader is the caller's own. */
  at(row: number): FactReader | undefined {
    const buffer = this.#buffer[row]
    // A row beyond the columns reads as undefined, which is no buffer either.
    return buffer > 0 ? new FactReader(this.#buffers[buffer - 1], this.#offset[row]) : undefined
  }

  /** Whether the picture of its row is this very record, by place or byte by byte. */
  holds({ row, bytes, at, length }: FactReader): boolean {
    const buffer = this.#buffer[row]
    if (!(buffer > 0)) return false
    const own = this.#buffers[buffer - 1]
    const start = this.#offset[row]
    if (own === bytes && start === at) return true
    return start + length <= own.length && equal(own, start, start + length, bytes, at)
  }

  /** Replaces the picture of the row that the reader stands at. `tidy` is due when the whole buffer is done. */
  put(reader: FactReader): void {
    const { row, at, length, bytes } = reader
    this.drop(row)
    if (row >= this.#buffer.length) this.#grow(row + 1)
    if (bytes.buffer instanceof SharedArrayBuffer) this.#refer(row, bytes, at)
    else this.#copyIn(row, bytes, at, at + length)
    this.#live += length
    this.#size += 1
  }

  drop(row: number): void {
    const before = this.at(row)
    if (before === undefined) return
    this.#live -= before.length
    this.#size -= 1
    this.#buffer[row] = 0
  }

  /** Forgets all. */
  clear(): void {
    this.#buffers = []
    this.#buffer.fill(0)
    this.#block = new Uint8Array(0)
    this.#used = 0
    this.#held = 0
    this.#live = 0
    this.#size = 0
  }

  /** Visits every row that has a picture, in the order of rows. */
  each(visit: (row: number, picture: FactReader) => void): void {
    for (let row = 0; row < this.#buffer.length; row++) {
      const picture = this.at(row)
      if (picture !== undefined) visit(row, picture)
    }
  }

  /**
   * Gives garbage back when it is more than what is in use: each byte is then moved at most once for each that was written. To be called
   * when a buffer of facts is done, never in between: a shared one counts whole as soon as its first picture is taken.
   */
  tidy(): void {
    const garbage = this.#held - this.#live
    if (garbage <= this.#live || garbage < LEAST_GARBAGE) return
    const before = this.#buffers
    this.#buffers = []
    this.#block = new Uint8Array(0)
    this.#used = 0
    this.#held = 0
    for (let row = 0; row < this.#buffer.length; row++) {
      const buffer = this.#buffer[row]
      if (buffer === 0) continue
      const picture = new FactReader(before[buffer - 1], this.#offset[row])
      this.#copyIn(row, picture.bytes, picture.at, picture.at + picture.length)
    }
  }

  #refer(row: number, bytes: Uint8Array, at: number): void {
    // All pictures of a buffer come one after the other, so the last one is the only one it can be.
    if (this.#buffers.at(-1) !== bytes) {
      this.#buffers.push(bytes)
      this.#held += bytes.length
    }
    this.#buffer[row] = this.#buffers.length
    this.#offset[row] = at
  }

  #copyIn(row: number, bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (this.#used + length > this.#block.length || this.#buffers.at(-1) !== this.#block)
      this.#newBlock(length)
    copy(this.#block, this.#used, bytes, start, end)
    this.#buffer[row] = this.#buffers.length
    this.#offset[row] = this.#used
    this.#used += length
    this.#held += length
  }

  #newBlock(least: number): void {
    this.#block = new Uint8Array(Math.max(least, SMALLEST_BLOCK, Math.min(this.#live, LARGEST_BLOCK)))
    this.#used = 0
    this.#buffers.push(this.#block)
  }

  #grow(rows: number): void {
    const longer = Math.max(rows, this.#buffer.length * 2)
    this.#buffer = grown(this.#buffer, longer)
    this.#offset = grown(this.#offset, longer)
  }
}

function grown(column: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const longer = new Uint32Array(length)
  longer.set(column)
  return longer
}

function equal(a: Uint8Array, aStart: number, aEnd: number, b: Uint8Array, bStart: number): boolean {
  for (let i = aStart, j = bStart; i < aEnd; i++, j++) if (a[i] !== b[j]) return false
  return true
}
