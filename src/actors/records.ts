/**
 * Records: name, address and meta of members as bytes in one slab, each known by a number, which is its offset in units of so many bytes. What
 * rarely changes stands here, so that a hundred thousand members make no text and no objects.
 *
 *     slab    | name length u16 | address length u8 | meta length u16 | name | address | meta |
 *
 * What is dropped is garbage until `tidy`, which moves what is in use to a new slab once half of the old one is garbage.
 */
import { grownLength } from './columns.ts'
import type { NumberColumn } from './number-column.ts'
import { copy } from './packed.ts'

const FIRST_SLAB = 256
const FIXED = 5
/** Garbage below this is not worth the work. */
const LEAST_GARBAGE = 1024

export class Records {
  /** Records begin at multiples of this: the longer, the smaller are their numbers, and the more is left empty behind them. */
  readonly #unit: number
  #slab = new Uint8Array(FIRST_SLAB)
  #used = 0
  #garbage = 0

  constructor(unit = 1) {
    this.#unit = unit
  }

  /** Bytes that all records take, garbage and what is kept free included. */
  get bytes(): number {
    return this.#slab.length
  }

  /** Makes room for so many more bytes of names, addresses and meta of so many members. */
  reserve(members: number, bytes: number): void {
    this.#room(members * (FIXED + this.#unit - 1) + bytes)
  }

  /** A new record; its number is good until `tidy` says another. */
  add(
    name: Uint8Array,
    nameStart: number,
    nameEnd: number,
    address: Uint8Array,
    addressStart: number,
    addressEnd: number,
    meta: Uint8Array,
    metaStart: number,
    metaEnd: number,
  ): number {
    const nameLength = nameEnd - nameStart
    const addressLength = addressEnd - addressStart
    const metaLength = metaEnd - metaStart
    const length = FIXED + nameLength + addressLength + metaLength
    this.#room(length)
    const at = this.#used
    const slab = this.#slab
    slab[at] = nameLength & 255
    slab[at + 1] = nameLength >> 8
    slab[at + 2] = addressLength
    slab[at + 3] = metaLength & 255
    slab[at + 4] = metaLength >> 8
    copy(slab, at + FIXED, name, nameStart, nameEnd)
    copy(slab, at + FIXED + nameLength, address, addressStart, addressEnd)
    copy(slab, at + length - metaLength, meta, metaStart, metaEnd)
    return this.kept(at / this.#unit, length)
  }

  /** A record with the name of another one. */
  renewed(number: number, address: Uint8Array, meta: Uint8Array): number {
    const name = this.name(number)
    return this.add(name, 0, name.length, address, 0, address.length, meta, 0, meta.length)
  }

  /** The record is garbage from now on. */
  drop(number: number): void {
    this.#garbage += this.length(number)
  }

  /** Gives garbage back if there is enough of it. `records` holds the numbers of all that are in use, at the places where `isUsed` is 1. */
  tidy(records: NumberColumn, isUsed: Uint8Array, places: number): void {
    if (this.#garbage <= LEAST_GARBAGE || this.#garbage * 2 <= this.#used) return
    const old = this.#slab
    const slab = new Uint8Array(Math.max(FIRST_SLAB, grownLength(this.#used - this.#garbage, 0)))
    let used = 0
    for (let place = 0; place < places; place++) {
      if (isUsed[place] === 0) continue
      const number = records.get(place)
      const at = number * this.#unit
      const length = this.length(number)
      slab.set(old.subarray(at, at + length), used)
      records.set(place, used / this.#unit)
      used = this.#behind(used + length)
    }
    this.#slab = slab
    this.#used = used
    this.#garbage = 0
  }

  // The next three give views into the slab, good until a record is added.
  name(number: number): Uint8Array {
    const start = this.#nameStart(number)
    return this.#slab.subarray(start, start + this.nameLength(number))
  }

  address(number: number): Uint8Array {
    const start = this.#nameStart(number) + this.nameLength(number)
    return this.#slab.subarray(start, start + this.addressLength(number))
  }

  meta(number: number): Uint8Array {
    const end = this.#end(number)
    return this.#slab.subarray(end - this.metaLength(number), end)
  }

  nameLength(number: number): number {
    const at = number * this.#unit
    return this.#slab[at] | (this.#slab[at + 1] << 8)
  }

  addressLength(number: number): number {
    return this.#slab[number * this.#unit + 2]
  }

  metaLength(number: number): number {
    const at = number * this.#unit
    return this.#slab[at + 3] | (this.#slab[at + 4] << 8)
  }

  /** Bytes of a record. */
  length(number: number): number {
    return FIXED + this.nameLength(number) + this.addressLength(number) + this.metaLength(number)
  }

  hasName(number: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#nameStart(number)
    return equal(this.#slab, from, from + this.nameLength(number), bytes, start, end)
  }

  hasAddress(number: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#nameStart(number) + this.nameLength(number)
    return equal(this.#slab, from, from + this.addressLength(number), bytes, start, end)
  }

  hasMeta(number: number, bytes: Uint8Array, start: number, end: number): boolean {
    const until = this.#end(number)
    return equal(this.#slab, until - this.metaLength(number), until, bytes, start, end)
  }

  /** Copies address, name and meta to `to`, in this order: what facts hold of a member, without a view for each. */
  copyFacts(number: number, to: Uint8Array, toAt: number): void {
    const slab = this.#slab
    const name = this.#nameStart(number)
    const address = name + this.nameLength(number)
    const meta = address + this.addressLength(number)
    const addressLength = meta - address
    copy(to, toAt, slab, address, meta)
    copy(to, toAt + addressLength, slab, name, address)
    copy(to, toAt + addressLength + address - name, slab, meta, meta + this.metaLength(number))
  }

  hash(number: number, seed: number): number {
    const start = this.#nameStart(number)
    return hashOf(seed, this.#slab, start, start + this.nameLength(number))
  }

  /** Takes a record in that was written behind all others; where equal ones are kept once, it may be one from before. */
  protected kept(number: number, length: number): number {
    this.#used = this.#behind(number * this.#unit + length)
    return number
  }

  /** Where the record behind one begins that ends here. */
  #behind(end: number): number {
    return Math.ceil(end / this.#unit) * this.#unit
  }

  #nameStart(number: number): number {
    return number * this.#unit + FIXED
  }

  #end(number: number): number {
    return number * this.#unit + this.length(number)
  }

  /** All bytes of the slab, for who looks at whole records. */
  protected get slab(): Uint8Array {
    return this.#slab
  }

  #room(more: number): void {
    const needed = this.#used + more
    if (needed <= this.#slab.length) return
    const grown = new Uint8Array(grownLength(this.#slab.length, needed))
    grown.set(this.#slab.subarray(0, this.#used))
    this.#slab = grown
  }
}

export function hashOf(seed: number, bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 ^ seed
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193)
  // Names differ at their ends ("web-1", "web-2"): mix, so that the low bits that pick a slot depend on all of them.
  hash ^= hash >>> 15
  hash = Math.imul(hash, 0x2c1b3c6d)
  return (hash ^ (hash >>> 12)) >>> 0
}

export function equal(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): boolean {
  if (aEnd - aStart !== bEnd - bStart) return false
  // From behind: names that differ mostly do so at their ends.
  for (let i = aEnd - 1, j = bEnd - 1; i >= aStart; i--, j--) if (a[i] !== b[j]) return false
  return true
}
