/**
 * Records: name, address and meta of members as bytes in one slab, each known by its offset. What rarely changes stands here, so that a hundred
 * thousand members make no text and no objects.
 *
 *     slab    | name length u16 | address length u8 | meta length u16 | name | address | meta |
 *
 * What is dropped is garbage until `tidy`, which moves what is in use to a new slab once half of the old one is garbage.
 */
import { grownLength } from './columns.ts'
import { copy } from './packed.ts'

const FIRST_SLAB = 256
const FIXED = 5
/** Garbage below this is not worth the work. */
const LEAST_GARBAGE = 1024

export class Records {
  #slab = new Uint8Array(FIRST_SLAB)
  #used = 0
  #garbage = 0

  /** Bytes that all records take, garbage and what is kept free included. */
  get bytes(): number {
    return this.#slab.length
  }

  /** Makes room for so many more bytes of names, addresses and meta of so many members. */
  reserve(members: number, bytes: number): void {
    this.#room(members * FIXED + bytes)
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
    return this.kept(at, length)
  }

  /** A record with the name of another one. */
  renewed(at: number, address: Uint8Array, meta: Uint8Array): number {
    const name = this.name(at)
    return this.add(name, 0, name.length, address, 0, address.length, meta, 0, meta.length)
  }

  /** The record is garbage from now on. */
  drop(at: number): void {
    this.#garbage += this.length(at)
  }

  /** Gives garbage back if there is enough of it. `records` holds the numbers of all that are in use, at the places where `isUsed` is 1. */
  tidy(records: Uint32Array, isUsed: Uint8Array, places: number): void {
    if (this.#garbage <= LEAST_GARBAGE || this.#garbage * 2 <= this.#used) return
    const old = this.#slab
    const slab = new Uint8Array(Math.max(FIRST_SLAB, grownLength(this.#used - this.#garbage, 0)))
    let used = 0
    for (let place = 0; place < places; place++) {
      if (isUsed[place] === 0) continue
      const at = records[place]
      const length = this.length(at)
      slab.set(old.subarray(at, at + length), used)
      records[place] = used
      used += length
    }
    this.#slab = slab
    this.#used = used
    this.#garbage = 0
  }

  // The next three give views into the slab, good until a record is added.
  name(at: number): Uint8Array {
    return this.#slab.subarray(at + FIXED, at + FIXED + this.nameLength(at))
  }

  address(at: number): Uint8Array {
    const start = at + FIXED + this.nameLength(at)
    return this.#slab.subarray(start, start + this.#slab[at + 2])
  }

  meta(at: number): Uint8Array {
    const end = at + this.length(at)
    return this.#slab.subarray(end - this.metaLength(at), end)
  }

  nameLength(at: number): number {
    return this.#slab[at] | (this.#slab[at + 1] << 8)
  }

  addressLength(at: number): number {
    return this.#slab[at + 2]
  }

  metaLength(at: number): number {
    return this.#slab[at + 3] | (this.#slab[at + 4] << 8)
  }

  /** Bytes of a record. */
  length(at: number): number {
    return FIXED + this.nameLength(at) + this.#slab[at + 2] + this.metaLength(at)
  }

  hasName(at: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = at + FIXED
    return equal(this.#slab, from, from + this.nameLength(at), bytes, start, end)
  }

  hasAddress(at: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = at + FIXED + this.nameLength(at)
    return equal(this.#slab, from, from + this.#slab[at + 2], bytes, start, end)
  }

  hasMeta(at: number, bytes: Uint8Array, start: number, end: number): boolean {
    const until = at + this.length(at)
    return equal(this.#slab, until - this.metaLength(at), until, bytes, start, end)
  }

  /** Copies address, name and meta to `to`, in this order: what facts hold of a member, without a view for each. */
  copyFacts(at: number, to: Uint8Array, toAt: number): void {
    const slab = this.#slab
    const name = at + FIXED
    const address = name + this.nameLength(at)
    const meta = address + slab[at + 2]
    const addressLength = meta - address
    copy(to, toAt, slab, address, meta)
    copy(to, toAt + addressLength, slab, name, address)
    copy(to, toAt + addressLength + address - name, slab, meta, meta + this.metaLength(at))
  }

  hash(at: number, seed: number): number {
    const start = at + FIXED
    return hashOf(seed, this.#slab, start, start + this.nameLength(at))
  }

  /** Takes a record in that was written behind all others; where equal ones are kept once, it may be one from before. */
  protected kept(at: number, length: number): number {
    this.#used = at + length
    return at
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
