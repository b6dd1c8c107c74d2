/**
 * The member table: what memberlist and Serf hold of every member, in columns by row. A member keeps its row as long
 * as anybody remembers it; a row's `instance` counts who has lived there, so that a late verdict about somebody else
 * is recognised.
 *
 * Names are compared by their bytes and found by hash, so that merging the state of a hundred thousand members makes
 * no text and no objects. What rarely changes (name, address, meta) stands in one slab of bytes:
 *
 *     slab    | name length u16 | address length u8 | meta length u16 | name | address | meta |
 */
import type { Random } from '../actors/contract.ts'
import type { Before } from '../actors/facts.ts'
import { copy } from '../actors/packed.ts'
import { Listing } from './listing.ts'
import { HELD } from './precedence.ts'
import { VersionSets } from './versions.ts'

const FIRST_ROWS = 16
const FIRST_SLAB = 1024
const RECORD_FIXED = 5
const NO_ROW = -1
const NOTHING = new Uint8Array(0)

export class MemberTable {
  readonly versions = new VersionSets()
  /** Makes the hash of a name ours alone: nobody outside can choose names that collide. */
  readonly #seed: number

  incarnation = new Uint32Array(FIRST_ROWS)
  /** One of HELD: what memberlist holds. */
  held = new Uint8Array(FIRST_ROWS)
  /** One of STATUS: what Serf says. `none` when Serf does not know the member. */
  status = new Uint8Array(FIRST_ROWS)
  port = new Uint16Array(FIRST_ROWS)
  instance = new Uint32Array(FIRST_ROWS)
  /** When `held` changed last. */
  changedAt = new Float64Array(FIRST_ROWS)
  /** Lamport time of the last intent about the member. */
  statusTime = new Float64Array(FIRST_ROWS)
  /** When Serf saw it fail or leave; `-Infinity` while it is neither. */
  leftAt = new Float64Array(FIRST_ROWS)
  /** Number of the version set of each row. */
  versionSet = new Uint16Array(FIRST_ROWS)

  #hash = new Uint32Array(FIRST_ROWS)
  #record = new Uint32Array(FIRST_ROWS)
  #isUsed = new Uint8Array(FIRST_ROWS)
  readonly #free: number[] = []
  /** Open addressing; a slot holds row + 1, 0 is empty. Twice as long as the rows at least. */
  #slots = new Uint32Array(FIRST_ROWS * 4)
  #slab = new Uint8Array(FIRST_SLAB)
  #slabUsed = 0
  #slabGarbage = 0

  /** Rows ever used: rows are 0 to this, some of them empty. */
  rowCount = 0
  /** Members that anybody remembers. */
  size = 0
  /** The rows on memberlist's list, in any state. */
  readonly list = new Listing()
  /** How many rows are held in each state, by HELD. */
  readonly #instances = new Uint32Array(HELD.unlisted + 1)

  constructor(random: Random) {
    this.#seed = random.below(2 ** 32)
  }

  /** Members on memberlist's list: the n of its formulas. */
  get listed(): number {
    return this.list.size
  }

  /** Members on the list that are alive or suspect, ourselves included. */
  get active(): number {
    return this.#instances[HELD.alive] + this.#instances[HELD.suspect]
  }

  /** How many members memberlist holds in a state. */
  instances(held: number): number {
    return this.#instances[held]
  }

  isUsed(row: number): boolean {
    return this.#isUsed[row] === 1
  }

  /** The row of the member with this name, or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashOf(this.#seed, bytes, start, end)
    const mask = this.#slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot] - 1
      if (row === NO_ROW) return NO_ROW
      if (this.#hash[row] === hash && this.hasName(row, bytes, start, end)) return row
    }
  }

  /** Adds an unlisted member of which this is known; the name must not be in the table. */
  add(
    bytes: Uint8Array,
    start: number,
    end: number,
    now: number,
    address: Uint8Array = NOTHING,
    meta: Uint8Array = NOTHING,
  ): number {
    const row = this.#free.pop() ?? this.#newRow()
    this.#hash[row] = hashOf(this.#seed, bytes, start, end)
    this.#isUsed[row] = 1
    this.instance[row] += 1
    this.incarnation[row] = 0
    this.held[row] = HELD.unlisted
    this.#instances[HELD.unlisted] += 1
    this.status[row] = 0
    this.port[row] = 0
    this.changedAt[row] = now
    this.statusTime[row] = 0
    this.leftAt[row] = Number.NEGATIVE_INFINITY
    this.#record[row] = this.#write(bytes.subarray(start, end), address, meta)
    this.versionSet[row] = 0
    this.size += 1
    if (this.size * 2 > this.#slots.length) this.#rehash(this.#slots.length * 2)
    else this.#place(row)
    return row
  }

  /** Forgets the member for good; its row is free for another. */
  remove(row: number): void {
    this.setHeld(row, HELD.unlisted, 0)
    this.#instances[HELD.unlisted] -= 1
    this.#isUsed[row] = 0
    this.#slabGarbage += this.#recordLength(row)
    this.size -= 1
    this.#free.push(row)
    this.#unplace(row)
    this.#tidy()
  }

  /** Replaces address and meta. */
  setFacts(row: number, address: Uint8Array, meta: Uint8Array): void {
    const name = this.name(row).slice()
    this.#slabGarbage += this.#recordLength(row)
    this.#record[row] = this.#write(name, address, meta)
    this.#tidy()
  }

  setHeld(row: number, held: number, now: number): void {
    const before = this.held[row]
    if (before !== held) {
      if (before === HELD.unlisted) this.list.add(row)
      else if (held === HELD.unlisted) this.list.remove(row)
      this.#instances[before] -= 1
      this.#instances[held] += 1
      this.held[row] = held
    }
    this.versions.moved(this.versionSet[row], before, held)
    this.changedAt[row] = now
  }

  /** Replaces the version bytes; false when the bound on distinct sets is reached. */
  setVersions(row: number, bytes: Uint8Array, start: number): boolean {
    const number = this.versions.number(bytes, start)
    if (number === 0) return false
    if (number !== this.versionSet[row]) {
      this.versions.moved(this.versionSet[row], this.held[row], HELD.unlisted)
      this.versions.moved(number, HELD.unlisted, this.held[row])
      this.versionSet[row] = number
    }
    return true
  }

  /** Bytes that names, addresses and meta take, garbage included. */
  get slabBytes(): number {
    return this.#slab.length
  }

  /** Copies a row's address, name and meta to `to` at `at`, in this order: what facts and rosters hold of it, without a view for each. */
  copyFacts(row: number, to: Uint8Array, at: number): void {
    const slab = this.#slab
    const name = this.#record[row] + RECORD_FIXED
    const address = name + this.#nameLength(this.#record[row])
    const meta = address + slab[this.#record[row] + 2]
    const addressLength = meta - address
    copy(to, at, slab, address, meta)
    copy(to, at + addressLength, slab, name, address)
    copy(to, at + addressLength + address - name, slab, meta, meta + this.#metaLength(this.#record[row]))
  }

  /** Bytes of a row's address, name and meta. */
  factLengths(row: number): { address: number; name: number; meta: number } {
    const at = this.#record[row]
    return { address: this.#slab[at + 2], name: this.#nameLength(at), meta: this.#metaLength(at) }
  }

  // The next three give views into the slab, good until the table changes.
  name(row: number): Uint8Array {
    const at = this.#record[row]
    return this.#slab.subarray(at + RECORD_FIXED, at + RECORD_FIXED + this.#nameLength(at))
  }

  address(row: number): Uint8Array {
    const at = this.#record[row]
    const start = at + RECORD_FIXED + this.#nameLength(at)
    return this.#slab.subarray(start, start + this.#slab[at + 2])
  }

  meta(row: number): Uint8Array {
    const at = this.#record[row]
    const end = at + this.#recordLength(row)
    return this.#slab.subarray(end - this.#metaLength(at), end)
  }

  /** Whether the row holds exactly this address in normal form (IPv4 is 4 bytes) and this port. */
  hasAddress(row: number, bytes: Uint8Array, start: number, end: number, port: number): boolean {
    const at = this.#record[row]
    const from = at + RECORD_FIXED + this.#nameLength(at)
    return this.port[row] === port && equal(this.#slab, from, from + this.#slab[at + 2], bytes, start, end)
  }

  /** A copy of what a claim may replace. */
  facts(row: number): Before {
    const [incarnation, port] = [this.incarnation[row], this.port[row]]
    return { incarnation, port, address: this.address(row).slice(), meta: this.meta(row).slice() }
  }

  hasMeta(row: number, bytes: Uint8Array, start: number, end: number): boolean {
    const at = this.#record[row]
    const until = at + this.#recordLength(row)
    return equal(this.#slab, until - this.#metaLength(at), until, bytes, start, end)
  }

  /** Whether the row is that of this name. */
  hasName(row: number, bytes: Uint8Array, start: number, end: number): boolean {
    const at = this.#record[row]
    return equal(this.#slab, at + RECORD_FIXED, at + RECORD_FIXED + this.#nameLength(at), bytes, start, end)
  }

  #nameLength(at: number): number {
    return this.#slab[at] | (this.#slab[at + 1] << 8)
  }

  #metaLength(at: number): number {
    return this.#slab[at + 3] | (this.#slab[at + 4] << 8)
  }

  #recordLength(row: number): number {
    const at = this.#record[row]
    return RECORD_FIXED + this.#nameLength(at) + this.#slab[at + 2] + this.#metaLength(at)
  }

  #write(name: Uint8Array, address: Uint8Array, meta: Uint8Array): number {
    const at = this.#slabUsed
    const end = at + RECORD_FIXED + name.length + address.length + meta.length
    if (end > this.#slab.length) this.#slab = grown(this.#slab, Math.max(end, this.#slab.length * 2))
    const slab = this.#slab
    slab[at] = name.length & 255
    slab[at + 1] = name.length >> 8
    slab[at + 2] = address.length
    slab[at + 3] = meta.length & 255
    slab[at + 4] = meta.length >> 8
    slab.set(name, at + RECORD_FIXED)
    slab.set(address, at + RECORD_FIXED + name.length)
    slab.set(meta, end - meta.length)
    this.#slabUsed = end
    return at
  }

  /** Half of the slab at most is garbage, so that members who come and go leave nothing behind. */
  #tidy(): void {
    if (this.#slabGarbage > FIRST_SLAB && this.#slabGarbage * 2 > this.#slabUsed) this.#compact()
  }

  #compact(): void {
    const old = this.#slab
    this.#slab = new Uint8Array(Math.max(FIRST_SLAB, (this.#slabUsed - this.#slabGarbage) * 2))
    let used = 0
    for (let row = 0; row < this.rowCount; row++) {
      if (this.#isUsed[row] === 0) continue
      const at = this.#record[row]
      const length =
        RECORD_FIXED + (old[at] | (old[at + 1] << 8)) + old[at + 2] + (old[at + 3] | (old[at + 4] << 8))
      this.#slab.set(old.subarray(at, at + length), used)
      this.#record[row] = used
      used += length
    }
    this.#slabUsed = used
    this.#slabGarbage = 0
  }

  #newRow(): number {
    const row = this.rowCount
    this.rowCount += 1
    if (row < this.held.length) return row
    const rows = this.held.length * 2
    this.incarnation = grown32(this.incarnation, rows)
    this.held = grown(this.held, rows)
    this.status = grown(this.status, rows)
    this.port = grown16(this.port, rows)
    this.instance = grown32(this.instance, rows)
    this.changedAt = grown64(this.changedAt, rows)
    this.statusTime = grown64(this.statusTime, rows)
    this.leftAt = grown64(this.leftAt, rows)
    this.versionSet = grown16(this.versionSet, rows)
    this.#hash = grown32(this.#hash, rows)
    this.#record = grown32(this.#record, rows)
    this.#isUsed = grown(this.#isUsed, rows)
    return row
  }

  #place(row: number): void {
    const mask = this.#slots.length - 1
    let slot = this.#hash[row] & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = row + 1
  }

  /** Takes the row out and moves up those behind it that its slot had pushed on, so that no chain is broken. */
  #unplace(row: number): void {
    const mask = this.#slots.length - 1
    let hole = this.#hash[row] & mask
    while (this.#slots[hole] !== row + 1) hole = (hole + 1) & mask
    for (let slot = (hole + 1) & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#hash[this.#slots[slot] - 1] & mask
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue
      this.#slots[hole] = this.#slots[slot]
      hole = slot
    }
    this.#slots[hole] = 0
  }

  #rehash(length: number): void {
    this.#slots = new Uint32Array(length)
    for (let row = 0; row < this.rowCount; row++) if (this.#isUsed[row] === 1) this.#place(row)
  }
}

function hashOf(seed: number, bytes: Uint8Array, start: number, end: number): number {
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
  for (let i = aStart, j = bStart; i < aEnd; i++, j++) if (a[i] !== b[j]) return false
  return true
}

function grown(from: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  const to = new Uint8Array(length)
  to.set(from)
  return to
}
function grown16(from: Uint16Array, length: number): Uint16Array<ArrayBuffer> {
  const to = new Uint16Array(length)
  to.set(from)
  return to
}
function grown32(from: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(length)
  to.set(from)
  return to
}
function grown64(from: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const to = new Float64Array(length)
  to.set(from)
  return to
}
