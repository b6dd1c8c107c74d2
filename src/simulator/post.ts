/**
 * The post between the actors of one simulated node: mail arrives in order after a seeded delay, so that the interleavings of real
 * threads replay. In tests mail is cloned, so that no actor can share memory with another by accident.
 */
import type { Actor, Lane, Outlet } from '../actors/contract.ts'
import type { SeededRandom } from '../actors/random.ts'
import type { Schedule } from './schedule.ts'

/** Mail as far as the post looks at it. */
export interface Weighed {
  type: string
  lane?: Lane
  weight?: number
}

/** Longest way from one actor to the next, in milliseconds: what a hop between threads takes on a busy machine. */
const LONGEST_HOP = 0.3

export type Handling = 'clone' | 'share'

/** Runs an actor in virtual time. */
export class Seat<Mail extends Weighed> {
  readonly #schedule: Schedule
  readonly #random: SeededRandom
  readonly #handling: Handling
  readonly #counts = { alive: 0, others: 0 }
  #actor: Actor<Mail> | undefined
  #plannedAt = Number.POSITIVE_INFINITY
  #lastAt = 0
  /** Mail that waits while the process stands still, or is busy with a long turn. */
  #waiting: Mail[] = []
  #isFrozen = false
  #isBusy = false
  /** Milliseconds that each turn takes: a slow process. */
  slowness = 0
  /** Called at the end of every turn. */
  afterTurn: (now: number) => void = () => undefined

  constructor(schedule: Schedule, random: SeededRandom, handling: Handling) {
    this.#schedule = schedule
    this.#random = random
    this.#handling = handling
  }

  /** The actor that sits here from now on. */
  seat(actor: Actor<Mail>): void {
    this.#actor = actor
  }

  /** Nobody sits here any more: mail on its way is lost, nothing wakes. */
  leave(): void {
    this.#actor = undefined
  }

  /** Mail from outside, in a turn of its own. */
  receive(mail: Mail): void {
    const actor = this.#actor
    if (actor === undefined) return
    if (this.#isFrozen || this.#isBusy) this.#waiting.push(mail)
    else this.#turn(() => actor.receive(mail, this.#schedule.now))
  }

  /** Mail that this actor was sent and has not taken. */
  get backlog(): number {
    return this.#counts.alive + this.#counts.others
  }

  /** Stands still as a stopped process does: mail waits, nothing wakes. */
  freeze(): void {
    this.#isFrozen = true
  }

  /** Goes on: what waited comes first, then whatever is overdue. */
  thaw(): void {
    this.#isFrozen = false
    this.#goOn()
  }

  #turn(run: () => void): void {
    run()
    this.afterTurn(this.#schedule.now)
    if (this.slowness > 0) {
      this.#isBusy = true
      this.#schedule.at(this.#schedule.now + this.slowness, () => {
        this.#isBusy = false
        this.#goOn()
      })
    } else this.#plan()
  }

  /** What waited comes first, then whatever is overdue. */
  #goOn(): void {
    while (!this.#isFrozen && !this.#isBusy) {
      const mail = this.#waiting.shift()
      if (mail === undefined) break
      this.receive(mail)
    }
    this.#plan()
  }

  /** The way here for a neighbour. */
  get outlet(): Outlet<Mail> {
    return { tell: (mail) => this.#post(mail), waiting: (lane) => this.#counts[lane] }
  }

  #post(mail: Mail): void {
    const lane = mail.lane ?? 'others'
    const weight = mail.weight ?? 1
    this.#counts[lane] += weight
    this.#lastAt = Math.max(this.#lastAt, this.#schedule.now + this.#random.next() * LONGEST_HOP)
    const posted = this.#handling === 'clone' ? structuredClone(mail) : mail
    this.#schedule.at(this.#lastAt, () => {
      this.#counts[lane] -= weight
      this.receive(posted)
    })
  }

  #plan(): void {
    const wakeAt = this.#actor?.wakeAt ?? Number.POSITIVE_INFINITY
    if (wakeAt >= this.#plannedAt || wakeAt === Number.POSITIVE_INFINITY) return
    const at = Math.max(wakeAt, this.#schedule.now)
    this.#plannedAt = at
    this.#schedule.at(at, () => this.#ring(at))
  }

  #ring(at: number): void {
    // An earlier wish was planned meanwhile: this ring is stale.
    if (at !== this.#plannedAt) return
    this.#plannedAt = Number.POSITIVE_INFINITY
    const actor = this.#actor
    if (this.#isFrozen || this.#isBusy) return
    if (actor !== undefined && actor.wakeAt <= this.#schedule.now)
      this.#turn(() => actor.wake(this.#schedule.now))
    else this.#plan()
  }
}
