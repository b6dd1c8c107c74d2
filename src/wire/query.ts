/**
 * Queries, their answers and relays as they stand in messages (protocol page 2, sections 2.5, 2.6 and 2.10), and the conflict response,
 * which is an answer's payload. Readers leave the bytes where they are; writers give byte for byte what Serf 0.9.4 gives.
 */
import { key, Malformed, Reader, type Writer } from './msgpack.ts'
import { Fields, shape } from './record.ts'
import { decodeTags } from './tags.ts'
import { SERF } from './types.ts'

const EMPTY = new Uint8Array(0)
const READER = new Reader()
const LISTED = new Malformed('bytes as a list of numbers')
const NANOSECONDS = 1_000_000
const U8 = 0xff
const U16 = 0xffff
const U32 = 0xffff_ffff

/** Bits of a query's flags; an answer has the first of them alone. */
export const QUERY_FLAG = { ack: 1, noBroadcast: 2 } as const

/** A query: address, names and payload stand in `bytes`. */
export class QueryCursor {
  bytes: Uint8Array = EMPTY
  lamportTime = 0
  id = 0
  flags = 0
  port = 0
  relayFactor = 0
  /** Milliseconds. */
  timeout = 0
  addressStart = 0
  addressEnd = 0
  sourceStart = 0
  sourceEnd = 0
  nameStart = 0
  nameEnd = 0
  payloadStart = 0
  payloadEnd = 0
  /** The filters, as a list of byte strings; empty when there are none. */
  filtersStart = 0
  filtersEnd = 0
}

const WRITTEN = [
  'Addr',
  'Filters',
  'Flags',
  'ID',
  'LTime',
  'Name',
  'Payload',
  'Port',
  'RelayFactor',
  'SourceNode',
  'Timeout',
]
const DECLARED = [
  'LTime',
  'ID',
  'Addr',
  'Port',
  'SourceNode',
  'Filters',
  'Flags',
  'RelayFactor',
  'Timeout',
  'Name',
  'Payload',
]
const QUERY = new Fields(shape(WRITTEN, DECLARED))

/** Body of a query; false when malformed. */
export function readQuery(cursor: QueryCursor, bytes: Uint8Array, start: number, end: number): boolean {
  cursor.bytes = bytes
  cursor.lamportTime = cursor.id = cursor.flags = cursor.port = cursor.relayFactor = cursor.timeout = 0
  cursor.addressStart = cursor.addressEnd = cursor.sourceStart = cursor.sourceEnd = start
  cursor.nameStart = cursor.nameEnd = cursor.payloadStart = cursor.payloadEnd = start
  cursor.filtersStart = cursor.filtersEnd = start
  return attempt(bytes, start, end, (reader) => {
    QUERY.begin(reader)
    for (let field = QUERY.next(reader); field >= 0; field = QUERY.next(reader))
      queryField(cursor, field, reader)
  })
}

function queryField(cursor: QueryCursor, field: number, reader: Reader): void {
  switch (field) {
    case 0:
      raw(reader)
      cursor.addressStart = reader.rawStart
      cursor.addressEnd = reader.rawEnd
      return
    case 1:
      cursor.filtersStart = reader.at
      // It must be a list; what is in it is looked at where patterns may take their time.
      reader.array()
      reader.at = cursor.filtersStart
      reader.skip()
      cursor.filtersEnd = reader.at
      return
    case 5:
      raw(reader)
      cursor.nameStart = reader.rawStart
      cursor.nameEnd = reader.rawEnd
      return
    case 6:
      raw(reader)
      cursor.payloadStart = reader.rawStart
      cursor.payloadEnd = reader.rawEnd
      return
    case 9:
      raw(reader)
      cursor.sourceStart = reader.rawStart
      cursor.sourceEnd = reader.rawEnd
      return
    default:
      queryNumber(cursor, field, reader)
  }
}

function queryNumber(cursor: QueryCursor, field: number, reader: Reader): void {
  if (field === 2) cursor.flags = reader.uint(U32)
  else if (field === 3) cursor.id = reader.uint(U32)
  else if (field === 4) cursor.lamportTime = reader.lamport()
  else if (field === 7) cursor.port = reader.uint(U16)
  else if (field === 8) cursor.relayFactor = reader.uint(U8)
  else cursor.timeout = Number(reader.int64()) / NANOSECONDS
}

/** An answer to a query, or an ack: sender and payload stand in `bytes`. */
export class AnswerCursor {
  bytes: Uint8Array = EMPTY
  lamportTime = 0
  id = 0
  flags = 0
  fromStart = 0
  fromEnd = 0
  payloadStart = 0
  payloadEnd = 0
}

const ANSWER = new Fields(
  shape(['Flags', 'From', 'ID', 'LTime', 'Payload'], ['LTime', 'ID', 'From', 'Flags', 'Payload']),
)

/** Body of a query response; false when malformed. */
export function readAnswer(cursor: AnswerCursor, bytes: Uint8Array, start: number, end: number): boolean {
  cursor.bytes = bytes
  cursor.lamportTime = cursor.id = cursor.flags = 0
  cursor.fromStart = cursor.fromEnd = cursor.payloadStart = cursor.payloadEnd = start
  return attempt(bytes, start, end, (reader) => {
    ANSWER.begin(reader)
    for (let field = ANSWER.next(reader); field >= 0; field = ANSWER.next(reader))
      answerField(cursor, field, reader)
  })
}

function answerField(cursor: AnswerCursor, field: number, reader: Reader): void {
  if (field === 0) cursor.flags = reader.uint(U32)
  else if (field === 2) cursor.id = reader.uint(U32)
  else if (field === 3) cursor.lamportTime = reader.lamport()
  else {
    raw(reader)
    if (field === 1) {
      cursor.fromStart = reader.rawStart
      cursor.fromEnd = reader.rawEnd
    } else {
      cursor.payloadStart = reader.rawStart
      cursor.payloadEnd = reader.rawEnd
    }
  }
}

/** The header of a relay: where the message behind it goes. */
export class RelayCursor {
  bytes: Uint8Array = EMPTY
  port = 0
  addressStart = 0
  addressEnd = 0
  nameStart = 0
  nameEnd = 0
  /** Where the inner message begins; it ends with the packet. */
  innerStart = 0
}

const RELAY = new Fields(shape(['DestAddr', 'DestName']))
const DESTINATION = new Fields(shape(['IP', 'Port', 'Zone']))

/** Header of a relay; false when malformed. */
export function readRelay(cursor: RelayCursor, bytes: Uint8Array, start: number, end: number): boolean {
  cursor.bytes = bytes
  cursor.port = 0
  cursor.addressStart = cursor.addressEnd = cursor.nameStart = cursor.nameEnd = start
  return attempt(bytes, start, end, (reader) => {
    RELAY.begin(reader)
    for (let field = RELAY.next(reader); field >= 0; field = RELAY.next(reader)) {
      if (field === 0) readDestination(cursor, reader)
      else {
        raw(reader)
        cursor.nameStart = reader.rawStart
        cursor.nameEnd = reader.rawEnd
      }
    }
    cursor.innerStart = reader.at
  })
}

function readDestination(cursor: RelayCursor, reader: Reader): void {
  DESTINATION.begin(reader)
  for (let field = DESTINATION.next(reader); field >= 0; field = DESTINATION.next(reader)) {
    if (field === 1) cursor.port = reader.uint(U16)
    else {
      raw(reader)
      if (field !== 0) continue
      cursor.addressStart = reader.rawStart
      cursor.addressEnd = reader.rawEnd
    }
  }
}

const KEYS = WRITTEN.map(key)
const [ADDR, FILTERS, FLAGS, ID, LTIME, NAME, PAYLOAD, PORT, RELAY_FACTOR, SOURCE_NODE, TIMEOUT] = KEYS
const [FROM, DEST_ADDR, DEST_NAME, IP, ZONE] = ['From', 'DestAddr', 'DestName', 'IP', 'Zone'].map(key)

export interface QueryWords {
  lamportTime: number
  id: number
  /** 4 or 16 bytes. */
  address: Uint8Array
  port: number
  source: Uint8Array
  /** Encoded filters; null for «absent». */
  filters: readonly Uint8Array[] | null
  flags: number
  relayFactor: number
  /** Milliseconds. */
  timeout: number
  name: Uint8Array
  /** Null for «absent». */
  payload: Uint8Array | null
}

/** Writes a query, Serf's type byte in front. */
export function writeQuery(writer: Writer, query: QueryWords): void {
  writer.byte(SERF.query)
  writer.map(WRITTEN.length)
  writer.key(ADDR)
  writer.raw(query.address)
  writer.key(FILTERS)
  if (query.filters === null) writer.nil()
  else {
    writer.array(query.filters.length)
    for (const filter of query.filters) writer.raw(filter)
  }
  writer.key(FLAGS)
  writer.uint(query.flags)
  writer.key(ID)
  writer.uint(query.id)
  writer.key(LTIME)
  writer.uint(query.lamportTime)
  writer.key(NAME)
  writer.raw(query.name)
  writer.key(PAYLOAD)
  writer.raw(query.payload)
  writer.key(PORT)
  writer.uint(query.port)
  writer.key(RELAY_FACTOR)
  writer.uint(query.relayFactor)
  writer.key(SOURCE_NODE)
  writer.raw(query.source)
  writer.key(TIMEOUT)
  writer.uint(Math.round(query.timeout * NANOSECONDS))
}

export interface AnswerWords {
  lamportTime: number
  id: number
  flags: number
  from: Uint8Array
  /** Null for «absent», as in acks. */
  payload: Uint8Array | null
}

/** Writes a query response, Serf's type byte in front. */
export function writeAnswer(writer: Writer, answer: AnswerWords): void {
  writer.byte(SERF.queryResponse)
  writer.map(5)
  writer.key(FLAGS)
  writer.uint(answer.flags)
  writer.key(FROM)
  writer.raw(answer.from)
  writer.key(ID)
  writer.uint(answer.id)
  writer.key(LTIME)
  writer.uint(answer.lamportTime)
  writer.key(PAYLOAD)
  writer.raw(answer.payload)
}

/** Writes a relay of `inner`, a whole message of the Serf layer, Serf's type byte in front. */
export function writeRelay(
  writer: Writer,
  relay: { address: Uint8Array; port: number; name: Uint8Array; inner: Uint8Array },
): void {
  writer.byte(SERF.relay)
  writer.map(2)
  writer.key(DEST_ADDR)
  writer.map(3)
  writer.key(IP)
  writer.raw(relay.address)
  writer.key(PORT)
  writer.uint(relay.port)
  writer.key(ZONE)
  writer.raw(EMPTY)
  writer.key(DEST_NAME)
  writer.raw(relay.name)
  writer.append(relay.inner)
}

/** A member as the answer to a conflict query shows it. */
export interface MemberWords {
  address: Uint8Array
  port: number
  name: Uint8Array
  status: number
  /** Minimum, maximum and current of memberlist's protocol, then of Serf's. */
  versions: Uint8Array
  meta: Uint8Array
}

const CONFLICT = [
  'Addr',
  'DelegateCur',
  'DelegateMax',
  'DelegateMin',
  'Name',
  'Port',
  'ProtocolCur',
  'ProtocolMax',
  'ProtocolMin',
  'Status',
  'Tags',
].map(key)

/** Writes a conflict response, Serf's type byte in front; nil stands for a member that we do not know. */
export function writeConflict(writer: Writer, member: MemberWords | undefined): void {
  writer.byte(SERF.conflictResponse)
  if (member === undefined) {
    writer.nil()
    return
  }
  const { versions } = member
  writer.map(CONFLICT.length)
  const number = (at: number, value: number) => {
    writer.key(CONFLICT[at])
    writer.uint(value)
  }
  writer.key(CONFLICT[0])
  writer.raw(member.address)
  number(1, versions[5])
  number(2, versions[4])
  number(3, versions[3])
  writer.key(CONFLICT[4])
  writer.raw(member.name)
  number(5, member.port)
  number(6, versions[2])
  number(7, versions[1])
  number(8, versions[0])
  number(9, member.status)
  const tags = Object.entries(decodeTags(member.meta))
  writer.key(CONFLICT[10])
  writer.map(tags.length)
  for (const [name, value] of tags) {
    writer.text(name)
    writer.text(value)
  }
}

function raw(reader: Reader): void {
  reader.raw()
  // Go reads a list here too, but nothing that speaks this protocol writes one, and it would not stand in the message.
  if (reader.rawBytes !== reader.bytes) throw LISTED
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
