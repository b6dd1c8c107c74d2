/**
 * Attempts to reach failed members again (protocol page 2, section 4.6). At each tick one of them may get a push/pull, with a
 * probability that grows with their share: a pool of which half is gone tries at every tick, one of which a single member is gone
 * seldom, so that all members together try about as often whatever the size. No join intent is sent: nobody joined.
 */
import type { Random } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import { STATUS } from '../actors/facts.ts'
import { formatIp } from '../wire/address.ts'
import type { Exchange } from './exchange.ts'
import type { MemberTable } from './members.ts'

export interface ReconnectParts {
  table: MemberTable
  random: Random
  counters: Counters
  /** Members by status, ourselves included. */
  census(): { failed: number; left: number; known: number }
  exchange(ip: string, port: number, exchange: Exchange): void
}

export class Reconnect {
  readonly #interval: number
  readonly #parts: ReconnectParts
  #isDialling = false
  wakeAt = Number.POSITIVE_INFINITY

  /** `interval` in milliseconds; 0 switches it off. */
  constructor(interval: number, parts: ReconnectParts) {
    this.#interval = interval
    this.#parts = parts
  }

  begin(now: number): void {
    if (this.#interval > 0) this.wakeAt = now + this.#interval
  }

  /** We leave: nobody is brought back by us any more. */
  stop(): void {
    this.wakeAt = Number.POSITIVE_INFINITY
  }

  wake(now: number): void {
    if (now < this.wakeAt) return
    this.wakeAt = now + this.#interval
    const { random, census, counters } = this.#parts
    const { failed, left, known } = census()
    if (failed === 0 || this.#isDialling) return
    if (random.next() > failed / Math.max(1, known - failed - left)) return
    counters.add('folkmoot.reconnect.attempts')
    this.#dial(this.#failedRow(random.below(failed)))
  }

  /** The row of the failed member with this number. */
  #failedRow(number: number): number {
    const { table } = this.#parts
    let left = number
    for (let row = 0; row < table.rowCount; row++) {
      if (!table.isUsed(row) || table.status[row] !== STATUS.failed) continue
      if (left === 0) return row
      left -= 1
    }
    return -1
  }

  #dial(row: number): void {
    if (row < 0) return
    const { table, exchange, counters } = this.#parts
    this.#isDialling = true
    const done = (error: string) => {
      this.#isDialling = false
      if (error === '') counters.add('folkmoot.reconnect.reached')
    }
    exchange(formatIp(table.address(row)), table.port[row], { reason: 'join', oldEvents: 'unasked', done })
  }
}
