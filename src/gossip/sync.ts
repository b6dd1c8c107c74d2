/**
 * The periodic push/pull: now and then the whole state is exchanged with one random alive member, so that what gossip
 * missed is found (protocol page 1, section 7.2). The wait grows with the pool and starts when the exchange before it ended.
 *
 * When many join at once each broadcast misses a member with probability e^-k, and in a large crowd some do: the original leaves that hole
 * until the next periodic exchange. After a crowd a few more exchanges with members chosen by chance close it; nothing of that is new on the wire.
 */
import type { Random } from '../actors/contract.ts'
import { formatIp } from '../wire/address.ts'
import { chooseRows } from './choice.ts'
import type { Exchange } from './exchange.ts'
import { pushPullPeriod } from './formulas.ts'
import type { MemberTable } from './members.ts'
import { HELD } from './precedence.ts'

export interface SyncParts {
  table: MemberTable
  random: Random
  exchange(ip: string, port: number, exchange: Exchange): void
}

/** So many newcomers within so many milliseconds, heard of by gossip, are a crowd. */
const CROWD = 4
const CROWD_WINDOW = 2_000
/** Exchanges after a crowd, one in each of these spans: the first when gossip has said most, the last when it has said all. */
const EXTRA_EXCHANGES = 3
const EXTRA_SPAN = 800

export class Sync {
  readonly #interval: number
  readonly #parts: SyncParts
  #crowd = 0
  #crowdSince = Number.NEGATIVE_INFINITY
  #extras = 0
  #extraAt = Number.POSITIVE_INFINITY
  /** No more extra exchanges before it: a pool that never comes to rest must not exchange its state all the time. */
  #restsUntil = Number.NEGATIVE_INFINITY
  #selfRow = -1
  #isRunning = false
  #periodicAt = Number.POSITIVE_INFINITY

  /** `interval` in milliseconds; 0 switches it off. */
  constructor(interval: number, parts: SyncParts) {
    this.#interval = interval
    this.#parts = parts
  }

  begin(selfRow: number, now: number): void {
    this.#selfRow = selfRow
    if (this.#interval > 0) this.#plan(now + this.#parts.random.next() * this.#interval)
  }

  /** As one that has long been in a pool of this size: the next exchange comes at any moment of a period. */
  settle(now: number): void {
    if (this.#interval > 0) this.#periodicAt = now + this.#parts.random.next() * this.#period
  }

  get wakeAt(): number {
    return Math.min(this.#periodicAt, this.#extraAt)
  }

  /** A few exchanges, the first at once: much may have happened that we did not hear of. */
  soon(now: number): void {
    this.#extras = EXTRA_EXCHANGES
    this.#extraAt = now
  }

  /**
   * We joined, and so are one of a crowd if there is one. Whoever comes last gets nearly the whole list with its join and hears of a few others at
   * most: too few to make a crowd by themselves, and each of the rest a hole until the next periodic exchange.
   */
  joined(now: number): void {
    this.#crowdSince = now
    this.#crowd = CROWD - 1
  }

  /** Gossip told of a member that was not known. */
  newcomer(now: number): void {
    if (now - this.#crowdSince > CROWD_WINDOW) {
      this.#crowdSince = now
      this.#crowd = 0
    }
    this.#crowd += 1
    if (this.#crowd < CROWD || now < this.#restsUntil || this.#interval === 0) return
    this.#restsUntil = now + this.#period
    this.#extras = EXTRA_EXCHANGES
    this.#planExtra(now)
  }

  wake(now: number): void {
    if (now >= this.#extraAt) {
      this.#extras -= 1
      this.#planExtra(now)
      this.#exchange(() => undefined)
    }
    if (now < this.#periodicAt) return
    this.#plan(now)
    if (this.#isRunning) return
    this.#isRunning = this.#exchange(() => {
      this.#isRunning = false
    })
  }

  /** Exchanges the state with a member chosen by chance; whether there is one. */
  #exchange(done: () => void): boolean {
    const { table, random, exchange } = this.#parts
    const isPartner = (row: number) => row !== this.#selfRow && table.held[row] === HELD.alive
    const [row] = chooseRows(table, random, 1, isPartner)
    if (row === undefined) return false
    exchange(formatIp(table.address(row)), table.port[row], { reason: 'sync', oldEvents: 'unasked', done })
    return true
  }

  get #period(): number {
    return pushPullPeriod(this.#interval, this.#parts.table.listed)
  }

  #plan(from: number): void {
    this.#periodicAt = from + this.#period
  }

  /** Anywhere in the later half of a span: members that heard of the crowd at once do not all exchange at once. */
  #planExtra(now: number): void {
    const wait = EXTRA_SPAN * (0.5 + this.#parts.random.next() / 2)
    this.#extraAt = this.#extras > 0 ? now + wait : Number.POSITIVE_INFINITY
  }
}
