/**
 * Delivery to the host, with credit. While the host takes news, buffers go on to it as they came, without a look at single events.
 * While it does not, what happens is folded here: a slow host costs the host, never the pool, and it is told what it missed.
 *
 *     credit left     facts -> news, unchanged; only what ends a member that the host never heard of is no event
 *     no credit       the mirror: goes on, by a feed with a credit of its own
 *                     members: events per row, folded; as long as somebody reads without loss they are kept one by one, up to the
 *                     bound of user events, and folded then
 *                     user events: kept up to a bound, then the oldest are dropped and counted
 */
import { FACT, FactReader } from '../actors/facts.ts'
import type { Feed, MirrorNews, News } from '../actors/mail.ts'
import type { Notice } from '../actors/notices.ts'
import { Pack } from '../actors/packed.ts'
import { after, folded, type Known, KnownRows, knownAs } from './fold.ts'
import { MirrorFeed } from './mirror-feed.ts'
import { addTo, retold, retoldAsOf } from './retold.ts'
import { WaitingNotices } from './waiting-notices.ts'

/** News that may be on their way to the host. */
const MOST_UNTAKEN = 8
/** The same where they are in shared memory: as many as a pool of a hundred thousand comes in. */
const MOST_SHARED_UNTAKEN = 64
/** Records that wait for a slow host one by one; beyond it the oldest are dropped and counted. */
const MOST_EVENTS = 65_536
const MOST_EVENT_BYTES = 16 * 1024 * 1024

interface WaitingMember {
  row: number
  /** Who lives in the row: the next one to live there waits for itself. */
  instance: number
  known: Known
  events: number[]
  /** The last picture of the member. */
  picture: Uint8Array
  /** Order of its last event among all that waits. */
  order: number
}

interface WaitingEvent {
  record: Uint8Array
  order: number
}

/** Who keeps events back in front of the delivery, and brings them later by `events`. */
export interface Holdback {
  /** Whether a record is no event yet. */
  withholds(record: FactReader): boolean
  /** Members whose events are kept back. */
  readonly heldMembers: number
}

const NOBODY: Holdback = { withholds: () => false, heldMembers: 0 }

export class Delivery {
  readonly #news: (news: News) => void
  readonly #holdback: Holdback
  readonly #mirror: MirrorFeed
  /** What the host thinks of each row, by the events that were sent to it. */
  readonly known = new KnownRows()
  readonly #members = new Map<number, WaitingMember>()
  /** Members that the host knows and whose row is another's by now: at most one a row, since the host knows none that came after. */
  #moved: WaitingMember[] = []
  #events: WaitingEvent[] = []
  /** Events of the list that are already dropped: they are cut off when it is rebuilt. */
  #droppedEvents = 0
  #eventBytes = 0
  #lagged = 0
  /** Member events that were taken in and will not come out as themselves. */
  #folded = 0
  #feed: Feed = 'folded'
  readonly #notices = new WaitingNotices()
  #order = 0
  #sent = 0
  #taken = 0
  #through = 0

  constructor(news: (news: News | MirrorNews) => void, holdback: Holdback = NOBODY) {
    this.#news = news
    this.#holdback = holdback
    this.#mirror = new MirrorFeed(news)
  }

  /** Whether what comes now goes on at once. */
  get isFlowing(): boolean {
    return this.untaken < MOST_UNTAKEN && this.waiting === 0
  }

  /** News that the host has not taken yet. */
  get untaken(): number {
    return this.#sent - this.#taken
  }

  /** Records that wait for the host. */
  get waiting(): number {
    return this.#members.size + this.#moved.length + this.#events.length - this.#droppedEvents
  }

  /** User events that are kept in memory, dropped ones counted in. */
  get heldRecords(): number {
    return this.#events.length
  }

  /** Facts from gossip. The buffer is given up. */
  facts(bytes: Uint8Array, through: number): void {
    this.#through = through
    if (this.isFlowing || this.#mayPass(bytes)) this.#passOn(bytes)
    else {
      this.#hold(bytes)
      this.#mirror.facts(bytes, through)
      if (this.untaken < MOST_UNTAKEN) this.#release()
    }
  }

  /** Events that were kept back, whose members the mirror knows already. Members may come only while it flows. */
  events(bytes: Uint8Array, count: number): void {
    if (this.isFlowing) {
      this.#send([bytes], [0, 0, count], 0)
      return
    }
    for (const reader = new FactReader(bytes); !reader.atEnd; reader.next()) {
      this.#order += 1
      this.#holdEvent(bytes.slice(reader.at, reader.at + reader.length))
    }
  }

  /** Something for the host to know. It goes with the next news, which is now if the host has taken enough. */
  notice(notice: Notice): void {
    this.#notices.add(notice)
    if (this.isFlowing) this.#send([new Uint8Array(0)], [])
  }

  /** The host has applied mirror news up to this number. */
  mirrored(number: number): void {
    this.#mirror.taken(number)
  }

  /** Whether somebody reads without loss: then nothing is folded before the bound. */
  feed(feed: Feed): void {
    this.#feed = feed
    if (feed === 'folded') this.#foldHeld()
  }

  /** The host has handled news up to this number. */
  taken(number: number): void {
    this.#taken = Math.max(this.#taken, Math.min(number, this.#sent))
    if (this.untaken >= MOST_UNTAKEN) return
    if (this.waiting > 0) this.#release()
    else if (this.#notices.size > 0) this.#send([new Uint8Array(0)], [])
  }

  /** Facts in shared memory are kept by the view of the members anyway: to have them on their way costs nothing more. */
  #mayPass(bytes: Uint8Array): boolean {
    return (
      bytes.buffer instanceof SharedArrayBuffer && this.waiting === 0 && this.untaken < MOST_SHARED_UNTAKEN
    )
  }

  #passOn(bytes: Uint8Array): void {
    const runs: number[] = []
    let start = 0
    let count = 0
    const reader = new FactReader(bytes)
    for (; !reader.atEnd; reader.next()) {
      if (this.#isEvent(reader)) {
        if (count === 0) start = reader.at
        count += 1
        continue
      }
      if (count > 0) runs.push(0, start, count)
      count = 0
    }
    if (count > 0) runs.push(0, start, count)
    this.#send([bytes], runs)
  }

  /**
   * Whether the host hears of this record. Who came and went while the host was slow was never there for it, so what follows until the next
   * join is nothing to it either.
   */
  #isEvent(reader: FactReader): boolean {
    const { kind } = reader
    if (kind === FACT.memberKnown) this.known.set(reader.row, knownAs(reader.status))
    if (this.#holdback.withholds(reader)) return false
    if (!reader.isMember) return kind !== FACT.struckOut
    const { row } = reader
    const known = this.known.of(row)
    if (isPictureOnly(kind)) return false
    if (known === 'nothing' && kind !== FACT.memberJoin) return false
    this.known.set(row, after(known, kind))
    return true
  }

  #hold(bytes: Uint8Array): void {
    for (const reader = new FactReader(bytes); !reader.atEnd; reader.next()) {
      if (reader.kind === FACT.memberKnown) this.known.set(reader.row, knownAs(reader.status))
      if (reader.kind === FACT.struckOut || this.#holdback.withholds(reader)) continue
      this.#order += 1
      const record = cut(bytes, reader)
      if (!reader.isMember || (this.#feed === 'whole' && !isPictureOnly(reader.kind))) this.#holdEvent(record)
      else this.#holdMember(reader, record, this.#order)
    }
  }

  #holdMember({ row, instance, kind }: FactReader, picture: Uint8Array, order: number): void {
    let waiting = this.#members.get(row)
    if (waiting === undefined || waiting.instance !== instance) {
      // What only the mirror shows is no event, and has gone to it.
      if (isPictureOnly(kind)) return
      if (waiting !== undefined && waiting.known !== 'nothing') this.#moved.push(waiting)
      const known = waiting === undefined ? this.known.of(row) : 'nothing'
      waiting = { row, instance, known, events: [], picture, order }
      this.#members.set(row, waiting)
    }
    if (!isPictureOnly(kind)) {
      const events = folded(waiting.known, [...waiting.events, kind])
      this.#folded += waiting.events.length + 1 - events.length
      waiting.events = events
    }
    waiting.picture = picture
    waiting.order = order
  }

  /** What waits one by one is folded after all. */
  #foldHeld(): void {
    const held = this.#events.slice(this.#droppedEvents)
    this.#events = []
    this.#droppedEvents = 0
    this.#eventBytes = 0
    for (const { record, order } of held) {
      const reader = new FactReader(record)
      if (reader.isMember) this.#holdMember(reader, record, order)
      else {
        this.#events.push({ record, order })
        this.#eventBytes += record.length
      }
    }
  }

  get #isOver(): boolean {
    const waiting = this.#events.length - this.#droppedEvents
    return waiting > MOST_EVENTS || (this.#eventBytes > MOST_EVENT_BYTES && waiting > 0)
  }

  #holdEvent(record: Uint8Array): void {
    this.#events.push({ record, order: this.#order })
    this.#eventBytes += record.length
    if (this.#feed === 'whole' && this.#isOver) this.#foldHeld()
    while (this.#isOver) {
      this.#eventBytes -= this.#events[this.#droppedEvents].record.length
      this.#droppedEvents += 1
      this.#lagged += 1
    }
    // Dropped events are let go of when they are as many as those that wait: so long they hold their bytes, which is the bound once more.
    if (this.#droppedEvents * 2 > this.#events.length) this.#cutDropped()
  }

  #cutDropped(): void {
    this.#events = this.#events.slice(this.#droppedEvents)
    this.#droppedEvents = 0
  }

  /** Sends all that waits as one delivery: pictures that the mirror has not got first, then the events in the order in which they happened. */
  #release(): void {
    const told = new Pack()
    let count = 0
    this.#cutDropped()
    const inOrder = [...this.#moved, ...this.#members.values(), ...this.#events]
    inOrder.sort((a, b) => a.order - b.order)
    for (const one of inOrder) {
      if ('record' in one) {
        if (this.#isHeldEvent(one.record)) {
          addTo(told, one.record)
          count += 1
        }
        continue
      }
      this.known.set(one.row, one.events.reduce(after, one.known))
      for (const [i, event] of one.events.entries()) {
        addTo(told, i === one.events.length - 1 ? retold(one.picture, event) : retoldAsOf(one.picture, event))
        count += 1
      }
    }
    this.#members.clear()
    this.#moved = []
    this.#events = []
    this.#eventBytes = 0
    this.#send([this.#mirror.rest(), told.take()], count > 0 ? [1, 0, count] : [])
  }

  /** Whether a record that waited one by one is still an event, now that those before it are told. */
  #isHeldEvent(record: Uint8Array): boolean {
    const reader = new FactReader(record)
    if (!reader.isMember) return true
    const known = this.known.of(reader.row)
    if (known === 'nothing' && reader.kind !== FACT.memberJoin) return false
    this.known.set(reader.row, after(known, reader.kind))
    return true
  }

  #send(buffers: Uint8Array[], runs: number[], fresh = 1): void {
    this.#sent += 1
    const [lagged, folded, notices] = [this.#lagged, this.#folded, this.#notices.take()]
    this.#lagged = 0
    this.#folded = 0
    const [number, through] = [this.#sent, this.#through]
    const told = this.waiting + this.#holdback.heldMembers === 0 ? 'all' : 'some'
    this.#news({ type: 'news', number, through, told, buffers, fresh, runs, lagged, folded, notices })
  }
}

/** One record by itself. Shared memory is kept by the view of the members for as long as they live: no copy is needed. */
function cut(bytes: Uint8Array, { at, length }: FactReader): Uint8Array {
  return bytes.buffer instanceof SharedArrayBuffer
    ? bytes.subarray(at, at + length)
    : bytes.slice(at, at + length)
}

/** Whether a member's record moves the mirror and is no event. */
function isPictureOnly(kind: number): boolean {
  return kind === FACT.memberChange || kind === FACT.memberKnown
}
