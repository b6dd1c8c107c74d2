/**
 * Serf's messages inside memberlist's: intents, user events, tags, and the user state of a push/pull (protocol page 2, section
 * 2). Queries, answers and relays: `query.ts`; what stands inside them: `keys.ts`.
 */
import { key, Malformed, Reader, type Writer } from './msgpack.ts'
import { Fields, shape } from './record.ts'
import { SERF } from './types.ts'

const EMPTY = new Uint8Array(0)
const READER = new Reader()

/** A leave or join intent: the name stands in `bytes`. */
export class IntentCursor {
  bytes: Uint8Array = EMPTY
  lamportTime = 0
  nodeStart = 0
  nodeEnd = 0
  /** Leave only: erase the member at once. */
  prune = false
}

const INTENT = new Fields(shape(['LTime', 'Node', 'Prune']))

/** Body of a leave or join; false when malformed. */
export function readIntent(intent: IntentCursor, bytes: Uint8Array, start: number, end: number): boolean {
  intent.bytes = bytes
  intent.lamportTime = 0
  intent.nodeStart = intent.nodeEnd = start
  intent.prune = false
  return attempt(bytes, start, end, (reader) => {
    INTENT.begin(reader)
    for (let field = INTENT.next(reader); field >= 0; field = INTENT.next(reader)) {
      if (field === 0) intent.lamportTime = reader.lamport()
      else if (field === 2) intent.prune = reader.bool()
      else {
        reader.raw()
        intent.bytes = reader.rawBytes
        intent.nodeStart = reader.rawStart
        intent.nodeEnd = reader.rawEnd
      }
    }
  })
}

/** A user event: name and payload stand in `bytes`. */
export class UserEventCursor {
  bytes: Uint8Array = EMPTY
  lamportTime = 0
  coalesce = false
  nameStart = 0
  nameEnd = 0
  payloadStart = 0
  payloadEnd = 0
  /** Whether the payload was absent rather than empty. */
  payloadNil = true
}

const EVENT = new Fields(shape(['CC', 'LTime', 'Name', 'Payload'], ['LTime', 'Name', 'Payload', 'CC']))
const LISTED = new Malformed('a payload as a list of numbers')

/** Body of a user event; false when malformed. */
export function readUserEvent(
  cursor: UserEventCursor,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  cursor.bytes = bytes
  cursor.lamportTime = 0
  cursor.coalesce = false
  cursor.nameStart = cursor.nameEnd = start
  cursor.payloadStart = cursor.payloadEnd = start
  cursor.payloadNil = true
  try {
    const reader = READER.reset(bytes, start, end)
    EVENT.begin(reader)
    for (let field = EVENT.next(reader); field >= 0; field = EVENT.next(reader))
      eventField(cursor, field, reader)
    return true
  } catch (error) {
    if (error instanceof Malformed) return false
    throw error
  }
}

function eventField(cursor: UserEventCursor, field: number, reader: Reader): void {
  if (field === 0) cursor.coalesce = reader.bool()
  else if (field === 1) cursor.lamportTime = reader.lamport()
  else {
    reader.raw()
    // Go reads a list here too, but nothing that speaks this protocol writes one, and it would not stand in the message.
    if (reader.rawBytes !== reader.bytes) throw LISTED
    if (field === 2) {
      cursor.nameStart = reader.rawStart
      cursor.nameEnd = reader.rawEnd
    } else {
      cursor.payloadStart = reader.rawStart
      cursor.payloadEnd = reader.rawEnd
      cursor.payloadNil = reader.rawNil
    }
  }
}

const [CC, EVENT_LTIME, EVENTS, LTIME, LEFT_MEMBERS, NAME, NODE, PAYLOAD, PRUNE, QUERY_LTIME, STATUS_LTIMES] =
  [
    'CC',
    'EventLTime',
    'Events',
    'LTime',
    'LeftMembers',
    'Name',
    'Node',
    'Payload',
    'Prune',
    'QueryLTime',
    'StatusLTimes',
  ].map(key)

/** Writes a leave, Serf's type byte in front. */
export function writeLeave(
  writer: Writer,
  leave: { lamportTime: number; name: Uint8Array; prune: boolean },
): void {
  writer.byte(SERF.leave)
  writer.map(3)
  writeIntent(writer, leave)
  writer.key(PRUNE)
  writer.bool(leave.prune)
}

/** Writes a join, Serf's type byte in front. */
export function writeJoin(writer: Writer, join: { lamportTime: number; name: Uint8Array }): void {
  writer.byte(SERF.join)
  writer.map(2)
  writeIntent(writer, join)
}

function writeIntent(writer: Writer, intent: { lamportTime: number; name: Uint8Array }): void {
  writer.key(LTIME)
  writer.uint(intent.lamportTime)
  writer.key(NODE)
  writer.raw(intent.name)
}

/** Writes a user event, Serf's type byte in front. A null payload is «absent». */
export function writeUserEvent(
  writer: Writer,
  event: { lamportTime: number; name: Uint8Array; payload: Uint8Array | null; coalesce: boolean },
): void {
  writer.byte(SERF.userEvent)
  writer.map(4)
  writer.key(CC)
  writer.bool(event.coalesce)
  writer.key(LTIME)
  writer.uint(event.lamportTime)
  writer.key(NAME)
  writer.raw(event.name)
  writer.key(PAYLOAD)
  writer.raw(event.payload)
}

/** Where the parts of a push/pull's user state stand: offsets of first items, -1 when absent. Times beyond 2^53 are `Infinity`. */
export interface StateIndex {
  lamportTime: number
  eventTime: number
  queryTime: number
  leftAt: number
  leftCount: number
  statusAt: number
  statusCount: number
  eventsAt: number
  eventsCount: number
}

const USER_STATE = new Fields(
  shape(
    ['EventLTime', 'Events', 'LTime', 'LeftMembers', 'QueryLTime', 'StatusLTimes'],
    ['LTime', 'StatusLTimes', 'LeftMembers', 'EventLTime', 'Events', 'QueryLTime'],
  ),
)

/**
 * Finds the parts of a user state whose body begins at `start` in one pass that reads nothing but lengths, so that they can be
 * merged in their own order. Undefined when malformed.
 */
export function indexPushPullState(bytes: Uint8Array, start: number, end: number): StateIndex | undefined {
  const index: StateIndex = {
    lamportTime: 0,
    eventTime: 0,
    queryTime: 0,
    leftAt: -1,
    leftCount: 0,
    statusAt: -1,
    statusCount: 0,
    eventsAt: -1,
    eventsCount: 0,
  }
  const isWhole = attempt(bytes, start, end, (reader) => {
    USER_STATE.begin(reader)
    for (let field = USER_STATE.next(reader); field >= 0; field = USER_STATE.next(reader))
      stateField(index, field, reader)
  })
  READER.release()
  return isWhole ? index : undefined
}

function stateField(index: StateIndex, field: number, reader: Reader): void {
  if (field === 0) index.eventTime = reader.lamportOrEndless()
  else if (field === 2) index.lamportTime = reader.lamportOrEndless()
  else if (field === 4) index.queryTime = reader.lamportOrEndless()
  else if (field === 1) {
    index.eventsCount = reader.array()
    index.eventsAt = reader.at
    skipMany(reader, index.eventsCount)
  } else if (field === 3) {
    index.leftCount = reader.array()
    index.leftAt = reader.at
    skipMany(reader, index.leftCount)
  } else {
    index.statusCount = Math.max(0, reader.map())
    index.statusAt = reader.at
    skipMany(reader, 2 * index.statusCount)
  }
}

function skipMany(reader: Reader, count: number): void {
  for (let i = 0; i < count; i++) reader.skip()
}

const SLOT = new Fields(shape(['Events', 'LTime'], ['LTime', 'Events']))
const SLOT_EVENT = new Fields(shape(['Name', 'Payload']))

/** What `eachSlotEvent` gives of an event: offsets into the reader's bytes. */
export type SlotEventVisit = (
  lamportTime: number,
  nameStart: number,
  nameEnd: number,
  payloadStart: number,
  payloadEnd: number,
  payloadNil: boolean,
) => void

/** Reads one slot of the ring and visits its events; an empty slot has none. Throws Malformed. */
export function eachSlotEvent(reader: Reader, visit: SlotEventVisit): void {
  let lamportTime = 0
  let eventsAt = -1
  let count = 0
  SLOT.begin(reader)
  for (let field = SLOT.next(reader); field >= 0; field = SLOT.next(reader)) {
    if (field === 1) lamportTime = reader.lamportOrEndless()
    else {
      count = reader.array()
      eventsAt = reader.at
      skipMany(reader, count)
    }
  }
  const behind = reader.at
  if (count > 0) reader.at = eventsAt
  for (let i = 0; i < count; i++) slotEvent(reader, lamportTime, visit)
  reader.at = behind
}

function slotEvent(reader: Reader, lamportTime: number, visit: SlotEventVisit): void {
  // A field may be missing. It is empty then, and stands here: what is kept of the event reaches from its name to its payload.
  const { at } = reader
  const name = { start: at, end: at }
  const payload = { start: at, end: at, isNil: true }
  SLOT_EVENT.begin(reader)
  for (let field = SLOT_EVENT.next(reader); field >= 0; field = SLOT_EVENT.next(reader)) {
    reader.raw()
    if (reader.rawBytes !== reader.bytes) throw LISTED
    const place = field === 0 ? name : payload
    place.start = reader.rawStart
    place.end = reader.rawEnd
    if (field === 1) payload.isNil = reader.rawNil
  }
  visit(lamportTime, name.start, name.end, payload.start, payload.end, payload.isNil)
}

export interface EventSlot {
  lamportTime: number
  events: readonly { name: Uint8Array; payload: Uint8Array | null }[]
}

export interface PushPullState {
  lamportTime: number
  eventTime: number
  queryTime: number
  /** Names of members that left. */
  left: readonly Uint8Array[]
  /** Every known member's status time. */
  statuses: { count: number; each(visit: (name: Uint8Array, lamportTime: number) => void): void }
  /** The ring, an undefined item for an empty slot. */
  slots: readonly (EventSlot | undefined)[]
}

/** Writes the user state of a push/pull, Serf's type byte in front. */
export function writePushPullState(writer: Writer, state: PushPullState): void {
  writer.byte(SERF.pushPull)
  writer.map(6)
  writer.key(EVENT_LTIME)
  writer.uint(state.eventTime)
  writer.key(EVENTS)
  writer.array(state.slots.length)
  for (const slot of state.slots) writeSlot(writer, slot)
  writer.key(LTIME)
  writer.uint(state.lamportTime)
  writer.key(LEFT_MEMBERS)
  writer.array(state.left.length)
  for (const name of state.left) writer.raw(name)
  writer.key(QUERY_LTIME)
  writer.uint(state.queryTime)
  writer.key(STATUS_LTIMES)
  writer.map(state.statuses.count)
  state.statuses.each((name, lamportTime) => {
    writer.raw(name)
    writer.uint(lamportTime)
  })
}

function writeSlot(writer: Writer, slot: EventSlot | undefined): void {
  if (slot === undefined) {
    writer.nil()
    return
  }
  writer.map(2)
  writer.key(EVENTS)
  writer.array(slot.events.length)
  for (const { name, payload } of slot.events) {
    writer.map(2)
    writer.key(NAME)
    writer.raw(name)
    writer.key(PAYLOAD)
    writer.raw(payload)
  }
  writer.key(LTIME)
  writer.uint(slot.lamportTime)
}

function attempt(bytes: Uint8Array, start: number, end: number, read: (reader: Reader) => void): boolean {
  try {
    read(READER.reset(bytes, start, end))
    return true
  } catch (error) {
    if (error instanceof Malformed) return false
    throw error
  }
}

export { decodeTags, encodeTags } from './tags.ts'
