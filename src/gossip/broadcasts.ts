/**
 * Broadcasts that wait for their turns on the wire (protocol page 1, section 7.15). One type, four queues: membership,
 * intents, queries, events.
 *
 *     tier 0 (never sent)   1180 bytes: #9        212: #12 #11 #3      80: #10
 *     tier 1 (sent once)     212: #8 #7            80: #2
 *     ...
 *
 * A packet takes from the least sent tier, the longest message that still fits, the newest of equals. The original keeps
 * a tree of all; lengths repeat so much that a shelf per length in a short sorted array does the same with less work.
 */
import { Slab } from '../actors/slab.ts'
import { Shelf } from './shelf.ts'

/** `first`: our own word about ourselves, sent before everything else and dropped last; nobody else can say it for us. */
export type Rank = 'first' | 'in turn'

/** One broadcast in a queue. Opaque to everybody but the queue. */
export interface Broadcast {
  bytes: Uint8Array
  rank: Rank
  /** When it was queued. */
  addedAt: number
  /** Messages with the same key replace each other; -1: replaces nothing. */
  key: number
  /** Increasing with age of the queue: the newest has the largest. */
  number: number
  sends: number
  /** Sends that are promised to a tray and not yet handed back. */
  lent: number
  /** Called once when all sends are used up, or the message is replaced or pruned. */
  finished: (() => void) | undefined
  isQueued: boolean
  /** For its shelf. */
  older: Broadcast | undefined
  newer: Broadcast | undefined
}

/** Broadcasts that were sent equally often, in shelves by length. */
class Tier {
  /** Ascending lengths of the shelves in use. */
  readonly lengths: number[] = []
  readonly shelves = new Map<number, Shelf<Broadcast>>()

  add(item: Broadcast): void {
    const length = item.bytes.length
    let shelf = this.shelves.get(length)
    if (shelf === undefined) {
      shelf = new Shelf<Broadcast>()
      this.shelves.set(length, shelf)
      this.lengths.splice(this.#lastAtMost(length) + 1, 0, length)
    }
    shelf.add(item)
  }

  remove(item: Broadcast): void {
    const length = item.bytes.length
    const shelf = this.shelves.get(length)
    if (shelf === undefined) return
    shelf.remove(item)
    if (shelf.newest !== undefined) return
    this.shelves.delete(length)
    this.lengths.splice(this.#lastAtMost(length), 1)
  }

  /** The longest, then newest, of at most `room` bytes. */
  longestWithin(room: number): Broadcast | undefined {
    const index = this.#lastAtMost(room)
    return index < 0 ? undefined : this.shelves.get(this.lengths[index])?.newest
  }

  /** The shortest, then oldest: the first to go when the queue is too long. */
  last(): Broadcast | undefined {
    return this.lengths.length === 0 ? undefined : this.shelves.get(this.lengths[0])?.oldest
  }

  #lastAtMost(length: number): number {
    let low = 0
    let high = this.lengths.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.lengths[middle] <= length) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

/**
 * Messages come in blocks with their neighbours (`slab.ts`), and one that waits keeps its whole block. Where more is said than can be sent, those that are
 * passed over for hours would keep a block each. So with every so many bytes that are queued, or as many as wait if those are more, what was there at the
 * last time already moves together: what dead neighbours take is never more than twice as much, and a message pays for about one other.
 */
const MOVE_EVERY = 1024 * 1024

export class Broadcasts {
  readonly #tiers: Record<Rank, Tier[]> = { first: [], 'in turn': [] }
  readonly #byKey = new Map<number, Broadcast>()
  readonly #sent: Broadcast[] = []
  #size = 0
  #bytes = 0
  #numbers = 0
  #bytesSinceMove = 0
  /** Number of the newest message when they were moved together last. */
  #movedUpTo = 0
  /** Messages that were dropped because the queue was full. */
  dropped = 0

  /** How many messages wait. */
  get size(): number {
    return this.#size
  }

  /** Bytes of the messages that wait. */
  get bytes(): number {
    return this.#bytes
  }

  /** When the oldest message that waits was queued; `Infinity` when none does. Looks at all of them: for gauges, not for turns. */
  get oldestAt(): number {
    let oldest = Number.POSITIVE_INFINITY
    for (const tier of [...this.#tiers.first, ...this.#tiers['in turn']]) {
      for (const shelf of tier.shelves.values()) oldest = Math.min(oldest, shelf.oldest?.addedAt ?? oldest)
    }
    return oldest
  }

  /**
   * Queues a message. One with the same `key` (not -1) is replaced and finished. Above `most` messages the most sent,
   * shortest, oldest ones are dropped and finished at once: the queue never grows beyond its bound.
   */
  add(
    bytes: Uint8Array,
    key: number,
    most: number,
    finished?: () => void,
    rank: Rank = 'in turn',
    now = 0,
  ): void {
    if (key >= 0) this.forget(key)
    this.#numbers += 1
    const item: Broadcast = {
      bytes,
      rank,
      addedAt: now,
      key,
      number: this.#numbers,
      sends: 0,
      lent: 0,
      finished,
      isQueued: false,
      older: undefined,
      newer: undefined,
    }
    if (key >= 0) this.#byKey.set(key, item)
    this.#enqueue(item)
    this.#bytesSinceMove += bytes.length
    if (this.#bytesSinceMove >= Math.max(MOVE_EVERY, this.#bytes)) this.#moveTogether()
    while (this.#size > most) {
      this.dropped += 1
      this.#dropLast()
    }
  }

  /** Whether a message of this key waits, or is out on a loan. */
  has(key: number): boolean {
    return this.#byKey.has(key)
  }

  /** Drops the message of this key, if there is one. */
  forget(key: number): void {
    const item = this.#byKey.get(key)
    if (item !== undefined) this.#finish(item)
  }

  /**
   * Takes messages for one packet: `visit` gets each, whose length plus `overhead` comes off `room`. Every visited message
   * has one send less; `limit` is how many it has in all. Returns the room left.
   */
  take(
    room: number,
    overhead: number,
    limit: number,
    visit: (bytes: Uint8Array) => void,
    rank: Rank = 'in turn',
  ): number {
    let left = room
    for (const tier of this.#tiers[rank]) {
      for (;;) {
        const item = left > overhead ? tier.longestWithin(left - overhead) : undefined
        if (item === undefined) break
        left -= overhead + item.bytes.length
        this.#dequeue(item)
        this.#sent.push(item)
        visit(item.bytes)
      }
    }
    // Put back only now, so that no message is taken twice for one packet; backwards, so that each lands at the front.
    for (let item = this.#sent.pop(); item !== undefined; item = this.#sent.pop())
      this.#charge(item, 1, limit)
    return left
  }

  /**
   * Lends messages for a tray: `visit` gets each with the sends that it may use there, at most `sends`, which are charged at
   * once and come back by `giveBack`. One send always stays in the queue, so that what is lent can still be gossiped.
   */
  lend(
    room: number,
    overhead: number,
    limit: number,
    sends: number,
    visit: (item: Broadcast, sends: number) => void,
    rank: Rank = 'in turn',
  ): number {
    let left = room
    for (const tier of this.#tiers[rank]) {
      for (;;) {
        const item = left > overhead ? tier.longestWithin(left - overhead) : undefined
        if (item === undefined || item.sends + 1 >= limit) break
        left -= overhead + item.bytes.length
        this.#dequeue(item)
        this.#sent.push(item)
      }
    }
    for (let item = this.#sent.pop(); item !== undefined; item = this.#sent.pop()) {
      const lent = Math.min(sends, limit - 1 - item.sends)
      item.lent += lent
      visit(item, lent)
      this.#charge(item, lent, limit)
    }
    return left
  }

  /** Settles a loan: `unused` of the `lent` sends come back. A message that was replaced meanwhile stays forgotten. */
  giveBack(item: Broadcast, lent: number, unused: number, limit: number): void {
    item.lent -= lent
    if (item.sends < 0) return
    if (item.isQueued) this.#dequeue(item)
    item.sends -= unused
    this.#charge(item, 0, limit)
  }

  /** Drops and finishes what is longer than `bytes`; returns how many there were. */
  dropLongerThan(bytes: number): number {
    let dropped = 0
    for (const tier of [...this.#tiers.first, ...this.#tiers['in turn']]) {
      for (;;) {
        const item = tier.longestWithin(Number.POSITIVE_INFINITY)
        if (item === undefined || item.bytes.length <= bytes) break
        this.#finish(item)
        dropped += 1
      }
    }
    return dropped
  }

  /** Empties the queue, finishing every message. */
  clear(): void {
    while (this.#size > 0) this.#dropLast()
  }

  /** What is on a loan alone, all its sends promised, stays where it is: it is back or finished with its tray. */
  #moveTogether(): void {
    const slab = new Slab()
    const move = (item: Broadcast) => {
      if (item.number <= this.#movedUpTo) item.bytes = slab.keep(item.bytes)
    }
    for (const tier of [...this.#tiers.first, ...this.#tiers['in turn']])
      for (const shelf of tier.shelves.values()) shelf.each(move)
    this.#bytesSinceMove = 0
    this.#movedUpTo = this.#numbers
  }

  #charge(item: Broadcast, sends: number, limit: number): void {
    item.sends += sends
    if (item.sends < limit) this.#enqueue(item)
    else if (item.lent === 0) this.#finish(item)
  }

  #enqueue(item: Broadcast): void {
    const tiers = this.#tiers[item.rank]
    while (tiers.length <= item.sends) tiers.push(new Tier())
    tiers[item.sends].add(item)
    item.isQueued = true
    this.#size += 1
    this.#bytes += item.bytes.length
  }

  #dequeue(item: Broadcast): void {
    this.#tiers[item.rank][item.sends].remove(item)
    item.isQueued = false
    this.#size -= 1
    this.#bytes -= item.bytes.length
  }

  #dropLast(): void {
    const item = lastOf(this.#tiers['in turn']) ?? lastOf(this.#tiers.first)
    if (item !== undefined) this.#finish(item)
  }

  #finish(item: Broadcast): void {
    if (item.isQueued) this.#dequeue(item)
    if (item.key >= 0 && this.#byKey.get(item.key) === item) this.#byKey.delete(item.key)
    item.sends = FINISHED
    const { finished } = item
    item.finished = undefined
    finished?.()
  }
}

const FINISHED = -1

/** The first to go: the most sent, shortest, oldest. */
function lastOf(tiers: readonly Tier[]): Broadcast | undefined {
  return tiers.findLast((tier) => tier.lengths.length > 0)?.last()
}
