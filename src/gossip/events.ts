/**
 * User events: sent, heard, merged (protocol page 2, section 4.7). Each reaches the host at most once, and is passed on in
 * the bytes it came in.
 *
 * This is the hottest path of the house. An event that is new costs one copy, which the queue and the ring share, and one
 * packed record for the host; one that was seen before costs a look at the ring.
 */
import { CappedNames } from '../actors/capped.ts'
import type { Envelope } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import type { GossipCommand } from '../actors/mail.ts'
import { Slab } from '../actors/slab.ts'
import { EventTooLarge, type SizeLimit } from '../errors/errors.ts'
import { toPlain } from '../errors/plain.ts'
import { Writer } from '../wire/msgpack.ts'
import { readUserEvent, UserEventCursor, writeUserEvent } from '../wire/serf.ts'
import { MESSAGE } from '../wire/types.ts'
import type { LamportClock } from './lamport.ts'
import type { Outbox } from './outbox.ts'
import type { Queues } from './queues.ts'
import { type SeenEvent, SeenEvents } from './seen.ts'

export interface EventParts {
  queues: Queues
  outbox: Outbox
  counters: Counters
  clock: LamportClock
}

type EventCommand = GossipCommand & { type: 'user-event' }

/**
 * Largest event that any configuration allows (protocol page 2, section 4.7). The original asks this of its own events alone; a longer one that
 * came over a stream would stay in every ring that heard it, and a few of them make states that no peer takes.
 */
const SANE_LIMIT = 9216

export class UserEvents {
  readonly seen: SeenEvents
  readonly #parts: EventParts
  readonly #sizeLimit: number
  readonly #cursor = new UserEventCursor()
  readonly #writer = new Writer()
  readonly #slab = new Slab()
  readonly #names: CappedNames
  /** Whether old events are refused only until somebody asks for them. */
  #isHeldOff = false

  constructor(sizeLimit: number, buffer: number, parts: EventParts) {
    this.#sizeLimit = Math.min(sizeLimit, SANE_LIMIT)
    this.#parts = parts
    this.#names = new CappedNames(parts.counters, 'serf.events.name')
    this.seen = new SeenEvents(buffer)
  }

  /** The host's event. */
  sendCommand({ name, payload, coalesce }: EventCommand): Envelope<{ lamportTime: number }> {
    return this.send(new TextEncoder().encode(name), payload, coalesce ? 'coalesce' : 'single')
  }

  /** An event of our own. The reply carries its Lamport time; a refused one was not sent to anybody. */
  send(
    name: Uint8Array,
    payload: Uint8Array | null,
    coalesce: 'coalesce' | 'single',
  ): Envelope<{ lamportTime: number }> {
    const { clock, queues } = this.#parts
    const raw = name.length + (payload?.length ?? 0)
    if (raw > this.#sizeLimit) return tooLarge(raw, this.#sizeLimit, 'before encoding')
    const lamportTime = clock.time
    this.#writer.reset().byte(MESSAGE.user)
    writeUserEvent(this.#writer, { lamportTime, name, payload, coalesce: coalesce === 'coalesce' })
    const bytes = this.#writer.view()
    // The size limit speaks of Serf's message, which does not count the byte in front.
    if (bytes.length - 1 > this.#sizeLimit)
      return tooLarge(bytes.length - 1, this.#sizeLimit, 'after encoding')
    if (!queues.fits(bytes.length)) return tooLarge(bytes.length, queues.largest, 'in a packet')
    clock.increment()
    this.heard(bytes, 0, bytes.length)
    return { ok: true, value: { lamportTime }, after: 0 }
  }

  /** An event in a message: memberlist's type byte, Serf's type byte, body. */
  heard(bytes: Uint8Array, start: number, end: number): void {
    const { queues, counters, outbox } = this.#parts
    const cursor = this.#cursor
    if (this.#isTooLong(end - start - 1)) return
    if (!readUserEvent(cursor, bytes, start + 2, end)) {
      counters.add('drop.user-event')
      return
    }
    if (!this.#isNew(cursor)) return
    const kept = this.#keep(cursor, start, end)
    this.seen.remember(cursor.lamportTime, kept)
    queues.add('events', kept.bytes)
    if (!outbox.userEvent(cursor)) counters.add('drop.event-dispatch')
  }

  /** An event out of a peer's ring: delivered, but never gossiped again. The name and payload stand in `bytes`. */
  merged(lamportTime: number, event: SeenEvent): void {
    const cursor = this.#cursor
    const start = Math.min(event.nameStart, event.payloadStart)
    const end = Math.max(event.nameEnd, event.payloadEnd)
    if (this.#isTooLong(end - start)) return
    Object.assign(cursor, event, { lamportTime, coalesce: false })
    if (!this.#isNew(cursor)) return
    this.seen.remember(lamportTime, this.#keep(cursor, start, end))
    if (!this.#parts.outbox.userEvent(cursor)) this.#parts.counters.add('drop.event-dispatch')
  }

  /** From now on events older than this are refused, for good. In the original a new snapshot refuses time 0 too, which nobody has: clocks begin at 1. */
  ignoreBefore(lamportTime: number): void {
    this.#isHeldOff = false
    this.seen.minTime = Math.max(this.seen.minTime, lamportTime)
  }

  /** Events older than this are refused until `release`, unless a bound is in force already. */
  holdBefore(lamportTime: number): void {
    if (this.seen.minTime > 0) return
    this.seen.minTime = lamportTime
    this.#isHeldOff = true
  }

  release(): void {
    if (this.#isHeldOff) this.seen.minTime = 0
    this.#isHeldOff = false
  }

  #isTooLong(bytes: number): boolean {
    if (bytes <= SANE_LIMIT) return false
    this.#parts.counters.add('drop.event-too-long')
    return true
  }

  #isNew(cursor: UserEventCursor): boolean {
    const { clock, counters } = this.#parts
    if (!clock.admits(cursor.lamportTime)) {
      counters.add('drop.lamport-time')
      return false
    }
    clock.witness(cursor.lamportTime)
    const novelty = this.seen.novelty(cursor.lamportTime, clock.time, cursor)
    if (novelty === 'new') {
      counters.add('serf.events')
      this.#names.count(cursor.bytes, cursor.nameStart, cursor.nameEnd)
      return true
    }
    if (novelty !== 'seen') counters.add(novelty === 'old' ? 'drop.event-old' : 'drop.event-ring-full')
    return false
  }

  /** A copy of our own of the message from `start` to `end`, with the event's place in it. */
  #keep(cursor: UserEventCursor, start: number, end: number): SeenEvent {
    return {
      bytes: this.#slab.keep(cursor.bytes, start, end),
      nameStart: cursor.nameStart - start,
      nameEnd: cursor.nameEnd - start,
      payloadStart: cursor.payloadStart - start,
      payloadEnd: cursor.payloadEnd - start,
      payloadNil: cursor.payloadNil,
    }
  }
}

function tooLarge(bytes: number, limit: number, where: SizeLimit): Envelope<{ lamportTime: number }> {
  return { ok: false, error: toPlain(new EventTooLarge(bytes, limit, where)) }
}
