/**
 * The four broadcast queues and how a packet is filled from them: membership, intents, queries, events, in this order
 * (protocol page 1, 7.14; page 2, 4.15). Messages stand in the queues with memberlist's type byte in front.
 */
import type { Counters } from '../actors/counters.ts'
import { COMPOUND, type Coats, makeCompound, packetRoom } from '../wire/packet.ts'
import { Broadcasts } from './broadcasts.ts'
import { retransmitLimit } from './formulas.ts'
import type { MemberTable } from './members.ts'

export interface QueueRules {
  retransmitMult: number
  maxQueueDepth: number
  udpBufferSize: number
}

export type QueueName = 'membership' | 'intents' | 'queries' | 'events'

export class Queues {
  readonly membership = new Broadcasts()
  readonly intents = new Broadcasts()
  readonly queries = new Broadcasts()
  readonly events = new Broadcasts()
  readonly #rules: QueueRules
  readonly #table: MemberTable
  readonly #counters: Counters
  readonly room: number

  constructor(rules: QueueRules, coats: Coats, table: MemberTable, counters: Counters) {
    this.#rules = rules
    this.#table = table
    this.#counters = counters
    this.room = packetRoom(rules.udpBufferSize, coats)
  }

  /** Whether a message of so many bytes, type byte included, can ever be gossiped. */
  fits(bytes: number): boolean {
    return bytes + COMPOUND.perPart <= this.room
  }

  /**
   * Queues a message, which must fit, or it is counted and finished at once: one that cannot be sent would sit in the
   * queue for ever. `key` as for Broadcasts.
   */
  add(name: QueueName, bytes: Uint8Array, key = -1, finished?: () => void): void {
    if (this.fits(bytes.length)) {
      this[name].add(bytes, key, this.#most(name), finished)
      return
    }
    this.#counters.add(`drop.broadcast-too-large`)
    finished?.()
  }

  get isEmpty(): boolean {
    return this.membership.size + this.intents.size + this.queries.size + this.events.size === 0
  }

  /** One packet's worth of messages, as one message; undefined when nothing waits. */
  packet(): Uint8Array | undefined {
    const parts: Uint8Array[] = []
    const keep = (bytes: Uint8Array) => {
      parts.push(bytes)
    }
    let room = this.room
    for (const [queue, limit] of this.inOrder()) room = queue.take(room, COMPOUND.perPart, limit, keep)
    if (parts.length === 0) return undefined
    return parts.length === 1 ? parts[0] : makeCompound(parts)
  }

  /** The queues in the order in which a packet is filled, each with its transmit limit. */
  *inOrder(): Iterable<[Broadcasts, number]> {
    const { retransmitMult } = this.#rules
    yield [this.membership, retransmitLimit(retransmitMult, this.#table.listed)]
    // Serf counts all members it knows, memberlist those on its list.
    const serfLimit = retransmitLimit(retransmitMult, this.#table.size)
    yield [this.intents, serfLimit]
    yield [this.queries, serfLimit]
    yield [this.events, serfLimit]
  }

  #most(name: QueueName): number {
    // Membership replaces by member, so it cannot outgrow the pool: the bound only holds off a bug.
    if (name === 'membership') return this.#table.size + this.#rules.maxQueueDepth
    return Math.max(this.#rules.maxQueueDepth, 2 * this.#table.size)
  }
}
