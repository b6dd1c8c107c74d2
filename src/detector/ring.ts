/**
 * The ring: whom to probe, in which order (protocol page 1, sections 7.3 and 7.4). A round visits every peer once, in
 * an order that is shuffled anew when the ring wraps around, so that a dead peer is found within two rounds at worst.
 *
 *     order   [ c  a  .  e | d  b  f ]      . = gone: skipped, and dropped when the ring wraps around
 *               visited      to come
 *
 * A peer that comes in the middle of a round is put at a random place among those still to come. memberlist swaps it
 * with any place: that moves somebody who was visited behind the mark, to be probed twice, and lets the newcomer wait.
 *
 * What is known of the peers stands in records by row, the row being gossip's. We ourselves are not in the ring.
 */
import { grownLength, longer } from '../actors/columns.ts'
import type { Random } from '../actors/contract.ts'
import { toLatin } from '../actors/latin.ts'
import { NumberColumn } from '../actors/number-column.ts'
import { columnAfter, type Pattern, partOf } from '../actors/pattern.ts'
import { Records } from '../actors/records.ts'
import type { RosterEntry } from '../actors/roster.ts'
import { formatIp } from '../wire/address.ts'

/** A picture of a peer. */
export interface Peer {
  row: number
  instance: number
  incarnation: number
  isSuspect: boolean
  protocolMax: number
  address: Uint8Array
  ip: string
  port: number
  /** The name's bytes as on the wire. */
  name: Uint8Array
}

/** Zero: it has no record. */
const ABSENT = 0
const ALIVE = 1
const SUSPECT = 2
/** No longer a peer, but still in the order. */
const GONE = 3

/** Was dropped: its record keeps the instance alone, so that late words about it are still recognised. */
const FORGOTTEN = 4

const FIRST_ROWS = 16
/** Bytes of the numbers of a peer, which stand in its record where a member's meta would. */
const NUMBERS = 11
const NOTHING = new Uint8Array(0)
/**
 * Draws per wanted peer before the whole ring is looked through. With every second peer alive eight draws miss one time in
 * 256; memberlist draws three times the ring's length and then does without.
 */
const DRAWS = 8

export class Ring {
  readonly #random: Random
  /** Rows in the order of the round; the first `#size` of them. */
  readonly #order = new NumberColumn(FIRST_ROWS)
  #size = 0
  #next = 0
  #present = 0

  #standing = new Uint8Array(FIRST_ROWS)
  /** Name, address and numbers of each. */
  readonly #record = new NumberColumn(FIRST_ROWS)
  /** The numbers of the peer that is written: incarnation u32, instance u32, port u16, protocolMax u8. */
  readonly #numbers = new Uint8Array(NUMBERS)
  readonly #records: Records

  /** `records` may be shared with others that know the same members. */
  constructor(random: Random, records = new Records()) {
    this.#random = random
    this.#records = records
  }

  /** Peers that may be probed. */
  get peers(): number {
    return this.#present
  }

  /** Rows in the order of the round, those included that went meanwhile. */
  get order(): readonly number[] {
    return Array.from({ length: this.#size }, (_, place) => this.#order.get(place))
  }

  /** Names of the peers that are probed. */
  get probed(): string[] {
    return this.order.filter((row) => this.#standing[row] !== GONE).map((row) => toLatin(this.#name(row)))
  }

  /** Places in the ring: peers, and those who went since it wrapped around last. */
  get size(): number {
    return this.#size
  }

  /** So many rows are likely to be in use soon. */
  expect(rows: number): void {
    if (rows > this.#standing.length) this.#grow(rows - 1)
    if (rows > this.#order.length) this.#order.lengthen(rows)
  }

  /** Takes in what gossip says of a peer. Words about somebody who lived in the row before are ignored. */
  apply(entry: RosterEntry): void {
    const { row } = entry
    const isGone = entry.standing === 'gone' || entry.standing === 'erased'
    if (row >= this.#standing.length) {
      if (isGone) return
      this.#grow(row)
    }
    const before = this.#standing[row]
    const isVacant = before === ABSENT || before === FORGOTTEN
    if (before !== ABSENT && entry.instance < this.#instance(row)) return
    if (isGone) {
      if (isVacant || before === GONE) return
      this.#standing[row] = GONE
      this.#present -= 1
      return
    }
    this.#write(entry)
    if (isVacant) this.#insert(row)
    if (isVacant || before === GONE) this.#present += 1
  }

  /** Empty, holds all that the rings of a pattern hold, which share our records, in an order of its own. */
  takeAfter(pattern: Pattern<Ring>): void {
    const { first, rows } = pattern
    this.#standing = new Uint8Array(rows)
    columnAfter(
      this.#standing,
      partOf(pattern, (ring) => ring.#standing),
    )
    this.#record.takeAfter(partOf(pattern, (ring) => ring.#record))
    this.#order.lengthen(rows)
    for (let place = 0; place < first.#size; place++) this.#order.set(place, first.#order.get(place))
    this.#size = first.#size
    this.#present = first.#present
    this.#startRound()
  }

  /** Whether this instance still lives in this row, probed or not. */
  isCurrent(row: number, instance: number): boolean {
    return row < this.#standing.length && this.#standing[row] !== ABSENT && this.#instance(row) === instance
  }

  /** The next peer of the round, or of a new round; `undefined` when there are none. */
  next(): Peer | undefined {
    return this.#walk() ?? (this.#startRound() > 0 ? this.#walk() : undefined)
  }

  /**
   * Up to `count` alive peers, without repeats and without the one in row `except`; fewer only when there are fewer.
   * Section 7.3 with one difference: where drawing misses somebody the ring is looked through, at any size.
   */
  randomAlive(count: number, except: number): Peer[] {
    const rows = this.#size < 3 * count ? [] : this.#draw(count, except)
    return (rows.length < count ? this.#sample(count, except) : rows).map((row) => this.#picture(row))
  }

  #walk(): Peer | undefined {
    while (this.#next < this.#size) {
      const row = this.#order.get(this.#next)
      this.#next += 1
      if (this.#standing[row] !== GONE) return this.#picture(row)
    }
    return undefined
  }

  /** Drops who is gone, shuffles (Fisher-Yates) and goes back to the start. Returns how many are left. */
  #startRound(): number {
    const order = this.#order
    let left = 0
    for (let place = 0; place < this.#size; place++) {
      const row = order.get(place)
      if (this.#standing[row] === GONE) this.#forget(row)
      else order.set(left++, row)
    }
    this.#records.tidy(this.#record, this.#standing, this.#standing.length)
    for (let i = left - 1; i > 0; i--) swap(order, i, this.#random.below(i + 1))
    this.#size = left
    this.#next = 0
    return left
  }

  #insert(row: number): void {
    const last = this.#size
    if (last === this.#order.length) this.#order.lengthen(grownLength(last, last + 1))
    this.#order.set(last, row)
    this.#size += 1
    swap(this.#order, last, this.#next + this.#random.below(last + 1 - this.#next))
  }

  #draw(count: number, except: number): number[] {
    const rows: number[] = []
    for (let draws = DRAWS * count; draws > 0 && rows.length < count; draws--) {
      const row = this.#order.get(this.#random.below(this.#size))
      if (this.#standing[row] === ALIVE && row !== except && !rows.includes(row)) rows.push(row)
    }
    return rows
  }

  /** A sample drawn in one pass: the i-th eligible peer replaces one of the chosen with probability count / i. */
  #sample(count: number, except: number): number[] {
    const rows: number[] = []
    let eligible = 0
    for (let at = 0; at < this.#size; at++) {
      const row = this.#order.get(at)
      if (this.#standing[row] !== ALIVE || row === except) continue
      eligible += 1
      const place = rows.length < count ? rows.length : this.#random.below(eligible)
      if (place < count) rows[place] = row
    }
    return rows
  }

  #picture(row: number): Peer {
    const address = this.#records.address(this.#record.get(row)).slice()
    const numbers = this.#records.meta(this.#record.get(row))
    return {
      row,
      instance: this.#instance(row),
      incarnation: u32(numbers, 0),
      isSuspect: this.#standing[row] === SUSPECT,
      protocolMax: numbers[10],
      address,
      ip: formatIp(address),
      port: numbers[8] | (numbers[9] << 8),
      name: this.#name(row).slice(),
    }
  }

  /** A view, good until a record is added. */
  #name(row: number): Uint8Array {
    return this.#records.name(this.#record.get(row))
  }

  #instance(row: number): number {
    return u32(this.#records.meta(this.#record.get(row)), 4)
  }

  #write(entry: RosterEntry): void {
    const { row, incarnation, instance, port, protocolMax, address, name } = entry
    const numbers = this.#numbers
    for (let i = 0; i < 4; i++) {
      numbers[i] = incarnation >>> (8 * i)
      numbers[4 + i] = instance >>> (8 * i)
    }
    numbers[8] = port
    numbers[9] = port >> 8
    numbers[10] = protocolMax
    this.#keep(row, name, address)
    this.#standing[row] = entry.standing === 'suspect' ? SUSPECT : ALIVE
  }

  /** A record of this peer with the numbers that were just written. */
  #keep(row: number, name: Uint8Array, address: Uint8Array): void {
    const records = this.#records
    const before = this.#record.get(row)
    const isKnown = this.#standing[row] !== ABSENT
    if (
      isKnown &&
      records.hasName(before, name, 0, name.length) &&
      records.hasAddress(before, address, 0, address.length) &&
      records.hasMeta(before, this.#numbers, 0, NUMBERS)
    )
      return
    const record = records.add(name, 0, name.length, address, 0, address.length, this.#numbers, 0, NUMBERS)
    this.#record.set(row, record)
    if (isKnown) records.drop(before)
  }

  #forget(row: number): void {
    this.#numbers.set(this.#records.meta(this.#record.get(row)))
    this.#keep(row, NOTHING, NOTHING)
    this.#standing[row] = FORGOTTEN
  }

  #grow(row: number): void {
    const rows = grownLength(this.#standing.length, row + 1)
    this.#standing = longer(this.#standing, new Uint8Array(rows))
    this.#record.lengthen(rows)
  }
}

function u32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0
}

function swap(rows: NumberColumn, a: number, b: number): void {
  const row = rows.get(a)
  rows.set(a, rows.get(b))
  rows.set(b, row)
}
