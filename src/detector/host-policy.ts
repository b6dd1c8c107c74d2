/**
 * What the detector does when the host's main thread is stalled: it says so to the host, to gossip, and, with the action `fail`, falls silent: no acks,
 * no pings for others, no probes of our own, until the host is back. Gossip does its part with its streams and refutations.
 */
import type { Counters } from '../actors/counters.ts'
import type { HostStallAction } from '../options/options.ts'
import { HostWatch, type Post } from './host-watch.ts'
import type { DetectorWorld } from './world.ts'

export interface HostPolicyParts {
  world: DetectorWorld
  counters: Counters
  /** Ends what runs and begins nothing new. */
  silence(now: number): void
  speak(now: number): void
}

export class HostPolicy {
  readonly #action: HostStallAction
  readonly #parts: HostPolicyParts
  /** Undefined when nobody wants to know. */
  readonly #watch: HostWatch | undefined
  #isMute = false

  constructor(rules: { after: number; action: HostStallAction }, post: Post, parts: HostPolicyParts) {
    this.#action = rules.action
    this.#parts = parts
    this.#watch = rules.after > 0 ? new HostWatch(rules, post) : undefined
  }

  /** Whether nothing may be said that could be taken for a sign of life. */
  get isMute(): boolean {
    return this.#isMute
  }

  get isStalled(): boolean {
    return this.#watch?.isStalled ?? false
  }

  get wakeAt(): number {
    return this.#watch?.wakeAt ?? Number.POSITIVE_INFINITY
  }

  begin(now: number): void {
    this.#watch?.begin(now, this.#parts.world.host.beats())
  }

  wake(now: number): void {
    const watch = this.#watch
    if (watch === undefined) return
    const { world } = this.#parts
    const change = watch.look(now, world.host.beats())
    if (change === undefined) return
    const stalledFor = Math.round(watch.stalledFor(now))
    if (change === 'stalled') this.#stalled(stalledFor, now)
    else this.#recovered(stalledFor, now)
    world.host.changed(change, stalledFor)
    if (this.#action !== 'report') world.gossip.tell({ type: 'host', state: change })
  }

  #stalled(stalledFor: number, now: number): void {
    const { counters, world, silence } = this.#parts
    counters.add('host.stalls')
    world.log('warn', `the main thread has not turned for ${stalledFor} ms; what follows: ${this.#action}`)
    if (this.#action !== 'fail') return
    this.#isMute = true
    silence(now)
  }

  #recovered(stalledFor: number, now: number): void {
    const { counters, world, speak } = this.#parts
    this.#watch?.forget()
    counters.observe('host.stalled-ms', stalledFor)
    world.log('info', `the main thread turns again, after ${stalledFor} ms`)
    if (!this.#isMute) return
    this.#isMute = false
    speak(now)
  }
}
