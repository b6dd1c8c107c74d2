/**
 * The four broadcast queues and how a packet is filled from them: membership, intents, queries, events, in this order
 * (protocol page 1, 7.14; page 2, 4.15). Messages stand in the queues with memberlist's type byte in front.
 *
 * Where not everything fits, the order alone would let user messages (queries, events) starve for as long as members come and go. So a
 * share of the room is theirs: what they do not use of it in one packet is saved up for the next, so that a long message gets its turn too.
 *
 *     packet   | our own news | user messages: their share | membership, intents                    |
 */
import type { Log } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import { COMPOUND, type Coats, makeCompound, packetRoom } from '../wire/packet.ts'
import { type Broadcast, Broadcasts, type Rank } from './broadcasts.ts'
import { retransmitLimit } from './formulas.ts'
import type { MemberTable } from './members.ts'

export interface QueueRules {
  retransmitMult: number
  minQueueDepth: number
  maxQueueDepth: number
  queueDepthWarning: number
  userMessageShare: number
  udpBufferSize: number
}

export type QueueName = 'membership' | 'intents' | 'queries' | 'events'

/** Queues by name, in the order in which a packet is filled, with the names of their depths in the metrics of the original. */
const QUEUES = [
  ['membership', 'memberlist.queue.broadcasts'],
  ['intents', 'serf.queue.Intent'],
  ['queries', 'serf.queue.Query'],
  ['events', 'serf.queue.Event'],
] as const satisfies readonly (readonly [QueueName, string])[]
/** About members; the other two carry what users say. */
const ABOUT_MEMBERS = ['membership', 'intents'] as const
const OF_USERS = ['queries', 'events'] as const

/** A queue that is too long is warned of once in so many milliseconds. */
const WARN_AGAIN = 60_000
/** QueueCheckInterval of both original layers (protocol page 1, section 9). */
const SAMPLE_INTERVAL = 30_000
const PERCENT = 100

type Visit = (bytes: Uint8Array, name: QueueName) => void
/** Visits what is lent: from which queue, with how many sends, of how many in all. */
export type Lend = (name: QueueName, item: Broadcast, sends: number, limit: number) => void

export class Queues {
  readonly membership = new Broadcasts()
  readonly intents = new Broadcasts()
  readonly queries = new Broadcasts()
  readonly events = new Broadcasts()
  readonly #rules: QueueRules
  readonly #table: MemberTable
  readonly #counters: Counters
  readonly #log: Log
  readonly #coats: Coats
  /** Room that user messages have saved up. */
  #saved = 0
  #sampledAt = 0
  readonly #warnedAt = new Map<QueueName, number>()
  /** The time of the turn. */
  now = 0

  constructor(rules: QueueRules, coats: Coats, table: MemberTable, counters: Counters, log: Log) {
    this.#rules = rules
    this.#table = table
    this.#counters = counters
    this.#log = log
    this.#coats = coats
  }

  /** Bytes that a packet has for broadcasts. It changes with the keys: see `refit`. */
  get room(): number {
    return packetRoom(this.#rules.udpBufferSize, this.#coats)
  }

  /** Whether a message of so many bytes, type byte included, can ever be gossiped. */
  fits(bytes: number): boolean {
    return bytes <= this.largest
  }

  /** Bytes of the longest message that can be gossiped, type byte included. */
  get largest(): number {
    return this.room - COMPOUND.perPart
  }

  /**
   * Queues a message, which must fit, or it is counted and finished at once: one that cannot be sent would sit in the
   * queue for ever, and a part of no length ends the packaged Serf. `key` and `rank` as for Broadcasts. A queue never holds more than its bound: what goes for it is counted.
   */
  add(name: QueueName, bytes: Uint8Array, key = -1, finished?: () => void, rank: Rank = 'in turn'): void {
    if (bytes.length === 0 || !this.fits(bytes.length)) {
      this.#counters.add(`drop.broadcast-too-large`)
      finished?.()
      return
    }
    const queue = this[name]
    const before = queue.dropped
    queue.add(bytes, key, this.#most(), finished, rank, this.now)
    if (queue.dropped > before) this.#counters.add(`drop.queue-${name}`, queue.dropped - before)
    if (queue.size >= this.#rules.queueDepthWarning) this.#warn(name)
  }

  get isEmpty(): boolean {
    return this.membership.size + this.intents.size + this.queries.size + this.events.size === 0
  }

  /** After the room has become less: what will never fit again is counted and finished. */
  refit(): void {
    const most = this.room - COMPOUND.perPart
    for (const [name] of QUEUES) {
      const dropped = this[name].dropLongerThan(most)
      if (dropped > 0) this.#counters.add('drop.broadcast-too-large', dropped)
    }
  }

  /**
   * One packet's worth of messages, each to be sent in a packet by itself: usually one, a compound; more when a large buffer holds more
   * parts than a compound may have; none when nothing waits.
   */
  packets(): Uint8Array[] {
    const parts: Uint8Array[] = []
    const keep = (bytes: Uint8Array, name: QueueName) => {
      this.#sent(name, bytes, 1)
      parts.push(bytes)
    }
    let room = this.room
    for (const name of ABOUT_MEMBERS) room = this.#take(name, room, keep, 'first')
    const theirs = this.#roomOfUsers(room)
    const left = this.#takeUsers(theirs, keep)
    room -= theirs - left
    for (const name of ABOUT_MEMBERS) room = this.#take(name, room, keep, 'in turn')
    const packets: Uint8Array[] = []
    for (let at = 0; at < parts.length; at += COMPOUND.maxParts) {
      const some = parts.slice(at, at + COMPOUND.maxParts)
      packets.push(some.length === 1 ? some[0] : makeCompound(some))
    }
    return packets
  }

  /** Lends a packet's worth of messages, with at most so many sends each. */
  lend(sends: number, visit: Lend): void {
    let room = this.room
    const lend = (name: QueueName, within: number, rank: Rank): number => {
      const queue = this[name]
      const limit = this.#limit(name)
      return queue.lend(
        within,
        COMPOUND.perPart,
        limit,
        sends,
        (item, lent) => visit(name, item, lent, limit),
        rank,
      )
    }
    for (const name of ABOUT_MEMBERS) room = lend(name, room, 'first')
    const theirs = Math.max(
      (room * this.#rules.userMessageShare) / PERCENT,
      room - this.#demand(ABOUT_MEMBERS),
    )
    let left = theirs
    for (const name of OF_USERS) left = lend(name, left, 'in turn')
    room -= theirs - left
    for (const name of ABOUT_MEMBERS) room = lend(name, room, 'in turn')
  }

  /** Takes back sends of a loan that were not used. */
  giveBack(name: QueueName, item: Broadcast, sends: number, unused: number, limit: number): void {
    this.#sent(name, item.bytes, sends - unused)
    this[name].giveBack(item, sends, unused, limit)
  }

  /** Depth of each queue, age of its oldest message in milliseconds, and messages dropped because it was full. */
  gauges(): Record<string, number> {
    const gauges: Record<string, number> = {
      membership_queue: this.membership.size,
      intent_queue: this.intents.size,
      event_queue: this.events.size,
      query_queue: this.queries.size,
    }
    for (const [name] of QUEUES) {
      const { size, oldestAt, dropped } = this[name]
      gauges[`folkmoot.queue.${name}.age`] = size === 0 ? 0 : this.now - oldestAt
      gauges[`folkmoot.queue.${name}.dropped`] = dropped
    }
    return gauges
  }

  /** Samples the depths, where half a minute has passed since the last time: to be called more often than that. */
  sample(): void {
    if (this.now - this.#sampledAt < SAMPLE_INTERVAL) return
    this.#sampledAt = this.now
    for (const [name, metric] of QUEUES) this.#counters.observe(metric, this[name].size)
  }

  #take(name: QueueName, room: number, visit: Visit, rank: Rank): number {
    const each = (bytes: Uint8Array) => visit(bytes, name)
    return this[name].take(room, COMPOUND.perPart, this.#limit(name), each, rank)
  }

  /** Bytes of Serf's messages that go out: memberlist's type byte in front is not theirs. */
  #sent(name: QueueName, bytes: Uint8Array, times: number): void {
    if (name === 'membership') return
    for (let i = 0; i < times; i++) this.#counters.observe('serf.msgs.sent', bytes.length - 1)
  }

  /** Takes what users say, within `theirs`; what is left of it. What was saved up for them is used up by it. */
  #takeUsers(theirs: number, keep: Visit): number {
    if (this.queries.size + this.events.size === 0) {
      this.#saved = 0
      return theirs
    }
    let left = theirs
    for (const name of OF_USERS) left = this.#take(name, left, keep, 'in turn')
    this.#saved = Math.max(0, this.#saved - (theirs - left))
    return left
  }

  /** How much of the room user messages may take: all that members leave over, and their share at least. */
  #roomOfUsers(room: number): number {
    this.#saved = Math.min(this.room, this.#saved + (this.room * this.#rules.userMessageShare) / PERCENT)
    return Math.max(Math.min(room, this.#saved), room - this.#demand(ABOUT_MEMBERS))
  }

  #demand(names: readonly QueueName[]): number {
    let bytes = 0
    for (const name of names) bytes += this[name].bytes + this[name].size * COMPOUND.perPart
    return bytes
  }

  #limit(name: QueueName): number {
    const { retransmitMult } = this.#rules
    // Serf counts all members it knows, memberlist those on its list.
    const count = name === 'membership' ? this.#table.listed : this.#table.size
    return retransmitLimit(retransmitMult, count)
  }

  /** Twice the pool always has room: each member may have something to say, and something said of it (page 2, 4.15). */
  #most(): number {
    const { minQueueDepth, maxQueueDepth } = this.#rules
    return Math.max(minQueueDepth > 0 ? minQueueDepth : maxQueueDepth, 2 * this.#table.size)
  }

  /** Membership is as long as members change at once, and no longer than the pool: nothing to warn of. */
  #warn(name: QueueName): void {
    if (name === 'membership') return
    if (this.now - (this.#warnedAt.get(name) ?? Number.NEGATIVE_INFINITY) < WARN_AGAIN) return
    this.#warnedAt.set(name, this.now)
    this.#log(
      'warn',
      `${this[name].size} broadcasts wait in the queue of ${name}: more is said than can be sent`,
    )
  }
}
