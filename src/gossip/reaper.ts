/**
 * Forgetting members: after a prune, or when they have been gone for long enough (protocol page 2, sections 4.5 and 4.6).
 *
 *     failed    reconnectTimeout after it failed      \
 *     left      tombstoneTimeout after it left         >  erased: event reap, then it is nobody's member any more
 *     pruned    at once when it is gone               /
 *
 * The original sleeps six seconds with its lock held before it erases a pruned member that was alive, and then erases it
 * although it still is. Here a timer waits as long, and then the layer below is asked: whom it holds alive is kept.
 *
 * What is erased leaves a tombstone of two parts, so that a late message cannot bring it back. The time of its last intent
 * stays with the recent intents; and memberlist's entry stays listed as gone until the dead are no longer gossiped to, which
 * refuses old claims that it is alive, and tells the member itself in a push/pull, so that it can answer with a newer one.
 */
import { Bucket } from '../actors/bucket.ts'
import type { Log } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import { FACT, STATUS } from '../actors/facts.ts'
import { toLatin } from '../actors/latin.ts'
import type { RecentIntents } from './intents.ts'
import type { MemberTable } from './members.ts'
import type { Outbox } from './outbox.ts'
import { HELD, isActive } from './precedence.ts'
import type { Queues } from './queues.ts'
import { type ReapRule, ruledTimeout } from './reap-rules.ts'

export interface ReaperRules {
  reapInterval: number
  reconnectTimeout: number
  tombstoneTimeout: number
  broadcastTimeout: number
  leavePropagateDelay: number
  reapRules: readonly ReapRule[]
}

export interface ReaperParts {
  table: MemberTable
  outbox: Outbox
  queues: Queues
  counters: Counters
  log: Log
  recent: RecentIntents
}

/** Prunes that are carried out at once, and in a second; one member sends 64 and then one a second. What is over it is a leave without a prune. */
const PRUNE_BURST = 256
const PRUNES_PER_SECOND = 16
const WARN_EVERY = 60_000

/** Whom a prune waits for: who lived in the row when it was heard, and when it is carried out. */
interface Pruning {
  instance: number
  at: number
}

export class Reaper {
  readonly #rules: ReaperRules
  readonly #parts: ReaperParts
  /** By row, so at most one a member. All wait equally long: the first is the next. */
  readonly #prunings = new Map<number, Pruning>()
  readonly #allowance = new Bucket(PRUNE_BURST, PRUNES_PER_SECOND)
  #warnedAt = Number.NEGATIVE_INFINITY
  #tickAt = Number.POSITIVE_INFINITY
  #selfRow = -1

  constructor(rules: ReaperRules, parts: ReaperParts) {
    this.#rules = rules
    this.#parts = parts
  }

  begin(selfRow: number, now: number): void {
    this.#selfRow = selfRow
    this.#tickAt = now + this.#rules.reapInterval
  }

  get wakeAt(): number {
    for (const { at } of this.#prunings.values()) return Math.min(at, this.#tickAt)
    return this.#tickAt
  }

  /** A newer leave intent asks to erase this member. Whoever is not known to be gone gets the time that a leave takes. */
  prune(row: number, now: number): void {
    const { table, counters } = this.#parts
    if (row === this.#selfRow) return
    if (!this.#allowance.take(now)) {
      counters.add('drop.prune-rate')
      return this.#warn(now)
    }
    const status = table.status[row]
    if (status === STATUS.left || status === STATUS.failed) this.#erase(row, now)
    else if (!this.#prunings.has(row)) {
      const { broadcastTimeout, leavePropagateDelay } = this.#rules
      const at = now + broadcastTimeout + leavePropagateDelay
      this.#prunings.set(row, { instance: table.instance.get(row), at })
    }
  }

  #warn(now: number): void {
    if (now - this.#warnedAt < WARN_EVERY) return
    this.#warnedAt = now
    const rate = `${PRUNES_PER_SECOND} prunes a second`
    this.#parts.log('warn', `more than ${rate} come in: whom the others name is remembered as one that left`)
  }

  wake(now: number): void {
    for (const [row, pruning] of this.#prunings) {
      if (pruning.at > now) break
      this.#prunings.delete(row)
      this.#finish(row, pruning.instance, now)
    }
    if (now < this.#tickAt) return
    this.#tickAt = now + this.#rules.reapInterval
    this.#reap(now)
  }

  /** Frees the row of a member that neither layer remembers. */
  release(row: number): void {
    this.#parts.queues.membership.forget(row)
    this.#parts.table.remove(row)
  }

  #finish(row: number, instance: number, now: number): void {
    const { table, counters } = this.#parts
    if (!table.isUsed(row) || table.instance.get(row) !== instance || table.status[row] === STATUS.none)
      return
    if (isActive(table.held[row])) counters.add('folkmoot.prune.kept')
    else this.#erase(row, now)
  }

  #reap(now: number): void {
    const { table } = this.#parts
    for (let row = 0; row < table.rowCount; row++) {
      if (!table.isUsed(row) || row === this.#selfRow) continue
      const status = table.status[row]
      if (status !== STATUS.failed && status !== STATUS.left) continue
      if (now - table.leftAt(row) > this.#timeout(row, status)) this.#erase(row, now)
    }
  }

  #timeout(row: number, status: number): number {
    const { reconnectTimeout, tombstoneTimeout, reapRules } = this.#rules
    const ruled = reapRules.length === 0 ? undefined : ruledTimeout(reapRules, this.#parts.table.meta(row))
    return ruled ?? (status === STATUS.failed ? reconnectTimeout : tombstoneTimeout)
  }

  #erase(row: number, now: number): void {
    const { table, outbox, counters, recent } = this.#parts
    const name = table.name(row)
    recent.entomb(toLatin(name, 0, name.length), table.statusTime(row), now)
    counters.add('folkmoot.member.reaped')
    outbox.member(FACT.memberReap, row)
    table.status[row] = STATUS.none
    table.setStatusTime(row, 0)
    // Back on the list if it was off it already: the tombstone of this layer.
    if (table.held[row] === HELD.unlisted) table.setHeld(row, HELD.left, now)
  }
}
