/**
 * Members that are leaving and do not go. A leave takes seconds; who is still alive at the look after the next was made to leave by others, and
 * either missed that or contradicted it in vain: its join was lost, or has the very time of the leave (protocol page 2, section 4.2), and is not
 * told again by anybody. Such a member is asked: it alone is sent one more leave intent, of a new time. Whoever stays contradicts that with
 * a join that beats both; whoever does leave, and is slow, hears what it knows. The original shows such a member as leaving for as long as it lives.
 */
import { STATUS } from '../actors/facts.ts'
import { formatIp } from '../wire/address.ts'
import type { MemberTable } from './members.ts'
import type { Standing } from './standing.ts'

export interface LingeringRules {
  broadcastTimeout: number
  leavePropagateDelay: number
}

export interface LingeringParts {
  table: MemberTable
  standing: Standing
  send(ip: string, port: number, message: Uint8Array): void
}

/** Looks are so many times as far apart as the longest leave that these settings allow. */
const SLOW_LEAVES = 3
/** Asked at one look; the others when these have answered or are gone. */
const MOST_ASKED = 64

export class Lingering {
  readonly #interval: number
  readonly #parts: LingeringParts
  /** Who was leaving at the last look: by row, who lives there. */
  #before = new Map<number, number>()
  wakeAt = Number.POSITIVE_INFINITY

  constructor({ broadcastTimeout, leavePropagateDelay }: LingeringRules, parts: LingeringParts) {
    this.#interval = SLOW_LEAVES * (broadcastTimeout + leavePropagateDelay)
    this.#parts = parts
  }

  begin(now: number): void {
    this.wakeAt = now + this.#interval
  }

  /** We leave: what others do is theirs. */
  stop(): void {
    this.wakeAt = Number.POSITIVE_INFINITY
  }

  wake(now: number): void {
    if (now < this.wakeAt) return
    this.wakeAt = now + this.#interval
    const { table, standing, send } = this.#parts
    const leaving = new Map<number, number>()
    let asked = 0
    for (let row = 0; row < table.rowCount; row++) {
      if (!table.isUsed(row) || table.status[row] !== STATUS.leaving || row === standing.selfRow) continue
      const instance = table.instance.get(row)
      leaving.set(row, instance)
      if (this.#before.get(row) !== instance || asked === MOST_ASKED) continue
      asked += 1
      send(formatIp(table.address(row)), table.port[row], standing.question(row))
    }
    this.#before = leaving
  }
}
