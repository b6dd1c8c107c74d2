/**
 * Words that came too late, and who is told so. Where the original stays silent, somebody stays wrong until its next push/pull with one who
 * knows better: a restarted member that others hold dead at a higher incarnation, an accuser that missed the refutation. One packet straight to
 * whom it concerns ends it at once. Nothing of this is new on the wire.
 *
 *     heard                                  held              told
 *     X alive, not newer                     X suspect, gone   X: what it is held for, so that it refutes
 *     X alive, older                         X alive           X, by about eight of us: that it was here before, so that it goes on above that; as it
 *                                                              is, nobody believes its word, nor its answer to whoever suspects it by the newer one
 *     Y accuses X at an older incarnation    X alive           Y: X is alive, and since when
 *     Y accuses X, unknown here              -                 X, as soon as it is introduced at no newer incarnation
 *     X suspect                              X alive           X, by whose probe it was; else by about eight of us
 *     X left, by its own word                X alive           X, by about eight of us: nobody gossips to those who left, so one of whom this
 *                                                              is a lie would not hear of it before its next push/pull; who did leave is silent
 *
 * Each is said once in a while for each member, so that a flood of stale words makes no flood of answers.
 */
import type { Random } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import { toLatin } from '../actors/latin.ts'
import { MESSAGE } from '../wire/types.ts'
import type { MemberTable } from './members.ts'
import { HELD } from './precedence.ts'
import type { AccusationType, Voice } from './voice.ts'

export interface CorrectionParts {
  table: MemberTable
  voice: Voice
  counters: Counters
  random: Random
}

/** One word of each kind to each in so many milliseconds. */
const SAY_AGAIN = 1_000
/** Members whose last answer is remembered; beyond it all are forgotten, and answered once more. */
const MOST_SAID = 4_096
/** Accusations about members unknown here, and how long they are kept. Beyond the bound new ones are dropped: only made-up names get there. */
const MOST_UNKNOWN = 1_024
const KEEP_UNKNOWN = 30_000
/** Members that tell somebody that it is suspected, or said to have left, about, however large the pool is. */
const TELLERS = 8
/** Longest name that is remembered. */
const LONGEST_NAME = 256

interface Accusation {
  type: AccusationType
  incarnation: number
  from: Uint8Array
  heardAt: number
}

export class Corrections {
  readonly #parts: CorrectionParts
  /** By row, twice: for the accused and for accusers. */
  readonly #said = new Map<number, number>()
  readonly #unknown = new Map<string, Accusation>()

  constructor(parts: CorrectionParts) {
    this.#parts = parts
  }

  /** Accusations that wait for their member. */
  get waiting(): number {
    return this.#unknown.size
  }

  /** A member was said to be alive at no newer incarnation than we hold it at. */
  staleAlive(row: number, incarnation: number, now: number): void {
    const { table, voice, counters } = this.#parts
    const held = table.held[row]
    if (held === HELD.alive) return this.#restarted(row, incarnation, now)
    if (held === HELD.unlisted || !this.#maySay(2 * row, now)) return
    counters.add('folkmoot.told-accused')
    voice.accusationTo(row)
  }

  #restarted(row: number, incarnation: number, now: number): void {
    const { table, voice, counters, random } = this.#parts
    if (incarnation >= table.incarnation.get(row) || random.next() * table.listed > TELLERS) return
    if (row === voice.selfRow || !this.#maySay(2 * row, now)) return
    counters.add('folkmoot.told-restarted')
    voice.aliveTo(row, row)
  }

  /** A member is suspected from now on. Some tell it: gossip alone may pass it by for as long as a suspicion lasts. */
  accused(row: number, from: Uint8Array, now: number): void {
    const { table, random } = this.#parts
    if (random.next() * table.listed <= TELLERS) this.tellAccused(row, from, now)
  }

  /** Tells a member that `from` suspects it. */
  tellAccused(row: number, from: Uint8Array, now: number): void {
    const { table, voice, counters } = this.#parts
    if (row === voice.selfRow || !this.#maySay(2 * row, now)) return
    counters.add('folkmoot.told-accused')
    voice.accuseTo(row, SUSPICION, table.incarnation.get(row), from)
  }

  /** A member that was here is said to have left. */
  saidToLeave(row: number, now: number): void {
    const { table, voice, counters, random } = this.#parts
    if (row === voice.selfRow || random.next() * table.listed > TELLERS || !this.#maySay(2 * row, now)) return
    counters.add('folkmoot.told-accused')
    voice.accusationTo(row)
  }

  /** `from` accuses a member that we know to be alive at a newer incarnation. */
  staleAccusation(row: number, from: Uint8Array, now: number): void {
    const { table, voice, counters } = this.#parts
    const accuser = table.find(from, 0, from.length)
    const isReachable = accuser >= 0 && accuser !== voice.selfRow && table.held[accuser] !== HELD.unlisted
    if (!isReachable || table.held[row] !== HELD.alive || !this.#maySay(2 * accuser + 1, now)) return
    counters.add('folkmoot.told-accuser')
    voice.aliveTo(row, accuser)
  }

  /** Somebody unknown here is accused: kept for when we hear of it. */
  unknownAccused(
    type: AccusationType,
    name: Uint8Array,
    incarnation: number,
    from: Uint8Array,
    now: number,
  ): void {
    if (name.length > LONGEST_NAME || from.length > LONGEST_NAME) return
    const key = toLatin(name)
    const known = this.#unknown.get(key)
    if (known === undefined && this.#unknown.size >= MOST_UNKNOWN) return
    if (known !== undefined && known.incarnation > incarnation) return
    this.#unknown.set(key, { type, incarnation, from: from.slice(), heardAt: now })
  }

  /** Whether somebody said that a member unknown here is dead, at this incarnation or a newer one. */
  isSaidDead(bytes: Uint8Array, nameStart: number, nameEnd: number, incarnation: number): boolean {
    if (this.#unknown.size === 0) return false
    const accusation = this.#unknown.get(toLatin(bytes, nameStart, nameEnd))
    return (
      accusation !== undefined && accusation.type === MESSAGE.dead && accusation.incarnation >= incarnation
    )
  }

  /** A member is new here: does anybody accuse it of what it has not refuted? */
  introduced(row: number): void {
    if (this.#unknown.size === 0) return
    const { table, voice, counters } = this.#parts
    const key = toLatin(table.name(row))
    const accusation = this.#unknown.get(key)
    if (accusation === undefined) return
    this.#unknown.delete(key)
    if (accusation.incarnation < table.incarnation.get(row)) return
    counters.add('folkmoot.told-accused')
    voice.accuseTo(row, accusation.type, accusation.incarnation, accusation.from)
  }

  /** Forgets what is too old to matter. */
  sweep(now: number): void {
    for (const [name, { heardAt }] of this.#unknown)
      if (now - heardAt > KEEP_UNKNOWN) this.#unknown.delete(name)
    for (const [key, saidAt] of this.#said) if (now - saidAt >= SAY_AGAIN) this.#said.delete(key)
  }

  #maySay(key: number, now: number): boolean {
    const last = this.#said.get(key)
    if (last !== undefined && now - last < SAY_AGAIN) return false
    if (this.#said.size >= MOST_SAID) this.#said.clear()
    this.#said.set(key, now)
    return true
  }
}

/** The two kinds of accusation by what they are about. */
export const SUSPICION: AccusationType = MESSAGE.suspect
export const DEATH: AccusationType = MESSAGE.dead
