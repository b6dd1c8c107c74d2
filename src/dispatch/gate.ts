/**
 * The way out of dispatch: delivery, with the two coalescing stages in front of it where they are on. What is held back here is due at a
 * time of its own; member events also wait for a slow host, which then hears the less of them.
 *
 *     facts ----> member coalescer --+
 *           \---> user coalescer ----+--> delivery --> news
 *            \--- the rest ----------+
 */
import { FACT, FactReader } from '../actors/facts.ts'
import type { MirrorNews, News } from '../actors/mail.ts'
import { MemberCoalescer, UserCoalescer, Window } from './coalesce.ts'
import { Delivery } from './delivery.ts'

export interface CoalesceRules {
  coalescePeriod: number
  quiescentPeriod: number
  userCoalescePeriod: number
  userQuiescentPeriod: number
}

export class Gate {
  readonly delivery: Delivery
  readonly #memberWindow: Window
  readonly #userWindow: Window
  readonly #members = new MemberCoalescer()
  readonly #users = new UserCoalescer()

  constructor(rules: CoalesceRules, news: (news: News | MirrorNews) => void) {
    this.#memberWindow = new Window(rules.coalescePeriod, rules.quiescentPeriod)
    this.#userWindow = new Window(rules.userCoalescePeriod, rules.userQuiescentPeriod)
    const members = this.#members
    this.delivery = new Delivery(news, {
      withholds: (record) => this.#withholds(record),
      get heldMembers() {
        return members.size
      },
    })
  }

  get wakeAt(): number {
    const membersAt = this.delivery.isFlowing ? this.#memberWindow.dueAt : Number.POSITIVE_INFINITY
    return Math.min(membersAt, this.#userWindow.dueAt)
  }

  get gauges(): Record<string, number> {
    return {
      'coalesce.members': this.#members.size,
      'coalesce.events': this.#users.size,
      'coalesce.merged': this.#users.merged,
    }
  }

  /** Facts from gossip. The buffer is given up. */
  facts(bytes: Uint8Array, through: number, now: number): void {
    // What is due is older than what comes.
    this.wake(now)
    if (this.#memberWindow.isOn || this.#userWindow.isOn) {
      for (const reader = new FactReader(bytes); !reader.atEnd; reader.next()) this.#hold(reader, now)
    }
    this.delivery.facts(bytes, through)
    if (this.#users.isFull) this.#flushUsers()
  }

  taken(number: number, now: number): void {
    this.delivery.taken(number)
    this.wake(now)
  }

  wake(now: number): void {
    if (now >= this.#userWindow.dueAt) this.#flushUsers()
    if (now >= this.#memberWindow.dueAt && this.delivery.isFlowing) {
      this.#memberWindow.reset()
      const { bytes, count } = this.#members.flush()
      if (count > 0) this.delivery.events(bytes, count)
    }
  }

  #flushUsers(): void {
    this.#userWindow.reset()
    const { bytes, count } = this.#users.flush()
    if (count > 0) this.delivery.events(bytes, count)
  }

  #withholds(record: FactReader): boolean {
    if (record.isMember) return this.#memberWindow.isOn
    return this.#userWindow.isOn && record.kind === FACT.userEvent && record.coalesce
  }

  #hold(record: FactReader, now: number): void {
    if (!this.#withholds(record)) return
    if (!record.isMember) {
      this.#users.hold(record)
      this.#userWindow.touch(now)
    } else if (this.#members.hold(record) === 'event') this.#memberWindow.touch(now)
  }
}
