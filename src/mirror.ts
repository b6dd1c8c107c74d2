/**
 * The mirror: the facade's copy of the members, so that `members()` answers at once. Members stay packed, by row, and become objects
 * only when somebody asks for them; an object is kept until its row changes.
 */
import { Unpackr } from 'msgpackr'
import { FACT, FactReader } from './actors/facts.ts'
import { type Member, memberOf } from './member.ts'

/** A member still packed: its buffer, and where it stands. Shared buffers are read in place. */
interface Packed {
  readonly buffer: Uint8Array
  readonly at: number
}

export class Mirror {
  readonly #packed: (Packed | undefined)[] = []
  readonly #members: (Member | undefined)[] = []
  #size = 0
  #sorted: readonly Member[] | undefined
  #byName: Map<string, number> | undefined
  #through = 0
  #waiting: { through: number; resolve: () => void }[] = []

  /** Members in any status. */
  get size(): number {
    return this.#size
  }

  /** Fills the mirror for the first time, from dispatch's view as msgpackr records. */
  fill(records: Uint8Array): void {
    const members: ({ row: number } & Member)[] = new Unpackr({ useRecords: true }).unpack(records)
    for (const { row, ...member } of members) {
      // Facts that overtook the snapshot are newer than it.
      if (this.#has(row)) continue
      this.#size += 1
      this.#members[row] = frozen(member)
    }
    this.#changed()
  }

  /** Takes over the members of a fact buffer, and resolves who waited for them. */
  apply(facts: Uint8Array, through: number): void {
    const isShared = facts.buffer instanceof SharedArrayBuffer
    let count = 0
    for (const reader = new FactReader(facts); !reader.atEnd; reader.next()) {
      if (!reader.isMember) continue
      count += 1
      this.#put(reader, isShared ? 'shared' : 'plain')
    }
    if (count > 0) this.#changed()
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
      for (let row = 0; row < this.#packed.length || row < this.#members.length; row++) {
        const member = this.#at(row)
        if (member !== undefined) members.push(member)
      }
      this.#sorted = Object.freeze(members.sort((a, b) => (a.name < b.name ? -1 : 1)))
    }
    return this.#sorted
  }

  member(name: string): Member | undefined {
    if (this.#byName === undefined) {
      this.#byName = new Map()
      for (let row = 0; row < this.#packed.length || row < this.#members.length; row++) {
        const member = this.#at(row)
        if (member !== undefined) this.#byName.set(member.name, row)
      }
    }
    const row = this.#byName.get(name)
    return row === undefined ? undefined : this.#at(row)
  }

  #put(reader: FactReader, memory: 'shared' | 'plain'): void {
    const { row, at, length, bytes } = reader
    const isKnown = this.#has(row)
    this.#members[row] = undefined
    if (reader.kind === FACT.memberReap) {
      this.#packed[row] = undefined
      this.#size -= Number(isKnown)
      return
    }
    // A plain buffer may hold much else; only the member's own bytes are kept.
    this.#packed[row] =
      memory === 'shared' ? { buffer: bytes, at } : { buffer: bytes.slice(at, at + length), at: 0 }
    this.#size += Number(!isKnown)
  }

  #has(row: number): boolean {
    return this.#packed[row] !== undefined || this.#members[row] !== undefined
  }

  #at(row: number): Member | undefined {
    const made = this.#members[row]
    const packed = this.#packed[row]
    if (made !== undefined || packed === undefined) return made
    const member = Object.freeze(memberOf(new FactReader(packed.buffer, packed.at)))
    this.#members[row] = member
    return member
  }

  #changed(): void {
    this.#sorted = undefined
    this.#byName = undefined
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
