/**
 * Delivery to the host, with credit. While the host takes news, buffers go on to it as they came, without a look at single events.
 * While it does not, what happens is folded here: a slow host costs the host, never the pool, and it is told what it missed.
 *
 *     credit left     facts -> news, unchanged; only what ends a member that the host never heard of is no event
 *     no credit       members: events per row, folded; the last picture for the mirror
 *                     user events: kept up to a bound, then the oldest are dropped and counted
 */
import { FACT, FactReader, STATUS } from '../actors/facts.ts'
import type { News } from '../actors/mail.ts'
import type { Notice } from '../actors/notices.ts'
import { Pack } from '../actors/packed.ts'
import { after, folded, type Known, knownAs } from './fold.ts'

/** News that may be on their way to the host. */
const MOST_UNTAKEN = 8
/** User events that wait for a slow host; beyond it the oldest are dropped and counted. */
const MOST_EVENTS = 65_536
/** Notices that wait for a slow host; beyond it the oldest are dropped. They are limited where they arise. */
const MOST_NOTICES = 256
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

export class Delivery {
  readonly #news: (news: News) => void
  readonly #withholds: (record: FactReader) => boolean
  /** What the host thinks of each row, by the events that were sent to it. */
  readonly #known: (Known | undefined)[] = []
  readonly #members = new Map<number, WaitingMember>()
  /** Members that the host knows and whose row is another's by now: at most one a row, since the host knows none that came after. */
  #moved: WaitingMember[] = []
  #events: WaitingEvent[] = []
  /** Events of the list that are already dropped: they are cut off when it is rebuilt. */
  #droppedEvents = 0
  #eventBytes = 0
  #lagged = 0
  #notices: Notice[] = []
  #order = 0
  #sent = 0
  #taken = 0
  #through = 0

  /** `withholds` says which records are no events yet: somebody keeps them back and brings them later, by `events`. */
  constructor(news: (news: News) => void, withholds: (record: FactReader) => boolean = () => false) {
    this.#news = news
    this.#withholds = withholds
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
    if (this.isFlowing) this.#passOn(bytes)
    else {
      this.#hold(bytes)
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
    this.#notices.push(notice)
    if (this.#notices.length > MOST_NOTICES) this.#notices.shift()
    if (this.isFlowing) this.#send([new Uint8Array(0)], [])
  }

  /** The host has handled news up to this number. */
  taken(number: number): void {
    this.#taken = Math.max(this.#taken, Math.min(number, this.#sent))
    if (this.untaken >= MOST_UNTAKEN) return
    if (this.waiting > 0) this.#release()
    else if (this.#notices.length > 0) this.#send([new Uint8Array(0)], [])
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
    if (kind === FACT.memberKnown) this.#known[reader.row] = knownAs(reader.status)
    if (this.#withholds(reader)) return false
    if (!reader.isMember) return kind !== FACT.struckOut
    const { row } = reader
    const known = this.#known[row] ?? 'nothing'
    if (kind === FACT.memberChange || kind === FACT.memberKnown) return false
    if (known === 'nothing' && kind !== FACT.memberJoin) return false
    this.#known[row] = after(known, kind)
    return true
  }

  #hold(bytes: Uint8Array): void {
    for (const reader = new FactReader(bytes); !reader.atEnd; reader.next()) {
      if (reader.kind === FACT.struckOut) continue
      if (reader.kind === FACT.memberKnown) this.#known[reader.row] = knownAs(reader.status)
      this.#order += 1
      const record = bytes.slice(reader.at, reader.at + reader.length)
      if (this.#withholds(reader)) this.#holdPicture(reader, record)
      else if (reader.isMember) this.#holdMember(reader, reader.kind, record)
      else this.#holdEvent(record)
    }
  }

  /** Of what is kept back elsewhere the mirror still gets its picture. */
  #holdPicture(reader: FactReader, picture: Uint8Array): void {
    if (reader.isMember) this.#holdMember(reader, FACT.memberChange, picture)
  }

  #holdMember({ row, instance }: FactReader, kind: number, picture: Uint8Array): void {
    let waiting = this.#members.get(row)
    if (waiting === undefined || waiting.instance !== instance) {
      if (waiting !== undefined && waiting.known !== 'nothing') this.#moved.push(waiting)
      const known = waiting === undefined ? (this.#known[row] ?? 'nothing') : 'nothing'
      waiting = { row, instance, known, events: [], picture, order: this.#order }
      this.#members.set(row, waiting)
    }
    waiting.events = kept(waiting.known, waiting.events, kind)
    waiting.picture = picture
    waiting.order = this.#order
  }

  #holdEvent(record: Uint8Array): void {
    this.#events.push({ record, order: this.#order })
    this.#eventBytes += record.length
    while (
      this.#events.length - this.#droppedEvents > MOST_EVENTS ||
      (this.#eventBytes > MOST_EVENT_BYTES && this.#droppedEvents < this.#events.length)
    ) {
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

  /** Sends all that waits as one delivery: pictures for the mirror first, then the events in the order in which they happened. */
  #release(): void {
    const mirror = new Pack()
    const told = new Pack()
    let count = 0
    this.#cutDropped()
    const inOrder = [...this.#moved, ...this.#members.values(), ...this.#events]
    inOrder.sort((a, b) => a.order - b.order)
    for (const one of inOrder) {
      if ('record' in one) {
        addTo(told, one.record)
        count += 1
        continue
      }
      addTo(mirror, one.picture)
      const events = folded(one.known, one.events)
      this.#known[one.row] = events.reduce(after, one.known)
      for (const [i, event] of events.entries()) {
        addTo(told, i === events.length - 1 ? retold(one.picture, event) : retoldAsOf(one.picture, event))
        count += 1
      }
    }
    this.#members.clear()
    this.#moved = []
    this.#events = []
    this.#eventBytes = 0
    this.#send([mirror.take(), told.take()], count > 0 ? [1, 0, count] : [])
  }

  #send(buffers: Uint8Array[], runs: number[], fresh = 1): void {
    this.#sent += 1
    const lagged = this.#lagged
    this.#lagged = 0
    const notices = this.#notices
    this.#notices = []
    const [number, through] = [this.#sent, this.#through]
    this.#news({ type: 'news', number, through, buffers, fresh, runs, lagged, notices })
  }
}

/** Offsets in a member's record. */
const KIND = 4
const STATUS_AT = 5

/** The picture as the record of an event. */
export function retold(picture: Uint8Array, event: number): Uint8Array {
  const record = picture.slice()
  record[KIND] = event
  return record
}

/** The same for an event that is not the last: the picture is from the end, where the status is another again. */
export function retoldAsOf(picture: Uint8Array, event: number): Uint8Array {
  const record = retold(picture, event)
  if (event === FACT.memberJoin) record[STATUS_AT] = STATUS.alive
  else if (event === FACT.memberFailed) record[STATUS_AT] = STATUS.failed
  else if (event === FACT.memberLeave) record[STATUS_AT] = STATUS.left
  return record
}

export function addTo(pack: Pack, record: Uint8Array): void {
  const at = pack.claim(record.length)
  pack.bytes.set(record, at)
}

/** The events of a row so far and one more, folded at once so that a flapping member cannot fill the memory. */
function kept(known: Known, events: readonly number[], kind: number): number[] {
  return kind === FACT.memberChange || kind === FACT.memberKnown
    ? [...events]
    : folded(known, [...events, kind])
}
