/**
 * Running suspicions: who accuses whom since when, and when each becomes a death (protocol page 1, section 7.7). A suspicion
 * starts long and shrinks with every independent confirmation. Before its end the accused is to be asked: see `appeals.ts`.
 */
import { Deadlines } from './deadlines.ts'
import { expectedConfirmations, suspicionLength, suspicionMin } from './formulas.ts'

interface Suspicion {
  /** Without the time through which we slept. */
  startedAt: number
  readonly min: number
  readonly max: number
  readonly expected: number
  /** Names of the accusers; the first one is no confirmation of itself. At most `expected` + 1 are kept. */
  readonly accusers: Set<string>
  endsAt: number
  /** When the accused is asked next; `Infinity` when it is not asked again. */
  askAt: number
  isAsked: boolean
  /** The accused lives, and has so long to say so; 0 where it was not heard. */
  staysUntil: number
  /** How often we came too late to its end to have heard an answer. */
  missed: number
}

/** What is to be done about a member: ask it, for its time is nearly up; or bury it, with whether too few confirmed the suspicion. */
export type Due =
  | { row: number; what: 'ask' }
  | { row: number; what: 'end'; support: 'confirmed' | 'unconfirmed' }

/** In probe intervals: how long before its end the accused is asked first, but not before the middle of the shortest suspicion; and how often. */
const ASK_BEFORE = 2
const ASK_EVERY = 0.5
const LATEST_PART = 0.5
/** In probe intervals: how much time is left at least to whoever is asked. */
const SHORT_NOTICE = 0.25
/** In probe intervals: how much longer it may take in all where the accused answers. */
const LONGEST_STAY = 1
/** So often an end to which we come late is put off. More would let an overloaded machine bury nobody. */
const MOST_MISSED = 3

export interface SuspicionRules {
  probeInterval: number
  suspicionMult: number
  suspicionMaxTimeoutMult: number
}

export class Suspicions {
  readonly #rules: SuspicionRules
  readonly #byRow = new Map<number, Suspicion>()
  #deadlines = new Deadlines()

  constructor(rules: SuspicionRules) {
    this.#rules = rules
  }

  get size(): number {
    return this.#byRow.size
  }

  /** The next instant at which `due` may have something; early at times, never late. */
  get nextAt(): number {
    return this.#deadlines.next
  }

  isRunning(row: number): boolean {
    return this.#byRow.has(row)
  }

  /** Who accuses, as latin text; empty while nobody does. */
  accusers(row: number): Iterable<string> {
    return this.#byRow.get(row)?.accusers ?? []
  }

  /** How many others said the same as the first accuser. */
  confirmations(row: number): number {
    return Math.max(0, (this.#byRow.get(row)?.accusers.size ?? 0) - 1)
  }

  /** Starts a suspicion in a pool of `count` members. */
  start(row: number, accuser: string, count: number, now: number): void {
    const { suspicionMult, suspicionMaxTimeoutMult, probeInterval } = this.#rules
    const expected = expectedConfirmations(suspicionMult, count)
    const min = suspicionMin(suspicionMult, count, probeInterval)
    const max = expected < 1 ? min : min * suspicionMaxTimeoutMult
    const accusers = new Set([accuser])
    const states = {
      endsAt: now + max,
      askAt: Number.POSITIVE_INFINITY,
      isAsked: false,
      staysUntil: 0,
      missed: 0,
    }
    const suspicion = { startedAt: now, min, max, expected, accusers, ...states }
    this.#byRow.set(row, suspicion)
    this.#end(row, suspicion, suspicion.endsAt)
  }

  /** Counts another accuser; whether that is news worth passing on. */
  confirm(row: number, accuser: string): boolean {
    const suspicion = this.#byRow.get(row)
    if (suspicion === undefined) return false
    const { accusers, expected } = suspicion
    if (accusers.size > expected || accusers.has(accuser)) return false
    accusers.add(accuser)
    this.#end(row, suspicion, Math.max(regularEnd(suspicion), suspicion.staysUntil))
    return true
  }

  /** The accused lives, by its ack: it does not die before `until`, within bounds. False when nobody suspects it. */
  stay(row: number, until: number): boolean {
    const suspicion = this.#byRow.get(row)
    if (suspicion === undefined) return false
    const latest = regularEnd(suspicion) + LONGEST_STAY * this.#rules.probeInterval
    suspicion.staysUntil = Math.min(until, latest)
    this.#end(row, suspicion, Math.max(suspicion.endsAt, suspicion.staysUntil))
    return true
  }

  /** The member is cleared or dead: nothing more comes of it. */
  end(row: number): void {
    this.#byRow.delete(row)
  }

  /** One suspicion that is about to end, or whose time is up and which is to be ended; undefined when there is none. */
  due(now: number): Due | undefined {
    for (let row = this.#deadlines.due(now); row >= 0; row = this.#deadlines.due(now)) {
      const suspicion = this.#byRow.get(row)
      if (suspicion === undefined) continue
      if (Math.min(suspicion.askAt, suspicion.endsAt) > now) continue
      if (suspicion.isAsked && suspicion.endsAt <= now && !this.#isMissed(suspicion, now))
        return this.#ended(row, suspicion)
      this.#asked(row, suspicion, now)
      return { row, what: 'ask' }
    }
    return undefined
  }

  /** Whether we were away when its time was up: an answer may lie unread, so that it is asked again. */
  #isMissed(suspicion: Suspicion, now: number): boolean {
    const isLate = now - suspicion.endsAt > SHORT_NOTICE * this.#rules.probeInterval
    if (isLate) suspicion.missed += 1
    return isLate && suspicion.missed <= MOST_MISSED
  }

  /** Who is asked when its time is up, since a confirmation or a sleep of ours left no other, has a moment to answer. */
  #asked(row: number, suspicion: Suspicion, now: number): void {
    const { probeInterval } = this.#rules
    suspicion.isAsked = true
    const least = now + SHORT_NOTICE * probeInterval
    if (suspicion.endsAt <= now) this.#end(row, suspicion, least)
    this.#askAt(row, suspicion, now + ASK_EVERY * probeInterval)
  }

  #ended(row: number, suspicion: Suspicion): Due {
    // Other deadlines of it may be due as well, and who confirmed it is still asked for.
    suspicion.endsAt = Number.POSITIVE_INFINITY
    suspicion.askAt = Number.POSITIVE_INFINITY
    const { accusers, expected } = suspicion
    return { row, what: 'end', support: accusers.size <= expected ? 'unconfirmed' : 'confirmed' }
  }

  #end(row: number, suspicion: Suspicion, endsAt: number): void {
    suspicion.endsAt = endsAt
    this.#deadlines.add(endsAt, row)
    if (suspicion.isAsked) return
    const before = Math.min(ASK_BEFORE * this.#rules.probeInterval, LATEST_PART * suspicion.min)
    this.#askAt(row, suspicion, endsAt - before)
  }

  #askAt(row: number, suspicion: Suspicion, at: number): void {
    suspicion.askAt = at < suspicion.endsAt ? at : Number.POSITIVE_INFINITY
    if (at < suspicion.endsAt) this.#deadlines.add(at, row)
  }

  /** We slept through `lateness` milliseconds: nobody dies for what we could not hear meanwhile. */
  extend(lateness: number): void {
    this.#deadlines = new Deadlines()
    for (const [row, suspicion] of this.#byRow) {
      suspicion.startedAt += lateness
      this.#end(row, suspicion, suspicion.endsAt + lateness)
      if (suspicion.isAsked) this.#askAt(row, suspicion, suspicion.askAt + lateness)
    }
  }
}

/** When it ends by the number of those who confirmed it. */
function regularEnd({ startedAt, min, max, accusers, expected }: Suspicion): number {
  return startedAt + suspicionLength(min, max, accusers.size - 1, expected)
}
