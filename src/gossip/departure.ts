/**
 * The graceful leave, step by step (protocol page 2, section 4.4): the intent is spread, and acknowledged by whoever answers, which the original
 * does not wait for; then our death by our own word, then we stay a while so that peers can still probe us while the news travels. Meanwhile everything else goes on.
 */

export interface DepartureRules {
  broadcastTimeout: number
  leavePropagateDelay: number
}

export interface DepartureParts {
  /** Others that are alive: with nobody to tell, no step waits. */
  othersAlive(): number
  /** Queues the intent and gives it to the detector, which tells the peers straight. */
  announceLeave(now: number, finished: () => void): void
  bury(now: number, finished: () => void): void
  /** All is done: the number of peers that acknowledged a packet with our leave. */
  left(told: number): void
}

type Phase = 'staying' | 'telling' | 'dying' | 'lingering' | 'left'

export class Departure {
  readonly #rules: DepartureRules
  readonly #parts: DepartureParts
  #phase: Phase = 'staying'
  #hasPeers = false
  #told = 0
  /** Peers that may still acknowledge it; nobody knows before the detector has said so. */
  #awaited = Number.POSITIVE_INFINITY
  #isSpread = false
  /** When the phase ends at the latest; past as soon as its broadcast is done. */
  #endsAt = Number.POSITIVE_INFINITY

  constructor(rules: DepartureRules, parts: DepartureParts) {
    this.#rules = rules
    this.#parts = parts
  }

  get phase(): Phase {
    return this.#phase
  }

  /** Peers that were told so far. */
  get toldSoFar(): number {
    return this.#told
  }

  get wakeAt(): number {
    return this.#endsAt
  }

  start(now: number): void {
    this.#hasPeers = this.#parts.othersAlive() > 0
    this.#enter('telling', now)
    this.#parts.announceLeave(now, () => {
      this.#isSpread = true
      this.#hurryTelling()
    })
  }

  /** So many peers have acknowledged it by now, and so many more may. */
  told(count: number, awaited: number): void {
    this.#told = count
    this.#awaited = awaited
    this.#hurryTelling()
  }

  #hurryTelling(): void {
    if (this.#isSpread && this.#awaited === 0) this.#hurry('telling')
  }

  wake(now: number): void {
    // A broadcast that ran out of time is no reason to stay half-way: the steps behind it run all the same.
    while (now >= this.#endsAt) {
      if (this.#phase === 'telling') {
        this.#enter('dying', now)
        this.#parts.bury(now, () => this.#hurry('dying'))
      } else if (this.#phase === 'dying') {
        this.#phase = 'lingering'
        // Nobody was there to be told: nobody needs time to hear it.
        this.#endsAt = this.#hasPeers ? now + this.#rules.leavePropagateDelay : now
      } else {
        this.#phase = 'left'
        this.#endsAt = Number.POSITIVE_INFINITY
        this.#parts.left(this.#told)
      }
    }
  }

  #enter(phase: Phase, now: number): void {
    this.#phase = phase
    this.#endsAt = this.#hasPeers ? now + this.#rules.broadcastTimeout : now
  }

  #hurry(phase: Phase): void {
    if (this.#phase === phase) this.#endsAt = Number.NEGATIVE_INFINITY
  }
}
