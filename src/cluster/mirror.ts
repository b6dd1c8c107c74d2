/**
 * The mirror: the facade's copy of the members, so that `members()` answers at once. Members stay packed, by row, and become objects
 * only when somebody asks for them; an object is kept until its row changes.
 */
import { Unpackr } from 'msgpackr'
import { FACT, FactReader, packMember } from '../actors/facts.ts'
import { copy, Pack } from '../actors/packed.ts'
import { type Member, memberOf, pictureOf, textOf } from './member.ts'
import { Pictures } from './pictures.ts'
import { Rows } from './rows.ts'

export class Mirror {
  readonly #pictures = new Pictures()
  /** Objects that were asked for and are still true, by row; and the first filling, which has no pictures. */
  readonly #members: (Member | undefined)[] = []
  #size = 0
  #sorted: readonly Member[] | undefined
  readonly #rowOf = new Map<string, number>()
  /** Rows not yet in `rowOf`: names are made into texts when somebody asks for one, and then once. */
  readonly #unnamed = new Rows()
  #through = 0
  #isStale = false
  #waiting: { through: number; resolve: () => void }[] = []
  #follower: (row: number, kind: number) => void = () => undefined

  /** Number of the last fact that it holds. */
  get through(): number {
    return this.#through
  }

  /** Whether the members are those of a life of the actors that is over. */
  get isStale(): boolean {
    return this.#isStale
  }

  /** Rows are below this. */
  get rows(): number {
    return this.#members.length
  }

  /** Members in any status. */
  get size(): number {
    return this.#size
  }

  /** `follower` hears of each row right before a record of this kind changes it. */
  follow(follower: (row: number, kind: number) => void): void {
    this.#follower = follower
  }

  /** The member of a row as it is kept: an object, or the bytes of its picture; undefined where none is. */
  state(row: number): Member | Uint8Array | undefined {
    const shown = this.shown(row)
    return shown instanceof FactReader ? shown.bytes.slice(shown.at, shown.at + shown.length) : shown
  }

  /** The same without a copy: a picture is good until the mirror changes. */
  shown(row: number): Member | FactReader | undefined {
    return this.#members[row] ?? this.#pictures.at(row)
  }

  /** Whether it shows the member of this record exactly as the record does. */
  shows(record: FactReader): boolean {
    if (record.kind === FACT.memberReap) return !this.#has(record.row)
    return this.#pictures.holds(record)
  }

  /** Fills the mirror for the first time, from dispatch's view as msgpackr records. */
  fill(records: Uint8Array): void {
    const members: ({ row: number } & Member)[] = new Unpackr({ useRecords: true }).unpack(records)
    for (const { row, ...member } of members) {
      // Facts that overtook the snapshot are newer than it.
      if (this.#has(row)) continue
      this.#follower(row, FACT.memberJoin)
      this.#size += 1
      this.#members[row] = frozen(member)
      this.#unnamed.add(row)
    }
    this.#sorted = undefined
  }

  /** All members as facts, for a life of the actors after this one. */
  packed(protocolVersion: number): Uint8Array {
    const pack = new Pack()
    for (let row = 0; row < this.#members.length; row++) {
      const picture = this.#pictures.at(row)
      const member = this.#members[row]
      if (picture !== undefined) addRecord(pack, picture)
      else if (member !== undefined)
        packMember(pack, FACT.memberKnown, pictureOf(member, row, protocolVersion))
    }
    return pack.take()
  }

  /** What comes next comes from another life of the actors: its first facts hold all members, and replace these. Until then these stay. */
  renew(): void {
    this.#reach(Number.POSITIVE_INFINITY)
    this.#through = 0
    this.#isStale = true
  }

  /** Takes over the members of a fact buffer, and resolves who waited for them. */
  apply(facts: Uint8Array, through: number): void {
    if (this.#isStale && facts.length > 0) this.#clear()
    for (const reader = new FactReader(facts); !reader.atEnd; reader.next()) {
      if (reader.isMember) this.#put(reader)
    }
    this.#pictures.tidy()
    this.#reach(through)
  }

  /** Resolves when the mirror holds all facts up to this number. */
  reached(through: number): Promise<void> {
    if (through <= this.#through) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ through, resolve }))
  }

  /** Lets everybody go who waits: no more facts will come. */
  close(): void {
    this.#reach(Number.POSITIVE_INFINITY)
  }

  /** All members by name, in the order of their UTF-16 units. */
  members(): readonly Member[] {
    if (this.#sorted === undefined) {
      const members: Member[] = []
      for (let row = 0; row < this.#members.length; row++) {
        const member = this.at(row)
        if (member !== undefined) members.push(member)
      }
      this.#sorted = Object.freeze(members.sort((a, b) => (a.name < b.name ? -1 : 1)))
    }
    return this.#sorted
  }

  /** The member of this name. What it costs does not grow with the pool. */
  member(name: string): Member | undefined {
    for (const row of this.#unnamed) {
      const text = this.#nameOf(row)
      if (text !== undefined) this.#rowOf.set(text, row)
    }
    this.#unnamed.clear()
    const row = this.#rowOf.get(name)
    return row === undefined ? undefined : this.at(row)
  }

  #clear(): void {
    this.#isStale = false
    this.#pictures.clear()
    this.#members.length = 0
    this.#rowOf.clear()
    this.#unnamed.clear()
    this.#size = 0
  }

  #put(reader: FactReader): void {
    const { row, instance } = reader
    this.#follower(row, reader.kind)
    this.#sorted = undefined
    if (reader.kind === FACT.memberReap) {
      this.#forget(row)
      return
    }
    // Who lives in a row keeps its name.
    if (this.#pictures.at(row)?.instance !== instance) {
      this.#forget(row)
      this.#unnamed.add(row)
      this.#size += 1
    }
    this.#members[row] = undefined
    this.#pictures.put(reader)
  }

  #forget(row: number): void {
    const name = this.#nameOf(row)
    if (name === undefined) return
    if (!this.#unnamed.delete(row) && this.#rowOf.get(name) === row) this.#rowOf.delete(name)
    this.#members[row] = undefined
    this.#pictures.drop(row)
    this.#size -= 1
  }

  #has(row: number): boolean {
    return this.#members[row] !== undefined || this.#pictures.has(row)
  }

  /** The name of who lives in the row, without making an object of the rest. */
  #nameOf(row: number): string | undefined {
    const made = this.#members[row]
    if (made !== undefined) return made.name
    const picture = this.#pictures.at(row)
    return picture === undefined ? undefined : textOf(picture.name)
  }

  /** The member of a row. */
  at(row: number): Member | undefined {
    const made = this.#members[row]
    if (made !== undefined) return made
    const picture = this.#pictures.at(row)
    if (picture === undefined) return undefined
    const member = Object.freeze(memberOf(picture))
    this.#members[row] = member
    return member
  }

  #reach(through: number): void {
    this.#through = Math.max(this.#through, through)
    if (this.#waiting.length === 0) return
    const due = this.#waiting.filter((waiting) => waiting.through <= this.#through)
    this.#waiting = this.#waiting.filter((waiting) => waiting.through > this.#through)
    for (const { resolve } of due) resolve()
  }
}

function frozen(member: Member): Member {
  return Object.freeze({
    ...member,
    tags: Object.freeze(Object.assign(Object.create(null), member.tags)),
    protocol: Object.freeze(member.protocol),
    delegate: Object.freeze(member.delegate),
  })
}

function addRecord(pack: Pack, { bytes, at, length }: FactReader): void {
  const claimed = pack.claim(length)
  copy(pack.bytes, claimed, bytes, at, at + length)
}
