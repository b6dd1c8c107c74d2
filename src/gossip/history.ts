/**
 * What became of members lately, and by whose word: the last transitions, and who accuses how much to no avail. For the question «which node
 * accused me?», which logs of all nodes answer badly. Everything here is bounded and costs a line in a table per transition.
 */

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

interface Kept {
  name: Uint8Array
  change: Change
  incarnation: number
  accuser: string
  confirmations: number
  at: number
}

const MOST_ENTRIES = 256
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
  readonly #entries: Kept[] = []
  /** Where the next one goes once the list is full. */
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
    const entry = { name: name.slice(), change, incarnation, accuser, confirmations, at }
    if (this.#entries.length < MOST_ENTRIES) this.#entries.push(entry)
    else {
      this.#entries[this.#next] = entry
      this.#next = (this.#next + 1) % MOST_ENTRIES
    }
    if (change === 'suspect' || change === 'confirmed') this.#record(accuser).made += 1
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
    const inOrder = [...this.#entries.slice(this.#next), ...this.#entries.slice(0, this.#next)]
    return inOrder
      .filter((entry) => name === '' || toLatin(entry.name) === wanted)
      .map(({ name: bytes, change, incarnation, accuser, confirmations, at }) => ({
        name: shown(toLatin(bytes)),
        change,
        incarnation,
        accuser: shown(accuser),
        confirmations,
        ago: now - at,
      }))
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
