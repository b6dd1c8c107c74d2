/**
 * Rejoin: the seeds of a pool are kept by name, resolved again and tried for as long as we are alone. And because a pool that was cut in
 * two leaves nobody alone, seeds that are not among our members are tried now and then as well: that is what joins the halves again when each
 * has long forgotten the other.
 *
 *     alone    all seeds, at once, then after 1 s, 2 s, 4 s ... to `maxInterval`, each shortened by up to half by chance
 *     joined   every `maxInterval` or so a few addresses of seeds that are nobody's among us; the more members, the more rarely each
 *              of them tries: about eight tries an interval in the whole pool, as Serf thins its reconnects (protocol page 2, section 4.6)
 *
 * `recall` adds places of members of an earlier life: they are tried as seeds are until somebody was reached, and then forgotten.
 */
import type { Random } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import type { FoundPlace, SeedOutcome } from '../actors/mail.ts'
import type { Connection } from '../actors/notices.ts'
import type { RejoinSettings } from '../options/rejoin.ts'
import { isMapped, parseIp } from '../wire/address.ts'
import type { JoinRequest } from './joins.ts'
import type { MemberTable } from './members.ts'
import { isActive } from './precedence.ts'

export interface RejoinParts {
  table: MemberTable
  random: Random
  counters: Counters
  join(request: JoinRequest): void
  /** Says to the pool that we are here: after the first time that we got in. */
  announce(): void
  /** We are alone and about to try all seeds. */
  alone(): void
}

/** Seeds kept, of each kind; the oldest goes. */
const MOST_SEEDS = 1_024
/** Tries of all members of a pool together in one interval. */
const TRIES_PER_INTERVAL = 8
/** Seeds whose names one such try resolves, and addresses that it dials. */
const MOST_RESOLVED = 16
const MOST_DIALLED = 3

export class Rejoin {
  readonly #settings: RejoinSettings
  readonly #parts: RejoinParts
  readonly #seeds = new Set<string>()
  readonly #recalled = new Set<string>()
  #wait: number
  #nextAt = Number.POSITIVE_INFINITY
  #isTrying = false
  #isStopped = false
  #wasJoined = false
  #isAlone = true

  constructor(settings: RejoinSettings, parts: RejoinParts) {
    this.#settings = settings
    this.#parts = parts
    this.#wait = settings.minInterval
  }

  begin(now: number): void {
    this.remember(this.#settings.seeds, now)
  }

  /** Keeps seeds for good. */
  remember(seeds: readonly string[], now: number): void {
    this.#keep(this.#seeds, seeds, now)
  }

  /** Tries places, in the form of seeds, until anybody was reached. */
  recall(places: readonly string[], now: number): void {
    this.#keep(this.#recalled, places, now)
  }

  /** We leave: nothing is tried any more. */
  stop(): void {
    this.#isStopped = true
    this.#nextAt = Number.POSITIVE_INFINITY
  }

  get connection(): Connection {
    if (this.#parts.table.active > 1) return 'joined'
    return this.#wasJoined || this.#size === 0 ? 'isolated' : 'joining'
  }

  /** Seeds and places that would be tried. */
  get #size(): number {
    return this.#seeds.size + this.#recalled.size
  }

  get wakeAt(): number {
    return this.#isTrying ? Number.POSITIVE_INFINITY : this.#nextAt
  }

  /** To be called in every turn that a deadline began: it also notices that we are alone, or no longer. */
  wake(now: number): void {
    if (this.#isStopped) return
    this.#look(now)
    if (now < this.wakeAt) return
    if (this.#isAlone) this.#parts.alone()
    if (this.#isAlone) this.#try([...this.#seeds, ...this.#recalled], undefined, now)
    else this.#tryMissing(now)
  }

  #keep(kept: Set<string>, seeds: readonly string[], now: number): void {
    if (!this.#settings.isOn || this.#isStopped || seeds.length === 0) return
    for (const seed of seeds) {
      kept.delete(seed)
      kept.add(seed)
    }
    for (const seed of kept) {
      if (kept.size <= MOST_SEEDS) break
      kept.delete(seed)
    }
    if (this.#isAlone) this.#nextAt = Math.min(this.#nextAt, now)
    else this.#planNext(now)
  }

  /** Whether we are alone has changed: then the next try is near, or far. */
  #look(now: number): void {
    const isAlone = this.#parts.table.active <= 1
    if (!isAlone) {
      this.#wasJoined = true
      this.#recalled.clear()
    }
    if (isAlone === this.#isAlone) return
    this.#isAlone = isAlone
    this.#wait = this.#settings.minInterval
    this.#planNext(now)
  }

  /** A try of those that are nobody's among us, by few of us. */
  #tryMissing(now: number): void {
    const { random, table } = this.#parts
    this.#planNext(now)
    if (random.next() * (table.active - 1) >= TRIES_PER_INTERVAL) return
    const seeds = this.#drawn([...this.#seeds], MOST_RESOLVED)
    this.#try(seeds, (places) => this.#drawn(this.#missing(places), MOST_DIALLED), now)
  }

  #try(seeds: readonly string[], choose: JoinRequest['choose'], now: number): void {
    this.#isTrying = true
    this.#parts.counters.add('folkmoot.rejoin.tries')
    const time = this.#wasJoined ? 'again' : 'first'
    const done = (outcomes: SeedOutcome[]) => this.#done(outcomes, time)
    this.#nextAt = now + this.#jittered(this.#wait)
    this.#wait = Math.min(2 * this.#wait, this.#settings.maxInterval)
    const request: JoinRequest = { seeds, oldEvents: 'deliver', done }
    this.#parts.join(choose === undefined ? request : { ...request, choose })
  }

  #done(outcomes: readonly SeedOutcome[], time: 'first' | 'again'): void {
    this.#isTrying = false
    if (!outcomes.some(({ reached }) => reached)) return
    this.#parts.counters.add('folkmoot.rejoin.reached')
    // Serf says nothing after a join by itself (protocol page 2, section 4.3); the first one stands for the host's.
    if (time === 'first') this.#parts.announce()
  }

  #planNext(now: number): void {
    if (this.#size === 0) this.#nextAt = Number.POSITIVE_INFINITY
    else this.#nextAt = now + this.#jittered(this.#isAlone ? this.#wait : this.#settings.maxInterval)
  }

  #jittered(wait: number): number {
    return wait * (0.5 + this.#parts.random.next() / 2)
  }

  /** Up to `most` of a list, by chance. */
  #drawn<Item>(list: readonly Item[], most: number): Item[] {
    const rest = [...list]
    const drawn: Item[] = []
    while (drawn.length < most && rest.length > 0) {
      drawn.push(...rest.splice(this.#parts.random.below(rest.length), 1))
    }
    return drawn
  }

  /** The places at which no member lives that we hold alive. One pass over the table, without a text for any row. */
  #missing(places: readonly FoundPlace[]): FoundPlace[] {
    const { table } = this.#parts
    const missing = new Map<number, FoundPlace>()
    for (const place of places) {
      const bytes = parseIp(place.ip.split('%')[0])
      if (bytes !== undefined) missing.set(keyOf(bytes, place.port), place)
    }
    for (let row = 0; row < table.rowCount; row++) {
      if (table.isUsed(row) && isActive(table.held[row]))
        missing.delete(keyOf(table.address(row), table.port[row]))
    }
    return [...missing.values()]
  }
}

/** FNV-1a over address and port. Two that meet cost a try, not more. */
function keyOf(address: Uint8Array, port: number): number {
  let hash = 0x811c9dc5 ^ port
  // Go tells its IPv4 address in 16 bytes when it is bound to all.
  const start = address.length === 16 && isMapped(address) ? 12 : 0
  for (let i = start; i < address.length; i++) hash = Math.imul(hash ^ address[i], 0x01000193)
  return Math.imul(hash ^ (hash >>> 13), 0x5bd1e995) >>> 0
}
