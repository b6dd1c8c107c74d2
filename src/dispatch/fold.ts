/**
 * Folding: what a slow host hears of a member when several things happened to it since the host last listened. The result is always
 * a legal sequence from what the host knew to what is true now, and never longer than two events.
 *
 *     the host knows     true now          it hears
 *     nothing or gone    alive             join
 *     nothing            failed | left     join, failed | leave (else it would be there for who asks, and its reap were news of nobody)
 *     nothing            reaped            (nothing: it never was there for this host)
 *     alive              alive             update if there was one, or failed|leave, join if it was away meanwhile
 *     alive              failed | left     failed | leave
 *     failed             left              leave
 *     anything known     reaped            reap (after failed or leave, if the host still thought it alive)
 */
import { grownLength, longer } from '../actors/columns.ts'
import { FACT, STATUS } from '../actors/facts.ts'
import { columnAfter, type Pattern, partOf } from '../actors/pattern.ts'

/** What a host that heard all events so far thinks of a member. */
export type Known = 'nothing' | 'alive' | 'failed' | 'left'

/** In the order of their numbers; what a column begins with stands first. */
const KNOWN: readonly Known[] = ['nothing', 'alive', 'failed', 'left']

/** What a host knows of the member in each row: a byte a row. */
export class KnownRows {
  #known = new Uint8Array(0)

  of(row: number): Known {
    return row < this.#known.length ? KNOWN[this.#known[row]] : 'nothing'
  }

  set(row: number, known: Known): void {
    const { length } = this.#known
    if (row >= length) this.#known = longer(this.#known, new Uint8Array(grownLength(length, row + 1)))
    this.#known[row] = KNOWN.indexOf(known)
  }

  /** Knows all that the hosts of a pattern know, once its host knows of itself. */
  takeAfter(pattern: Pattern<KnownRows>): void {
    this.#known = longer(this.#known.subarray(0, 1), new Uint8Array(pattern.rows))
    columnAfter(
      this.#known,
      partOf(pattern, (rows) => rows.#known),
    )
  }
}

/** What a host thinks of a member that it knows from before a crash. */
export function knownAs(status: number): Known {
  if (status === STATUS.failed) return 'failed'
  return status === STATUS.left ? 'left' : 'alive'
}

/** What a host thinks after one more event. */
export function after(known: Known, event: number): Known {
  switch (event) {
    case FACT.memberJoin:
      return 'alive'
    case FACT.memberFailed:
      return 'failed'
    case FACT.memberLeave:
      return 'left'
    case FACT.memberReap:
      return 'nothing'
    default:
      return known
  }
}

/** Whether an event may come next for a host that thinks so. */
export function isLegal(known: Known, event: number): boolean {
  switch (event) {
    case FACT.memberJoin:
      return known !== 'alive'
    case FACT.memberFailed:
      return known === 'alive'
    case FACT.memberLeave:
      return known === 'alive' || known === 'failed'
    case FACT.memberUpdate:
      return known === 'alive'
    case FACT.memberReap:
      return known === 'failed' || known === 'left'
    default:
      return true
  }
}

/** The shortest legal sequence that stands for `events`, which began when the host thought `known`. */
export function folded(known: Known, events: readonly number[]): number[] {
  const now = events.reduce(after, known)
  if (known === 'nothing' && now === 'nothing') return []
  if (now === 'alive') return foldedAlive(known, events)
  if (now === 'nothing') return known === 'alive' ? [departure(events), FACT.memberReap] : [FACT.memberReap]
  if (now === known)
    return events.some((event) => event === FACT.memberJoin) ? [FACT.memberJoin, goneAs(now)] : []
  return known === 'alive' || known === 'failed' ? [goneAs(now)] : [FACT.memberJoin, goneAs(now)]
}

function foldedAlive(known: Known, events: readonly number[]): number[] {
  if (known !== 'alive') return [FACT.memberJoin]
  const wasAway = events.some((event) => event === FACT.memberFailed || event === FACT.memberLeave)
  if (wasAway) return [departure(events), FACT.memberJoin]
  return events.includes(FACT.memberUpdate) ? [FACT.memberUpdate] : []
}

function goneAs(known: Known): number {
  return known === 'left' ? FACT.memberLeave : FACT.memberFailed
}

/** How it went the last time. */
function departure(events: readonly number[]): number {
  const last = events.findLast((event) => event === FACT.memberFailed || event === FACT.memberLeave)
  return last ?? FACT.memberFailed
}
