/**
 * The member table: what memberlist and Serf hold of every member, in columns by row. A member keeps its row as long
 * as anybody remembers it; a row's `instance` counts who has lived there, so that a late verdict about somebody else
 * is recognised.
 *
 * Names are compared by their bytes and found by hash, so that merging the state of a hundred thousand members makes
 * no text and no objects. What rarely changes (name, address, meta) stands in records.
 */
import { type Column, grownLength, longer } from '../actors/columns.ts'
import type { Random } from '../actors/contract.ts'
import { type Before, STATUS } from '../actors/facts.ts'
import { columnBelow, NumberColumn } from '../actors/number-column.ts'
import { columnAfter, type Pattern, partOf } from '../actors/pattern.ts'
import { hashOf, Records } from '../actors/records.ts'
import type { AliveFields } from '../wire/claim.ts'
import { Listing } from './listing.ts'
import { HELD } from './precedence.ts'
import { VersionSets } from './versions.ts'

const FIRST_ROWS = 16
const NO_ROW = -1
const NOTHING = new Uint8Array(0)
/** What a column of 32 bits holds for Lamport times that are this late or later. */
const LATE = 0xffff_ffff
const LONG_AGO = Number.NEGATIVE_INFINITY

export class MemberTable {
  readonly versions = new VersionSets()
  /** Makes the hash of a name ours alone: nobody outside can choose names that collide. */
  readonly #seed: number

  readonly incarnation = new NumberColumn(FIRST_ROWS)
  /** One of HELD: what memberlist holds. */
  held = new Uint8Array(FIRST_ROWS)
  /** One of STATUS: what Serf says. `none` when Serf does not know the member. */
  status = new Uint8Array(FIRST_ROWS)
  port = new Uint16Array(FIRST_ROWS)
  readonly instance = new NumberColumn(FIRST_ROWS)
  /** Number of the version set of each row. */
  readonly versionSet = new NumberColumn(FIRST_ROWS)

  readonly #record = new NumberColumn(FIRST_ROWS)
  #isUsed = new Uint8Array(FIRST_ROWS)
  readonly #free: number[] = []
  /** Open addressing; a slot holds row + 1, 0 is empty. A quarter of them at least are. */
  #slots = columnBelow(FIRST_ROWS * 2, FIRST_ROWS * 2)
  readonly #records: Records
  readonly #statusTime = new NumberColumn(FIRST_ROWS)
  /** Of rows whose time does not fit the column: nobody honest gets there. */
  readonly #lateTimes = new Map<number, number>()
  // Two times that few members have: no columns for them.
  readonly #goneAt = new Map<number, number>()
  readonly #leftAt = new Map<number, number>()

  /** Rows ever used: rows are 0 to this, some of them empty. */
  rowCount = 0
  /** Members that anybody remembers. */
  size = 0
  /** The rows on memberlist's list, in any state. */
  readonly list = new Listing()
  /** How many rows are held in each state, by HELD. */
  readonly #instances = new Uint32Array(HELD.unlisted + 1)

  /** `records` may be shared with others that know the same members. */
  constructor(random: Random, records = new Records()) {
    this.#seed = random.below(2 ** 32)
    this.#records = records
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

  /** Lamport time of the last intent about the member. */
  statusTime(row: number): number {
    const time = this.#statusTime.get(row)
    return time === LATE ? (this.#lateTimes.get(row) ?? LATE) : time
  }

  setStatusTime(row: number, time: number): void {
    if (this.#lateTimes.size > 0) this.#lateTimes.delete(row)
    if (time >= LATE) this.#lateTimes.set(row, time)
    this.#statusTime.set(row, Math.min(time, LATE))
  }

  /** When memberlist saw it dead or leaving; `-Infinity` where it is neither. */
  goneAt(row: number): number {
    return this.#goneAt.get(row) ?? LONG_AGO
  }

  /** When Serf saw it fail or leave; `-Infinity` while it is neither. */
  leftAt(row: number): number {
    return this.#leftAt.get(row) ?? LONG_AGO
  }

  /** Serf sees it fail or leave, or, with `undefined`, return. */
  setLeftAt(row: number, at: number | undefined): void {
    if (at !== undefined) this.#leftAt.set(row, at)
    else if (this.#leftAt.size > 0) this.#leftAt.delete(row)
  }

  /** Makes room for so many more members, whose records take `bytes` together: what grows by and by leaves garbage behind. */
  reserve(members: number, bytes: number): void {
    const rows = this.size + members
    if (rows > this.held.length) this.#grow(rows)
    this.#records.reserve(members, bytes)
    if (rows * 4 > this.#slots.length * 3) this.#rehash(slotsFor(rows))
  }

  /** The row of the member with this name, or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const mask = this.#slots.length - 1
    for (let slot = hashOf(this.#seed, bytes, start, end) & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot] - 1
      if (row === NO_ROW) return NO_ROW
      if (this.hasName(row, bytes, start, end)) return row
    }
  }

  /** Adds an unlisted member of which this is known; the name must not be in the table. */
  add(
    bytes: Uint8Array,
    start: number,
    end: number,
    address: Uint8Array = NOTHING,
    meta: Uint8Array = NOTHING,
  ): number {
    return this.addFrom(bytes, start, end, address, 0, address.length, meta, 0, meta.length)
  }

  /** The same, of parts of buffers. */
  addFrom(
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
    const row = this.#free.pop() ?? this.#newRow()
    this.#isUsed[row] = 1
    this.instance.set(row, this.instance.get(row) + 1)
    this.incarnation.set(row, 0)
    this.held[row] = HELD.unlisted
    this.#instances[HELD.unlisted] += 1
    this.status[row] = 0
    this.port[row] = 0
    this.setStatusTime(row, 0)
    const record = this.#records.add(
      name,
      nameStart,
      nameEnd,
      address,
      addressStart,
      addressEnd,
      meta,
      metaStart,
      metaEnd,
    )
    this.#record.set(row, record)
    this.versionSet.set(row, 0)
    this.size += 1
    if (this.size * 4 > this.#slots.length * 3) this.#rehash(this.#slots.length * 2)
    else this.#place(row)
    return row
  }

  /** Forgets the member for good; its row is free for another. */
  remove(row: number): void {
    this.setHeld(row, HELD.unlisted, 0)
    this.setLeftAt(row, undefined)
    this.#instances[HELD.unlisted] -= 1
    this.#isUsed[row] = 0
    this.#records.drop(this.#record.get(row))
    this.size -= 1
    this.#free.push(row)
    this.#unplace(row)
    this.#tidy()
  }

  /** Replaces address and meta. */
  setFacts(row: number, address: Uint8Array, meta: Uint8Array): void {
    const before = this.#record.get(row)
    this.#record.set(row, this.#records.renewed(before, address, meta))
    this.#records.drop(before)
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
    this.versions.moved(this.versionSet.get(row), before, held)
    if (held === HELD.dead || held === HELD.left) this.#goneAt.set(row, now)
    else if (this.#goneAt.size > 0) this.#goneAt.delete(row)
  }

  /** Replaces the version bytes; false when the bound on distinct sets is reached. */
  setVersions(row: number, bytes: Uint8Array, start: number): boolean {
    const number = this.versions.number(bytes, start)
    if (number === 0) return false
    if (number !== this.versionSet.get(row)) {
      this.versions.moved(this.versionSet.get(row), this.held[row], HELD.unlisted)
      this.versions.moved(number, HELD.unlisted, this.held[row])
      this.versionSet.set(row, number)
    }
    return true
  }

  /** With ourselves alone in it, knows all that those of a pattern know, who share our records. They have nobody that is gone. */
  takeAfter(pattern: Pattern<MemberTable>): void {
    const { first, second, row, rows } = pattern
    const [own, theirs] = [this.versions.bytes(this.versionSet.get(0)), second.versions]
    this.#grow(rows)
    for (const i of this.#plain.keys())
      columnAfter(
        this.#plain[i],
        partOf(pattern, (table) => table.#plain[i]),
      )
    for (const [i, column] of this.#numbers.entries())
      column.takeAfter(partOf(pattern, (table) => table.#numbers[i]))
    this.versions.copy(first.versions)
    this.versionSet.set(0, this.versions.number(own, 0))
    this.versionSet.set(row, this.versions.number(theirs.bytes(second.versionSet.get(1)), 0))
    this.#instances.set(first.#instances)
    while (this.list.size < first.list.size) this.list.add(this.list.size)
    this.rowCount = rows
    this.size = first.size
    this.#rehash(first.#slots.length)
  }

  /** Whether another table that shares our records has the same member in a row, and both know the same of it: that it is alive. */
  isAlike(other: MemberTable, row: number): boolean {
    return (
      this.#record.get(row) === other.#record.get(row) &&
      this.#isUsed[row] + other.#isUsed[row] === 2 &&
      this.held[row] === HELD.alive &&
      other.held[row] === HELD.alive &&
      this.status[row] === STATUS.alive &&
      other.status[row] === STATUS.alive &&
      this.incarnation.get(row) === other.incarnation.get(row) &&
      this.#statusTime.get(row) === other.#statusTime.get(row) &&
      this.port[row] === other.port[row] &&
      this.versions.bytes(this.versionSet.get(row)) === other.versions.bytes(other.versionSet.get(row))
    )
  }

  /** Bytes that names, addresses and meta take, garbage included. */
  get slabBytes(): number {
    return this.#records.bytes
  }

  /** Copies a row's address, name and meta to `to` at `at`, in this order: what facts hold of it. */
  copyFacts(row: number, to: Uint8Array, at: number): void {
    this.#records.copyFacts(this.#record.get(row), to, at)
  }

  /** Bytes of a row's address, name and meta. */
  factLengths(row: number): { address: number; name: number; meta: number } {
    const records = this.#records
    const at = this.#record.get(row)
    return { address: records.addressLength(at), name: records.nameLength(at), meta: records.metaLength(at) }
  }

  // The next three give views, good until the table changes.
  name(row: number): Uint8Array {
    return this.#records.name(this.#record.get(row))
  }

  address(row: number): Uint8Array {
    return this.#records.address(this.#record.get(row))
  }

  meta(row: number): Uint8Array {
    return this.#records.meta(this.#record.get(row))
  }

  /** All that an alive message and a push/pull say of a row. Its bytes are views like those above. */
  fields(row: number): AliveFields & { state: number } {
    return {
      incarnation: this.incarnation.get(row),
      name: this.name(row),
      address: this.address(row),
      port: this.port[row],
      meta: this.meta(row),
      versions: this.versions.bytes(this.versionSet.get(row)),
      state: this.held[row],
    }
  }

  /** Whether the row holds exactly this address in normal form (IPv4 is 4 bytes) and this port. */
  hasAddress(row: number, bytes: Uint8Array, start: number, end: number, port: number): boolean {
    return this.port[row] === port && this.#records.hasAddress(this.#record.get(row), bytes, start, end)
  }

  /** A copy of what a claim may replace. */
  facts(row: number): Before {
    const [incarnation, port] = [this.incarnation.get(row), this.port[row]]
    return { incarnation, port, address: this.address(row).slice(), meta: this.meta(row).slice() }
  }

  hasMeta(row: number, bytes: Uint8Array, start: number, end: number): boolean {
    return this.#records.hasMeta(this.#record.get(row), bytes, start, end)
  }

  /** Whether the row is that of this name. */
  hasName(row: number, bytes: Uint8Array, start: number, end: number): boolean {
    return this.#records.hasName(this.#record.get(row), bytes, start, end)
  }

  #tidy(): void {
    this.#records.tidy(this.#record, this.#isUsed, this.rowCount)
  }

  #newRow(): number {
    const row = this.rowCount
    this.rowCount += 1
    if (row >= this.held.length) this.#grow(grownLength(row, row + 1))
    return row
  }

  #grow(rows: number): void {
    for (const column of this.#numbers) column.lengthen(rows)
    this.held = longer(this.held, new Uint8Array(rows))
    this.status = longer(this.status, new Uint8Array(rows))
    this.port = longer(this.port, new Uint16Array(rows))
    this.#isUsed = longer(this.#isUsed, new Uint8Array(rows))
  }

  get #numbers(): readonly NumberColumn[] {
    return [this.incarnation, this.instance, this.versionSet, this.#statusTime, this.#record]
  }

  get #plain(): readonly Column[] {
    return [this.held, this.status, this.port, this.#isUsed]
  }

  #hashOf(row: number): number {
    return this.#records.hash(this.#record.get(row), this.#seed)
  }

  #place(row: number): void {
    const mask = this.#slots.length - 1
    let slot = this.#hashOf(row) & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = row + 1
  }

  /** Takes the row out and moves up those behind it that its slot had pushed on, so that no chain is broken. */
  #unplace(row: number): void {
    const mask = this.#slots.length - 1
    let hole = this.#hashOf(row) & mask
    while (this.#slots[hole] !== row + 1) hole = (hole + 1) & mask
    for (let slot = (hole + 1) & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#hashOf(this.#slots[slot] - 1) & mask
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue
      this.#slots[hole] = this.#slots[slot]
      hole = slot
    }
    this.#slots[hole] = 0
  }

  #rehash(length: number): void {
    // A slot holds at most a row of fewer rows than there are slots, plus one.
    this.#slots = columnBelow(length, length)
    for (let row = 0; row < this.rowCount; row++) if (this.#isUsed[row] === 1) this.#place(row)
  }
}

/** Slots for so many rows: a power of two, of which a quarter at least stays empty. */
function slotsFor(rows: number): number {
  let slots = FIRST_ROWS * 2
  while (rows * 4 > slots * 3) slots *= 2
  return slots
}
