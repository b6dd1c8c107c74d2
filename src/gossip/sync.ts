/**
 * The periodic push/pull: now and then the whole state is exchanged with one random alive member, so that what gossip
 * missed is found (protocol page 1, section 7.2). The wait grows with the pool and starts when the exchange before it ended.
 */
import type { Random } from '../actors/contract.ts'
import { formatIp } from '../wire/address.ts'
import { chooseRows } from './choice.ts'
import { pushPullPeriod } from './formulas.ts'
import type { MemberTable } from './members.ts'
import { HELD } from './precedence.ts'
import type { Exchange } from './streams.ts'

export interface SyncParts {
  table: MemberTable
  random: Random
  exchange(ip: string, port: number, exchange: Exchange): void
}

export class Sync {
  readonly #interval: number
  readonly #parts: SyncParts
  #selfRow = -1
  #isRunning = false
  wakeAt = Number.POSITIVE_INFINITY

  /** `interval` in milliseconds; 0 switches it off. */
  constructor(interval: number, parts: SyncParts) {
    this.#interval = interval
    this.#parts = parts
  }

  begin(selfRow: number, now: number): void {
    this.#selfRow = selfRow
    if (this.#interval > 0) this.#plan(now + this.#parts.random.next() * this.#interval)
  }

  wake(now: number): void {
    if (now < this.wakeAt) return
    const { table, random, exchange } = this.#parts
    const isPartner = (row: number) => row !== this.#selfRow && table.held[row] === HELD.alive
    const [row] = this.#isRunning ? [] : chooseRows(table, random, 1, isPartner)
    this.#plan(now)
    if (row === undefined) return
    this.#isRunning = true
    const done = () => {
      this.#isRunning = false
    }
    exchange(formatIp(table.address(row)), table.port[row], { reason: 'sync', oldEvents: 'deliver', done })
  }

  #plan(from: number): void {
    this.wakeAt = from + pushPullPeriod(this.#interval, this.#parts.table.listed)
  }
}
