/**
 * What listeners were told of the members so far. The mirror is ahead of it, since it never waits for a listener; kept here is only the
 * difference: of each row that changed in the mirror since, how it was when listeners last heard of it. So a subscriber may begin at
 * any time, with the members as all earlier events left them, and no event after that is missing or comes twice.
 *
 * After a crash of the actors rows are numbered anew. Until listeners have heard what came before it, what they know is kept by name.
 */
import { FACT, FactReader } from '../actors/facts.ts'
import { Behind, type Kept } from './behind.ts'
import { type Member, memberOf, textOf } from './member.ts'
import type { Mirror } from './mirror.ts'

export type { Kept }

export class Told {
  readonly #mirror: Mirror
  readonly #behind = new Behind()
  /** All members by name, as long as events of a life that is over are still told. */
  #before: Map<string, Kept> | undefined

  constructor(mirror: Mirror) {
    this.#mirror = mirror
    mirror.follow((row, kind) => {
      // Who is known from before a crash is no news to anybody.
      if (kind === FACT.memberKnown || this.#behind.has(row)) return
      const shown = mirror.shown(row)
      if (shown instanceof FactReader) this.#behind.hear(shown)
      else this.#behind.set(row, shown)
    })
  }

  /** Whether listeners may know the members otherwise than the mirror shows them. */
  get isBehind(): boolean {
    return this.#before !== undefined || this.#behind.size > 0
  }

  /** How listeners know the member of this record. */
  at(record: FactReader): Kept {
    if (this.#before !== undefined) return this.#before.get(textOf(record.name))
    const { row } = record
    return this.#behind.has(row) ? this.#behind.get(row) : this.#mirror.state(row)
  }

  /** Listeners have heard of this record. */
  tell(record: FactReader): void {
    const { row, kind, bytes, at, length } = record
    // Nearly always the mirror shows just this: then there is no difference to keep, and a pool of any size costs no copies.
    if (this.#before === undefined && this.#mirror.shows(record)) {
      this.#behind.delete(row)
      return
    }
    const isReaped = kind === FACT.memberReap
    if (this.#before !== undefined) {
      if (isReaped) this.#before.delete(textOf(record.name))
      else this.#before.set(textOf(record.name), bytes.slice(at, at + length))
    } else if (isReaped) this.#behind.set(row, undefined)
    else this.#behind.hear(record)
  }

  /** Listeners have heard all that happened up to this fact. */
  settle(through: number): void {
    if (this.#before !== undefined) return
    if (through >= this.#mirror.through) this.#behind.clear()
    else this.#behind.tidy()
  }

  /** All members as listeners know them, sorted by name. */
  members(): readonly Member[] {
    if (!this.isBehind) return this.#mirror.members()
    return Object.freeze(sorted(this.#list()))
  }

  /** The life of the actors is over. What listeners have not heard of it yet may still come. */
  orphan(): void {
    this.#before ??= new Map(this.#list().map((member) => [member.name, member]))
    this.#behind.clear()
  }

  /** Listeners have heard all that will come of the life before. Gives how many members are not as they think, and takes them for told. */
  renew(): number {
    const before = this.#before ?? new Map<string, Kept>()
    this.#before = undefined
    let differing = 0
    for (const { name, status } of this.#list()) {
      if (memberFrom(before.get(name))?.status !== status) differing += 1
      before.delete(name)
    }
    return differing + before.size
  }

  #list(): Member[] {
    const members: Member[] = []
    const add = (member: Member | undefined) => {
      if (member !== undefined) members.push(member)
    }
    if (this.#before !== undefined) {
      for (const kept of this.#before.values()) add(memberFrom(kept))
      return members
    }
    for (let row = 0; row < this.#mirror.rows; row++) {
      add(this.#behind.has(row) ? memberFrom(this.#behind.get(row)) : this.#mirror.at(row))
    }
    return members
  }
}

/** The member that is kept so. */
export function memberFrom(kept: Kept): Member | undefined {
  return kept instanceof Uint8Array ? Object.freeze(memberOf(new FactReader(kept))) : kept
}

/** By name, in the order of UTF-16 units; the list itself. */
export function sorted(members: Member[]): Member[] {
  return members.sort((a, b) => (a.name < b.name ? -1 : 1))
}
