/**
 * The record of a query among the facts. Its head is that of a user event, so that readers who want name, Lamport time and payload need
 * not care which of the two it is; the query's own fields stand between name and payload:
 *
 *     id u32, flags u32, filters length u32, timeout f64, port u16, source length u16, relay factor u8, address length u8,
 *     address, source, filters
 */
import type { QueryCursor } from '../wire/query.ts'
import { FACT, type FactReader } from './facts.ts'
import { copy, type Pack } from './packed.ts'

const HEAD = 20
const FIXED = 26
const NAME_LENGTH = 6
const PAYLOAD_LENGTH = 8
const LAMPORT_TIME = 12
/** Offsets behind the name. */
const FIELD = {
  id: 0,
  flags: 4,
  filtersLength: 8,
  timeout: 12,
  port: 20,
  sourceLength: 22,
  relayFactor: 24,
  addressLength: 25,
} as const

/** Longest name of a query or of its origin that is read: what fits the lengths of this record. */
export const LONGEST_TEXT = 0xffff

/** Packs a query whose names, filters and payload stand in the cursor's bytes. */
export function packQuery(pack: Pack, query: QueryCursor): void {
  const nameLength = query.nameEnd - query.nameStart
  const addressLength = query.addressEnd - query.addressStart
  const sourceLength = query.sourceEnd - query.sourceStart
  const filtersLength = query.filtersEnd - query.filtersStart
  const payloadLength = query.payloadEnd - query.payloadStart
  const length = HEAD + nameLength + FIXED + addressLength + sourceLength + filtersLength + payloadLength
  const at = pack.claim(length)
  const { view, bytes } = pack
  view.setUint32(at, length, true)
  bytes[at + 4] = FACT.query
  bytes[at + 5] = 0
  view.setUint16(at + NAME_LENGTH, nameLength, true)
  view.setUint32(at + PAYLOAD_LENGTH, payloadLength, true)
  view.setFloat64(at + LAMPORT_TIME, query.lamportTime, true)
  copy(bytes, at + HEAD, query.bytes, query.nameStart, query.nameEnd)
  const fields = at + HEAD + nameLength
  view.setUint32(fields + FIELD.id, query.id, true)
  view.setUint32(fields + FIELD.flags, query.flags, true)
  view.setUint32(fields + FIELD.filtersLength, filtersLength, true)
  view.setFloat64(fields + FIELD.timeout, query.timeout, true)
  view.setUint16(fields + FIELD.port, query.port, true)
  view.setUint16(fields + FIELD.sourceLength, sourceLength, true)
  bytes[fields + FIELD.relayFactor] = query.relayFactor
  bytes[fields + FIELD.addressLength] = addressLength
  let to = fields + FIXED
  copy(bytes, to, query.bytes, query.addressStart, query.addressEnd)
  to += addressLength
  copy(bytes, to, query.bytes, query.sourceStart, query.sourceEnd)
  to += sourceLength
  copy(bytes, to, query.bytes, query.filtersStart, query.filtersEnd)
  to += filtersLength
  copy(bytes, to, query.bytes, query.payloadStart, query.payloadEnd)
}

/** A query out of its record. Byte fields are copies of the reader's own. */
export interface QueryRecord {
  lamportTime: number
  id: number
  flags: number
  /** How long its origin waits, in milliseconds from when it was heard. */
  timeout: number
  port: number
  relayFactor: number
  address: Uint8Array
  source: Uint8Array
  /** The filters as they came; empty for none. */
  filters: Uint8Array
  name: Uint8Array
  payload: Uint8Array
}

/** The query in the record at which the reader stands. */
export function queryOf(reader: FactReader): QueryRecord {
  const { bytes, at, eventName, payload, lamportTime } = reader
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const fields = at + HEAD + eventName.length
  const address = fields + FIXED
  const source = address + bytes[fields + FIELD.addressLength]
  const filters = source + view.getUint16(fields + FIELD.sourceLength, true)
  const filtersEnd = filters + view.getUint32(fields + FIELD.filtersLength, true)
  return {
    lamportTime,
    id: view.getUint32(fields + FIELD.id, true),
    flags: view.getUint32(fields + FIELD.flags, true),
    timeout: view.getFloat64(fields + FIELD.timeout, true),
    port: view.getUint16(fields + FIELD.port, true),
    relayFactor: bytes[fields + FIELD.relayFactor],
    address: bytes.slice(address, source),
    source: bytes.slice(source, filters),
    filters: bytes.slice(filters, filtersEnd),
    name: eventName.slice(),
    payload: payload.slice(),
  }
}

/** Makes the record at which the reader stands one that nobody hears of. Its bytes must be the caller's. */
export function strikeOut(reader: FactReader): void {
  reader.bytes[reader.at + 4] = FACT.struckOut
}
