/**
 * What became of members lately, and by whose word: the last transitions, and who accuses how much to no avail. For the question «which node
 * accused me?», which logs of all nodes answer badly. Everything here is bounded and costs a line in a table per transition.
 */

import { longer } from '../actors/columns.ts'
import type { Log } from '../actors/contract.ts'
import { fromLatin, toLatin } from '../actors/latin.ts'

/** What became of a member; `refuted` is our own word against an accusation of us. */
export type Change = 'alive' | 'suspect' | 'confirmed' | 'dead' | 'left' | 'refuted'

/** One transition of a member, as `cluster.history()` gives it. */
export interface HistoryEntry {
  readonly name: string
  readonly change: Change
  readonly incarnation: number
  /** Who accused it; empty where nobody did. */
  readonly accuser: string
  /** How many others had confirmed the accusation by then. */
  readonly confirmations: number
  /** How long ago, in milliseconds. */
  readonly ago: number
}

/** In the order of their numbers. */
const CHANGES: readonly Change[] = ['alive', 'suspect', 'confirmed', 'dead', 'left', 'refuted']

const MOST_ENTRIES = 256
const FIRST_ENTRIES = 16
/** Accusers that are counted by name; those beyond are counted together. */
const MOST_ACCUSERS = 64
const OTHERS = 'other accusers'
/** Refuted accusations from which on an accuser is warned of, and how often at most. */
const MANY_REFUTED = 5
const WARN_AGAIN = 60_000

interface AccuserRecord {
  made: number
  refuted: number
  warnedAt: number
}

export class History {
  // The transitions, in columns: a merge of a hundred thousand members writes as many, of which the last few stay. Names as latin text.
  readonly #names: string[] = []
  readonly #accusersOf: string[] = []
  #changes = new Uint8Array(FIRST_ENTRIES)
  #confirmations = new Uint16Array(FIRST_ENTRIES)
  #incarnations = new Uint32Array(FIRST_ENTRIES)
  #ats = new Float64Array(FIRST_ENTRIES)
  /** Where the next one goes. */
  #next = 0
  readonly #accusers = new Map<string, AccuserRecord>()
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  /** Writes down a transition. `accuser` as latin text. */
  add(
    name: Uint8Array,
    change: Change,
    incarnation: number,
    accuser: string,
    confirmations: number,
    at: number,
  ): void {
    const place = this.#next
    if (place === this.#ats.length) this.#grow()
    this.#names[place] = toLatin(name)
    this.#accusersOf[place] = accuser
    this.#changes[place] = CHANGES.indexOf(change)
    this.#confirmations[place] = confirmations
    this.#incarnations[place] = incarnation
    this.#ats[place] = at
    this.#next = (place + 1) % MOST_ENTRIES
    // One of ourselves is an accusation as well: it never becomes a suspicion here.
    if (change === 'suspect' || change === 'confirmed' || change === 'refuted')
      this.#record(accuser).made += 1
  }

  /** The accused answered for itself. */
  refuted(accuser: string, now: number): void {
    const record = this.#record(accuser)
    record.refuted += 1
    if (record.refuted < MANY_REFUTED || now - record.warnedAt < WARN_AGAIN) return
    record.warnedAt = now
    const said = `${shown(accuser)} made ${record.made} accusations, ${record.refuted} of them refuted`
    this.#log('warn', `${said}: it may be half cut off, or overloaded`)
  }

  /** The transitions of one member, or of all, oldest first. */
  entries(name: string, now: number): HistoryEntry[] {
    const wanted = toLatin(new TextEncoder().encode(name))
    const entries: HistoryEntry[] = []
    const { length } = this.#names
    const oldest = length < MOST_ENTRIES ? 0 : this.#next
    for (let i = 0; i < length; i++) {
      const place = (oldest + i) % length
      if (name !== '' && this.#names[place] !== wanted) continue
      entries.push({
        name: shown(this.#names[place]),
        change: CHANGES[this.#changes[place]],
        incarnation: this.#incarnations[place],
        accuser: shown(this.#accusersOf[place]),
        confirmations: this.#confirmations[place],
        ago: now - this.#ats[place],
      })
    }
    return entries
  }

  /** Accusations made and refuted, by accuser. */
  gauges(): Record<string, number> {
    const gauges: Record<string, number> = {}
    for (const [accuser, { made, refuted }] of this.#accusers) {
      const label = shown(accuser).replaceAll(/[{},=]/g, '_')
      gauges[`folkmoot.accusations.made{accuser=${label}}`] = made
      gauges[`folkmoot.accusations.refuted{accuser=${label}}`] = refuted
    }
    return gauges
  }

  #grow(): void {
    const places = this.#ats.length * 2
    this.#changes = longer(this.#changes, new Uint8Array(places))
    this.#confirmations = longer(this.#confirmations, new Uint16Array(places))
    this.#incarnations = longer(this.#incarnations, new Uint32Array(places))
    this.#ats = longer(this.#ats, new Float64Array(places))
  }

  #record(accuser: string): AccuserRecord {
    const known = this.#accusers.get(accuser)
    if (known !== undefined) return known
    const name = this.#accusers.size < MOST_ACCUSERS ? accuser : OTHERS
    const record = this.#accusers.get(name) ?? { made: 0, refuted: 0, warnedAt: Number.NEGATIVE_INFINITY }
    this.#accusers.set(name, record)
    return record
  }
}

function shown(latin: string): string {
  return new TextDecoder().decode(fromLatin(latin))
}
