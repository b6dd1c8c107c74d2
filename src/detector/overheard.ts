/**
 * What comes in packets and is not about probing goes on to gossip, unread. The first packet of a burst is told at
 * once; what follows within 5 ms is gathered and told in one buffer, because a post per message costs twice the CPU.
 *
 *     packets    a    b c  d      e                        f
 *     told       a         b c d       e                   f
 *     ms         0         5           10                  30
 *
 * Bound, per lane: what gossip has not taken yet and what is gathered here may weigh HandoffQueueDepth together. A
 * message weighs 1, and 1 more for every 2 KiB, so that the bound holds memory too: long messages come only from a
 * hostile compression. What is over it is dropped and counted, as in memberlist; gossip hears of it again from
 * another peer or in a push/pull.
 */
import type { Lane, Outlet } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import type { ToGossip } from '../actors/mail.ts'
import { Pack, packOverheard, packSource } from '../actors/packed.ts'

/** Long enough to gather hundreds of messages under load, short beside a gossip interval (100 ms at least). */
export const GATHER = 5

const WEIGHT_SHIFT = 11 // 2 KiB

interface Gathered {
  lane: Lane
  pack: Pack
  weight: number
  dropped: 'drop.handoff-alive' | 'drop.handoff-others'
}

export class Overheard {
  readonly #gossip: Outlet<ToGossip>
  readonly #counters: Counters
  readonly #depth: number
  readonly #lanes: Record<Lane, Gathered> = {
    alive: { lane: 'alive', pack: new Pack(), weight: 0, dropped: 'drop.handoff-alive' },
    others: { lane: 'others', pack: new Pack(), weight: 0, dropped: 'drop.handoff-others' },
  }
  /** Until then a burst is on and messages are gathered. */
  #burstEndsAt = Number.NEGATIVE_INFINITY
  #empty = true
  /** What the pack of claims says last of where they come from. */
  #source = ''

  constructor(gossip: Outlet<ToGossip>, depth: number, counters: Counters) {
    this.#gossip = gossip
    this.#depth = depth
    this.#counters = counters
  }

  get wakeAt(): number {
    return this.#empty ? Number.POSITIVE_INFINITY : this.#burstEndsAt
  }

  /**
   * Takes a copy of the message, its type byte at `start`. Follow the last one of a packet with `wake`. `ip` says where it comes from, for claims that
   * a member is alive: gossip bounds how many new names one source brings.
   */
  add(lane: Lane, bytes: Uint8Array, start: number, end: number, ip = ''): void {
    const gathered = this.#lanes[lane]
    const weight = 1 + ((end - start) >>> WEIGHT_SHIFT)
    if (this.#gossip.waiting(lane) + gathered.weight + weight > this.#depth) {
      return this.#counters.add(gathered.dropped)
    }
    if (lane === 'alive' && ip !== this.#source) {
      packSource(gathered.pack, ip)
      this.#source = ip
    }
    packOverheard(gathered.pack, bytes, start, end)
    gathered.weight += weight
    this.#empty = false
  }

  /** Tells what was gathered, unless a burst is on. */
  wake(now: number): void {
    if (this.#empty || now < this.#burstEndsAt) return
    this.#tell(this.#lanes.alive)
    this.#tell(this.#lanes.others)
    this.#empty = true
    this.#burstEndsAt = now + GATHER
  }

  #tell(gathered: Gathered): void {
    if (gathered.weight === 0) return
    const { lane, pack, weight } = gathered
    gathered.weight = 0
    if (lane === 'alive') this.#source = ''
    this.#gossip.tell({ type: 'overheard', lane, weight, bytes: pack.take() })
  }
}
