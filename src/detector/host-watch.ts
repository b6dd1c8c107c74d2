/**
 * Watches the host's main thread: it bumps a counter, we look whether the counter moves. Our threads keep a hung program alive for its peers;
 * this is how that does not stay hidden. What follows from a stall is decided by the option `hostStall`.
 *
 *     moving ----------------------- no bump for `after` -----------------------> stalled
 *        ^                                                                            |
 *        '--- bumps for half a second, or `after` if shorter, without a gap ----------'
 *
 * A look that is late says that we ourselves stood still (SIGSTOP, suspend): that time is nobody's stall. In the placement
 * `none` we are the main thread, and a late look is the stall itself, seen when it is over.
 */
export interface HostStallRules {
  /** Milliseconds without a bump until the host counts as stalled. */
  after: number
}

export type HostChange = 'stalled' | 'recovered'

/** Where we run: beside the main thread or in it. */
export type Post = 'beside' | 'inside'

/**
 * A stall is told when it has lasted `after`, and a fifth of that more at worst. Each look and each bump wakes a thread that may have nothing else to
 * do, which is dear: at 20 looks a stall the bumps alone were a third of what an idle member took.
 */
const LOOKS_PER_STALL = 5
const SHORTEST_LOOK = 10
const LONGEST_LOOK = 1_000
/** How long a host that came back must keep bumping until it is believed. */
const STEADY_FOR = 500

/** How often the counter is looked at, and twice as often bumped, for stalls of this length. */
export function lookInterval(after: number): number {
  return Math.min(LONGEST_LOOK, Math.max(SHORTEST_LOOK, Math.floor(after / LOOKS_PER_STALL)))
}

export class HostWatch {
  readonly #after: number
  readonly #interval: number
  readonly #post: Post
  #lookAt = Number.POSITIVE_INFINITY
  #lookedAt = 0
  #beats = 0
  /** When the counter was last seen to have moved. */
  #movedAt = 0
  #stalledAt = Number.NaN
  #steadySince = Number.NaN

  constructor({ after }: HostStallRules, post: Post) {
    this.#after = after
    this.#interval = lookInterval(after)
    this.#post = post
  }

  get isStalled(): boolean {
    return !Number.isNaN(this.#stalledAt)
  }

  get wakeAt(): number {
    return this.#lookAt
  }

  begin(now: number, beats: number): void {
    this.#beats = beats
    this.#movedAt = now
    this.#lookedAt = now
    this.#lookAt = now + this.#interval
  }

  /** How long the host has stood still, or stood still before it came back. */
  stalledFor(now: number): number {
    return (Number.isNaN(this.#steadySince) ? now : this.#steadySince) - this.#stalledAt
  }

  /** A look at the counter, when it is due or half due, since whoever is awake need not be woken for it soon; what has changed by it. */
  look(now: number, beats: number): HostChange | undefined {
    if (now < this.#lookAt - this.#interval / 2) return undefined
    const late = Math.max(0, now - this.#lookAt)
    const unseen = now - this.#lookedAt
    this.#lookedAt = now
    // Nobody is kept from sleep while the host hangs: its return is seen sooner.
    this.#lookAt = now + (this.isStalled ? this.#interval / 4 : this.#interval)
    if (this.#post === 'inside' && late >= this.#after && !this.isStalled) return this.#stall(now - late, now)
    // Time in which we did not look is nobody's: a stopped process, or a machine with no time for either thread.
    if (late > this.#interval) this.#movedAt += unseen
    if (beats === this.#beats) return this.#stood(now)
    this.#beats = beats
    return this.#moved(now)
  }

  #stood(now: number): HostChange | undefined {
    const still = now - this.#movedAt
    if (this.isStalled && still > this.#after / 2) this.#steadySince = Number.NaN
    return !this.isStalled && still >= this.#after ? this.#stall(this.#movedAt, now) : undefined
  }

  #moved(now: number): HostChange | undefined {
    this.#movedAt = now
    if (!this.isStalled) return undefined
    if (Number.isNaN(this.#steadySince)) this.#steadySince = now
    return now - this.#steadySince >= Math.min(STEADY_FOR, this.#after) ? 'recovered' : undefined
  }

  #stall(since: number, now: number): 'stalled' {
    this.#stalledAt = since
    this.#steadySince = Number.NaN
    this.#movedAt = now
    return 'stalled'
  }

  /** After `recovered` was heard: the next stall is a new one. */
  forget(): void {
    this.#stalledAt = Number.NaN
    this.#steadySince = Number.NaN
  }
}
