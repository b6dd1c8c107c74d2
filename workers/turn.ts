/**
 * The loop that drives an actor in a real thread: mail in, the time of the turn, one timer for the actor's next wish.
 *
 * A timer is only a hint: it may ring up to 1.5 ms early, and late while the answer that would have prevented the deadline lies
 * unread in a socket. So a ring looks at the clock again, and a wish that is already past is served by `setImmediate`, behind which
 * sockets and mailboxes have been read once.
 */
import type { Actor } from '../src/actors/contract.ts'
import type { Cause, Vitals } from './vitals.ts'

export class Turn<Mail extends Cause> {
  readonly #actor: Actor<Mail>
  readonly #crashed: (error: unknown) => void
  readonly #vitals: Vitals | undefined
  #timer: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #immediate: NodeJS.Immediate | undefined
  #isStopped = false

  /** `crashed` hears once of the error that an actor threw; no turn follows it. `vitals` measures the turns. */
  constructor(actor: Actor<Mail>, crashed: (error: unknown) => void, vitals?: Vitals) {
    this.#vitals = vitals
    this.#actor = actor
    this.#crashed = crashed
  }

  /** Whether it was stopped, or the actor threw. */
  get isStopped(): boolean {
    return this.#isStopped
  }

  /** One turn for one mail. Not to be called from inside a turn. */
  receive(mail: Mail): void {
    if (this.#isStopped) return
    const startedAt = performance.now()
    try {
      this.#actor.receive(mail, startedAt)
    } catch (error) {
      this.#crash(error)
      return
    }
    this.#vitals?.turn(startedAt, performance.now(), mail)
    this.#plan()
  }

  /** No turn runs any more. */
  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
  }

  #wake(): void {
    if (this.#isStopped) return
    const startedAt = performance.now()
    try {
      this.#actor.wake(startedAt)
    } catch (error) {
      this.#crash(error)
      return
    }
    this.#vitals?.turn(startedAt, performance.now())
    this.#plan()
  }

  #crash(error: unknown): void {
    this.stop()
    this.#crashed(error)
  }

  #plan(): void {
    const { wakeAt } = this.#actor
    // The armed timer rings soon enough: then it will look again. That makes a turn that moves its deadline back cost nothing.
    if (wakeAt >= this.#timerAt || this.#immediate !== undefined) return
    const wait = wakeAt - performance.now()
    if (wait <= 0) {
      this.#immediate = setImmediate(() => {
        this.#immediate = undefined
        this.#wake()
      })
      return
    }
    clearTimeout(this.#timer)
    this.#timerAt = wakeAt
    this.#timer = setTimeout(() => this.#ring(), Math.min(Math.ceil(wait), LONGEST_TIMER))
  }

  #ring(): void {
    const now = performance.now()
    this.#vitals?.rang(now - this.#timerAt)
    this.#timerAt = Number.POSITIVE_INFINITY
    if (now >= this.#actor.wakeAt) this.#wake()
    else this.#plan()
  }
}

/** What a timer can hold: 2^31 - 1 ms. */
const LONGEST_TIMER = 0x7fff_ffff
