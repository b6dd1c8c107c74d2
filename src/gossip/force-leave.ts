/**
 * Force leave: telling the pool in another's name that it left (protocol page 2, section 4.5). Answered when the intent has been
 * sent as often as it will be, or after the broadcast timeout; what else it does happens on every member that hears it.
 *
 * The original takes any name: that of nobody waits in every buffer for its member. Ours refuses it, for it is a slip as a rule.
 *
 * Each prune makes every member erase and announce, so that a script that prunes thousands can drown a pool (seen with the
 * original in pools of 20,000). Ours sends a burst of them at once and then one a second; the others wait in line, and beyond the
 * bound of the line a call is refused.
 */
import type { Envelope } from '../actors/contract.ts'
import type { MemberStatus } from '../cluster/member.ts'
import { BroadcastTimeout, InvalidArgument, TooManyPrunes, UnknownMember } from '../errors/errors.ts'
import { toPlain } from '../errors/plain.ts'

/** Whether the members that hear of a leave also erase who left. */
export type Afterwards = 'keep' | 'prune'

/** What became of a member that was made to leave, as far as we know. */
export type ForcedStatus = MemberStatus | 'erased'

export interface ForceLeaveParts {
  /** Row of a member that the host knows by this name, or -1. */
  find(name: Uint8Array): number
  statusOf(name: Uint8Array): ForcedStatus
  othersAlive(): number
  announce(row: number, afterwards: Afterwards, now: number, finished: () => void): void
  reply(id: number, envelope: Envelope<{ status: ForcedStatus }>): void
  through(): number
}

/** Prunes that go out at once, and how often one more may. */
const PRUNE_BURST = 64
const PRUNE_EVERY = 1_000
/** Prunes that may wait for their turn. */
const MOST_WAITING = 4_096

interface Order {
  readonly id: number
  readonly name: Uint8Array
  readonly text: string
  readonly afterwards: Afterwards
  endsAt: number
  isTold: boolean
}

export class ForceLeaves {
  readonly #broadcastTimeout: number
  readonly #parts: ForceLeaveParts
  #spreading: Order[] = []
  readonly #waiting: Order[] = []
  /** Prunes that may go now, as of `#countedAt`. */
  #allowance = PRUNE_BURST
  #countedAt = 0
  #selfName = ''

  constructor(broadcastTimeout: number, parts: ForceLeaveParts) {
    this.#broadcastTimeout = broadcastTimeout
    this.#parts = parts
  }

  begin(selfName: string, now: number): void {
    this.#selfName = selfName
    this.#countedAt = now
  }

  get wakeAt(): number {
    const next = this.#spreading.reduce(
      (soonest, { endsAt }) => Math.min(soonest, endsAt),
      Number.POSITIVE_INFINITY,
    )
    return this.#waiting.length === 0 ? next : Math.min(next, this.#countedAt + PRUNE_EVERY)
  }

  start(id: number, text: string, afterwards: Afterwards, now: number): void {
    const name = new TextEncoder().encode(text)
    const refusal = this.#refusal(text, name, afterwards)
    if (refusal !== undefined) {
      this.#parts.reply(id, { ok: false, error: toPlain(refusal) })
      return
    }
    const order: Order = { id, name, text, afterwards, endsAt: now, isTold: false }
    if (afterwards === 'prune' && !this.#mayPrune(now)) this.#waiting.push(order)
    else this.#spread(order, now)
  }

  wake(now: number): void {
    while (this.#waiting.length > 0 && this.#mayPrune(now)) {
      const next = this.#waiting.shift()
      if (next !== undefined) this.#spread(next, now)
    }
    const ended = this.#spreading.filter(({ endsAt }) => endsAt <= now)
    if (ended.length === 0) return
    this.#spreading = this.#spreading.filter(({ endsAt }) => endsAt > now)
    for (const order of ended) this.#answer(order)
  }

  #refusal(text: string, name: Uint8Array, afterwards: Afterwards): Error | undefined {
    if (text === this.#selfName) return new InvalidArgument('forceLeave: we leave with leave()')
    if (this.#parts.find(name) < 0) return new UnknownMember(text)
    const isFull = afterwards === 'prune' && this.#waiting.length >= MOST_WAITING
    return isFull ? new TooManyPrunes(MOST_WAITING) : undefined
  }

  #mayPrune(now: number): boolean {
    const earned = Math.floor((now - this.#countedAt) / PRUNE_EVERY)
    this.#allowance = Math.min(PRUNE_BURST, this.#allowance + earned)
    this.#countedAt += earned * PRUNE_EVERY
    if (this.#allowance === 0) return false
    this.#allowance -= 1
    return true
  }

  #spread(order: Order, now: number): void {
    const row = this.#parts.find(order.name)
    // Somebody else's prune was faster while this one waited: what was asked for is done.
    if (row < 0) {
      order.isTold = true
      this.#answer(order)
      return
    }
    const isAlone = this.#parts.othersAlive() === 0
    order.isTold = isAlone
    order.endsAt = isAlone ? now : now + this.#broadcastTimeout
    this.#spreading.push(order)
    this.#parts.announce(row, order.afterwards, now, () => {
      order.isTold = true
      order.endsAt = Number.NEGATIVE_INFINITY
    })
  }

  #answer({ id, name, text, isTold }: Order): void {
    if (isTold) {
      const value = { status: this.#parts.statusOf(name) }
      this.#parts.reply(id, { ok: true, value, after: this.#parts.through() })
    } else {
      const error = new BroadcastTimeout(`the forced leave of ${text}`)
      this.#parts.reply(id, { ok: false, error: toPlain(error) })
    }
  }
}
