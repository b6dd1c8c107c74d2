/**
 * What comes in packets and is not about probing goes on to gossip, unread. The first packet of a burst is told at
 * once; what follows within 5 ms is gathered and told in one buffer, because a post per message costs twice the CPU.
 *
 *     packets    a    b c  d      e                        f
 *     told       a         b c d       e                   f
 *     ms         0         5           10                  30
 *
 * A burst that lasts is gathered for longer, unless much has come: at 10,000 events a second most of what an event costs is waking three threads.
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
/** The same in a burst that has lasted: still short beside a gossip interval. */
export const LASTING_GATHER = 20
/** So many hand-overs, none of them longer than a pause after the one before, make a burst that lasts. */
export const LASTING = 8
/** Timers ring late. */
const PAUSE = 2 * LASTING_GATHER
/** So much weight is worth a hand-over of its own, after the shorter gathering: at 100,000 messages a second that is what comes in it. */
const WORTH_IT = 512

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
  #toldAt = Number.NEGATIVE_INFINITY
  /** Hand-overs of this burst. */
  #told = 0
  /** What is gathered in both lanes. */
  #weight = 0
  /** What the pack of claims says last of where they come from. */
  #source = ''

  constructor(gossip: Outlet<ToGossip>, depth: number, counters: Counters) {
    this.#gossip = gossip
    this.#depth = depth
    this.#counters = counters
  }

  get wakeAt(): number {
    return this.#weight === 0 ? Number.POSITIVE_INFINITY : this.#toldAt + this.#gather
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
    this.#weight += weight
  }

  /** Tells what was gathered, unless a burst is on and more is waited for. */
  wake(now: number): void {
    // Compared as `wakeAt` is computed: a difference may round to less than what was added.
    if (now < this.wakeAt) return
    this.#tell(this.#lanes.alive)
    this.#tell(this.#lanes.others)
    this.#told = now <= this.#toldAt + PAUSE ? this.#told + 1 : 0
    this.#toldAt = now
    this.#weight = 0
  }

  get #gather(): number {
    return this.#told < LASTING || this.#weight >= WORTH_IT ? GATHER : LASTING_GATHER
  }

  #tell(gathered: Gathered): void {
    if (gathered.weight === 0) return
    const { lane, pack, weight } = gathered
    gathered.weight = 0
    if (lane === 'alive') this.#source = ''
    this.#gossip.tell({ type: 'overheard', lane, weight, bytes: pack.take() })
  }
}
