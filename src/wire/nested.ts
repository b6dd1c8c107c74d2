/**
 * What Serf writes into byte fields of messages: tags in a member's meta, the coordinate in an ack's payload, the filters of a query, and the
 * messages inside queries and their answers (protocol page 2, sections 2.5 to 2.12). Plain objects, as in `body.ts`.
 *
 * Nothing tells such bytes from a host's own, so they are shown as what they say only where that gives the very same bytes back; else they stay
 * bytes, and no decoding stops because of them.
 */
import {
  type Allowance,
  type Body,
  decodeBody,
  decodeList,
  decodeTable,
  encodeBody,
  encodeTable,
  isBody,
  type Text,
  textBytes,
  textOf,
  type Value,
  written,
  wrong,
} from './body.ts'
import { Malformed, Reader } from './msgpack.ts'
import { COORDINATE, SERF_SPECS, TAG_FILTER } from './specs.ts'
import { SERF } from './types.ts'

/** The kinds of bytes in which Serf writes something. */
export type Nested = 'tags' | 'coordinate' | 'filter' | 'serf'

/** First byte of meta that holds a table of tags. */
const TABLE = 255
/** The one version of an ack's payload. */
const COORDINATE_VERSION = 1
const FILTER = { names: 0, tag: 1 } as const
/** The messages that travel inside queries and their answers. */
const INSIDE = new Map<number, string>([
  [SERF.conflictResponse, 'conflictResponse'],
  [SERF.keyRequest, 'keyRequest'],
  [SERF.keyResponse, 'keyResponse'],
])
const OTHER = new Malformed('nothing that Serf writes here')

/** What the bytes say, or the bytes as they are. */
export function decodeNested(kind: Nested, bytes: Uint8Array, allowance: Allowance): Value {
  if (bytes.length === 0) return bytes
  // What is tried in vain costs nothing that is kept.
  const { values } = allowance
  try {
    const value = readNested(kind, bytes, allowance)
    if (isSame(encodeNested(kind, value), bytes)) return value
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
  }
  allowance.values = values
  return bytes
}

function readNested(kind: Nested, bytes: Uint8Array, allowance: Allowance): Value {
  const reader = new Reader().reset(bytes, 1)
  switch (kind) {
    case 'tags':
      if (bytes[0] !== TABLE) throw OTHER
      return decodeTable('text', reader, allowance)
    case 'coordinate':
      if (bytes[0] !== COORDINATE_VERSION) throw OTHER
      return { version: COORDINATE_VERSION, coordinate: decodeBody(COORDINATE, reader, allowance) }
    case 'filter':
      return readFilter(bytes[0], reader, allowance)
    case 'serf': {
      const name = INSIDE.get(bytes[0])
      if (name === undefined) throw OTHER
      return { type: 'message', name, fields: decodeBody(SERF_SPECS[name], reader, allowance) }
    }
  }
}

function readFilter(type: number, reader: Reader, allowance: Allowance): Value {
  if (type === FILTER.tag) return { tag: decodeBody(TAG_FILTER, reader, allowance) }
  if (type !== FILTER.names) throw OTHER
  const names = decodeList<Text>(reader, allowance, () => {
    allowance.values -= 1
    if (allowance.values < 0) throw OTHER
    reader.raw()
    return textOf(reader.rawBytes.subarray(reader.rawStart, reader.rawEnd))
  })
  return { names }
}

/** The bytes of what `decodeNested` gives. Throws InvalidArgument for anything else. */
export function encodeNested(kind: Nested, value: Value): Uint8Array {
  if (value instanceof Uint8Array) return value
  return written((writer) => {
    if (kind === 'tags') {
      writer.byte(TABLE)
      encodeTable('tags', 'text', value, writer)
      return
    }
    const body = isBody(value) ? value : {}
    if (kind === 'coordinate') {
      writer.byte(COORDINATE_VERSION)
      encodeBody(COORDINATE, recordIn(body, 'coordinate'), writer)
    } else if (kind === 'filter' && Array.isArray(body.names)) {
      writer.byte(FILTER.names)
      writer.array(body.names.length)
      for (const name of body.names) writer.raw(textBytes('names', name))
    } else if (kind === 'filter') {
      writer.byte(FILTER.tag)
      encodeBody(TAG_FILTER, recordIn(body, 'tag'), writer)
    } else {
      const [type] = [...INSIDE].find(([, name]) => name === body.name) ?? []
      if (type === undefined) throw wrong('name', body.name, [...INSIDE.values()].join(', '))
      writer.byte(type)
      encodeBody(SERF_SPECS[INSIDE.get(type) ?? ''], recordIn(body, 'fields'), writer)
    }
  })
}

function recordIn(body: Body, name: string): Body | null {
  const value = body[name]
  if (value === null || isBody(value)) return value
  throw wrong(name, value, 'a record or null')
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
