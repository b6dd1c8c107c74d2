/**
 * The ring of user events seen (protocol page 2, section 4.7): a slot per Lamport time modulo its length. It refuses what
 * was seen before, and it is the memory that a push/pull passes on to newcomers.
 *
 * The original scans a slot's list; many events with one Lamport time (a burst from many members, or a hostile one) would
 * make that quadratic, so a slot that grows gets an index by hash.
 */
import { equal } from '../actors/records.ts'

/** An event as it stands in a message: offsets into bytes that are ours. */
export interface SeenEvent {
  bytes: Uint8Array
  nameStart: number
  nameEnd: number
  payloadStart: number
  payloadEnd: number
  /** Whether the payload was nil on the wire, which is equal to an empty one but encoded differently. */
  payloadNil: boolean
}

interface Slot {
  lamportTime: number
  events: SeenEvent[]
  bytes: number
  index: Map<number, SeenEvent[]> | undefined
}

/** Slots longer than this are searched by hash. */
const SCANNED = 8
/** Events per slot on average that are kept at most; beyond, a new event is refused: only a flood gets there. */
const MOST_PER_SLOT = 64
/**
 * Bytes of events from which on none more comes beside others of its time, however few there are: the ring goes into every push/pull, whose state
 * peers take up to 20 MiB. With one of the longest events in each of 512 slots on top it stays below 13.
 */
const MOST_BYTES = 8 * 1024 * 1024

export type Novelty = 'new' | 'seen' | 'old' | 'full'

export class SeenEvents {
  readonly #length: number
  /** As long as the highest slot in use demands: most rings are never filled. */
  readonly #slots: (Slot | undefined)[] = []
  #held = 0
  #bytes = 0
  /** Events below this time are refused: raised by joins that ignore old events, and by snapshots. */
  minTime = 0

  constructor(length: number) {
    this.#length = length
  }

  get length(): number {
    return this.#length
  }

  /** Whether this event is to be delivered. `clock` is the event clock after it witnessed `lamportTime`. */
  novelty(lamportTime: number, clock: number, event: SeenEvent): Novelty {
    const { length } = this
    if (lamportTime < this.minTime) return 'old'
    if (clock > length && lamportTime < clock - length) return 'old'
    const slot = this.#slots[lamportTime % length]
    if (slot === undefined || slot.lamportTime !== lamportTime) return 'new'
    if (has(slot, event)) return 'seen'
    return this.#held >= MOST_PER_SLOT * length || this.#bytes >= MOST_BYTES ? 'full' : 'new'
  }

  /** Remembers a new event, whose bytes are kept as they are. A slot of another time makes room for it. */
  remember(lamportTime: number, event: SeenEvent): void {
    const { length } = this
    const slot = this.#slots[lamportTime % length]
    const bytes = event.bytes.length
    this.#held += 1
    this.#bytes += bytes
    if (slot !== undefined && slot.lamportTime === lamportTime) {
      slot.bytes += bytes
      addToSlot(slot, event)
      return
    }
    if (slot === undefined) {
      const place = lamportTime % length
      while (this.#slots.length < place) this.#slots.push(undefined)
      this.#slots[place] = { lamportTime, events: [event], bytes, index: undefined }
      return
    }
    // The slot itself stays: a flood would make two objects of garbage for each event.
    this.#held -= slot.events.length
    this.#bytes -= slot.bytes
    slot.bytes = bytes
    slot.lamportTime = lamportTime
    slot.events.length = 0
    slot.events.push(event)
    slot.index = undefined
  }

  /** All slots in ring order, as a push/pull sends them; empty ones are undefined. */
  get slots(): readonly (Readonly<Slot> | undefined)[] {
    return Array.from({ length: this.#length }, (_, place) => this.#slots[place])
  }
}

function has(slot: Slot, event: SeenEvent): boolean {
  const candidates = slot.index === undefined ? slot.events : (slot.index.get(hashOf(event)) ?? [])
  return candidates.some((known) => isSame(known, event))
}

function addToSlot(slot: Slot, event: SeenEvent): void {
  slot.events.push(event)
  if (slot.events.length <= SCANNED) return
  if (slot.index === undefined) {
    slot.index = new Map()
    for (const known of slot.events) addTo(slot.index, known)
  } else addTo(slot.index, event)
}

function addTo(index: Map<number, SeenEvent[]>, event: SeenEvent): void {
  const hash = hashOf(event)
  const same = index.get(hash)
  if (same === undefined) index.set(hash, [event])
  else same.push(event)
}

function isSame(a: SeenEvent, b: SeenEvent): boolean {
  return (
    equal(a.bytes, a.payloadStart, a.payloadEnd, b.bytes, b.payloadStart, b.payloadEnd) &&
    equal(a.bytes, a.nameStart, a.nameEnd, b.bytes, b.nameStart, b.nameEnd)
  )
}

function hashOf(event: SeenEvent): number {
  let hash = 0x811c9dc5
  for (let i = event.nameStart; i < event.nameEnd; i++) hash = Math.imul(hash ^ event.bytes[i], 0x01000193)
  hash = Math.imul(hash ^ 0xff, 0x01000193)
  for (let i = event.payloadStart; i < event.payloadEnd; i++)
    hash = Math.imul(hash ^ event.bytes[i], 0x01000193)
  return hash
}
