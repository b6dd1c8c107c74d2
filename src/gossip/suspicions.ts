/**
 * Running suspicions: who accuses whom since when, and when each becomes a death (protocol page 1, section 7.7). A suspicion
 * starts long and shrinks with every independent confirmation.
 */
import { Deadlines } from './deadlines.ts'
import { expectedConfirmations, suspicionLength, suspicionMin } from './formulas.ts'

interface Suspicion {
  readonly startedAt: number
  readonly min: number
  readonly max: number
  readonly expected: number
  /** Names of the accusers; the first one is no confirmation of itself. At most `expected` + 1 are kept. */
  readonly accusers: Set<string>
  endsAt: number
}

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
    const endsAt = now + max
    this.#byRow.set(row, { startedAt: now, min, max, expected, accusers: new Set([accuser]), endsAt })
    this.#deadlines.add(endsAt, row)
  }

  /** Counts another accuser; whether that is news worth passing on. */
  confirm(row: number, accuser: string): boolean {
    const suspicion = this.#byRow.get(row)
    if (suspicion === undefined) return false
    const { accusers, expected, startedAt, min, max } = suspicion
    if (accusers.size > expected || accusers.has(accuser)) return false
    accusers.add(accuser)
    suspicion.endsAt = startedAt + suspicionLength(min, max, accusers.size - 1, expected)
    this.#deadlines.add(suspicion.endsAt, row)
    return true
  }

  /** The member is cleared or dead: nothing more comes of it. */
  end(row: number): void {
    this.#byRow.delete(row)
  }

  /** One suspicion whose time is up, to be ended: its row and whether too few confirmed it; undefined when there is none. */
  due(now: number): { row: number; support: 'confirmed' | 'unconfirmed' } | undefined {
    for (let row = this.#deadlines.due(now); row >= 0; row = this.#deadlines.due(now)) {
      const suspicion = this.#byRow.get(row)
      if (suspicion === undefined || suspicion.endsAt > now) continue
      const { accusers, expected } = suspicion
      // Other deadlines of it may be due as well, and who confirmed it is still asked for.
      suspicion.endsAt = Number.POSITIVE_INFINITY
      return { row, support: accusers.size <= expected ? 'unconfirmed' : 'confirmed' }
    }
    return undefined
  }

  /** We slept through `lateness` milliseconds: nobody dies for what we could not hear meanwhile. */
  extend(lateness: number): void {
    this.#deadlines = new Deadlines()
    for (const [row, suspicion] of this.#byRow) {
      suspicion.endsAt += lateness
      this.#deadlines.add(suspicion.endsAt, row)
    }
  }
}
