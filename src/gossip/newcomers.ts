/**
 * How many names may be in the table, and how fast one source may bring new ones: whoever can send packets, or has a key, can make up members, and
 * each costs memory here and on everybody that hears of it. What is over a bound is dropped and counted; a person is told once a minute who brought it.
 *
 *     source                                    new names
 *     a push/pull of ours, ourselves            as many as the table takes: we chose whom to ask
 *     packets and push/pulls of an address      16,384 at once and 1,024 a second; what is over it comes again with our next push/pull
 *
 * An address in a packet can be forged, so that `maxMembers` is what bounds memory; the rate keeps one that does not forge, such as a member gone mad,
 * from filling the table.
 */
import { Bucket } from '../actors/bucket.ts'
import type { Log } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import type { MemberTable } from './members.ts'

const BURST = 16_384
const PER_SECOND = 1_024
/** Sources that are told apart; the one unheard for longest goes, and begins anew when it is back. */
const MOST_SOURCES = 1_024
const WARN_EVERY = 60_000

export interface NewcomerParts {
  table: Pick<MemberTable, 'size'>
  counters: Counters
  log: Log
}

export class Newcomers {
  readonly #mostMembers: number
  readonly #parts: NewcomerParts
  readonly #buckets = new Map<string, Bucket>()
  #warnedAt = Number.NEGATIVE_INFINITY
  /** Address that the claims of the moment come from; empty for what we asked for. */
  source = ''

  constructor(mostMembers: number, parts: NewcomerParts) {
    this.#mostMembers = mostMembers
    this.#parts = parts
  }

  /** Whether one more name is taken; if not, it was counted and told. */
  admits(now: number): boolean {
    const { table, counters } = this.#parts
    if (table.size >= this.#mostMembers) {
      counters.add('drop.too-many-members')
      this.#warn(`there are ${table.size} members, as many as maxMembers allows`, now)
      return false
    }
    if (this.source === '' || this.#bucket(now).take(now)) return true
    counters.add('drop.new-names-rate')
    this.#warn(`more than ${PER_SECOND} a second`, now)
    return false
  }

  #bucket(now: number): Bucket {
    const bucket = this.#buckets.get(this.source) ?? new Bucket(BURST, PER_SECOND, now)
    this.#buckets.delete(this.source)
    this.#buckets.set(this.source, bucket)
    for (const oldest of this.#buckets.keys()) {
      if (this.#buckets.size <= MOST_SOURCES) break
      this.#buckets.delete(oldest)
    }
    return bucket
  }

  #warn(reason: string, now: number): void {
    if (now - this.#warnedAt < WARN_EVERY) return
    this.#warnedAt = now
    const from = this.source === '' ? '' : ` from ${this.source}`
    this.#parts.log('warn', `new members${from} are dropped: ${reason}`)
  }
}
