/**
 * Bodies of messages as plain objects, by table: for tests, tools and people. The actors read and write theirs with hand-made code that makes
 * no objects; both must agree on every recorded byte.
 */
import { key, type Reader, type Writer } from './msgpack.ts'
import { Fields, shape } from './record.ts'

/** A field's value: text, numbers (bigint beyond 2^53), bytes, null for «absent», lists and tables of these. */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | Value[]
  | { [name: string]: Value }
export type Body = { [name: string]: Value }

/** How a field is written. A list in brackets holds one kind; an object is a record of its own. */
export type Kind =
  | 'text'
  | 'bytes'
  | 'uint'
  | 'int'
  | 'bool'
  | 'float'
  | 'texts-by-text'
  | 'times-by-text'
  | [Kind]
  | Spec

/** Fields in the order in which they are written; those in `omitted` are left out when zero or empty. */
export interface Spec {
  fields: Readonly<Record<string, Kind>>
  omitted?: readonly string[]
}

const UTF8 = new TextDecoder()

/** Reads a record; null stands for nil. Throws Malformed. */
export function decodeBody(spec: Spec, reader: Reader): Body | null {
  if (reader.bytes[reader.at] === 0xc0) {
    reader.skip()
    return null
  }
  const names = Object.keys(spec.fields)
  const fields = new Fields(shape(names))
  const body: Body = {}
  fields.begin(reader)
  for (let field = fields.next(reader); field >= 0; field = fields.next(reader)) {
    body[names[field]] = decodeValue(spec.fields[names[field]], reader)
  }
  return body
}

/** Writes a record; fields that are missing and may be left out are. */
export function encodeBody(spec: Spec, body: Body | null, writer: Writer): void {
  if (body === null) {
    writer.nil()
    return
  }
  const names = Object.keys(spec.fields).filter((name) => name in body || !spec.omitted?.includes(name))
  writer.map(names.length)
  for (const name of names) {
    writer.key(key(name))
    encodeValue(spec.fields[name], body[name] ?? null, writer)
  }
}

function decodeValue(kind: Kind, reader: Reader): Value {
  if (Array.isArray(kind)) return decodeList(kind[0], reader)
  if (typeof kind === 'object') return decodeBody(kind, reader)
  switch (kind) {
    case 'text':
      return text(reader)
    case 'bytes':
      return bytes(reader)
    case 'uint':
      return reader.u64()
    case 'int':
      return reader.int64()
    case 'bool':
      return reader.bool()
    case 'float':
      return reader.float()
    case 'texts-by-text':
      return decodeTable(reader, () => text(reader))
    case 'times-by-text':
      return decodeTable(reader, () => reader.u64())
  }
}

function decodeList(kind: Kind, reader: Reader): Value {
  if (reader.bytes[reader.at] === 0xc0) {
    reader.skip()
    return null
  }
  const list: Value[] = []
  for (let left = reader.array(); left > 0; left--) list.push(decodeValue(kind, reader))
  return list
}

function decodeTable(reader: Reader, value: () => Value): Body {
  const table: Body = Object.create(null)
  for (let left = reader.map(); left > 0; left--) {
    const name = text(reader)
    table[name] = value()
  }
  return table
}

function text(reader: Reader): string {
  reader.raw()
  return UTF8.decode(reader.rawBytes.subarray(reader.rawStart, reader.rawEnd))
}

function bytes(reader: Reader): Uint8Array | null {
  reader.raw()
  return reader.rawNil ? null : reader.rawBytes.slice(reader.rawStart, reader.rawEnd)
}

function encodeValue(kind: Kind, value: Value, writer: Writer): void {
  if (Array.isArray(kind)) encodeList(kind[0], value, writer)
  else if (typeof kind === 'object') encodeBody(kind, isBody(value) ? value : null, writer)
  else if (value === null) writer.nil()
  else if (typeof value === 'string') writer.text(value)
  else if (value instanceof Uint8Array) writer.raw(value)
  else if (typeof value === 'boolean') writer.bool(value)
  else if (kind === 'float') writer.float(Number(value))
  else if (isBody(value)) encodeTable(value, writer)
  else if (typeof value === 'number' || typeof value === 'bigint') writer.uint(value)
}

function encodeList(kind: Kind, value: Value, writer: Writer): void {
  if (!Array.isArray(value)) {
    writer.nil()
    return
  }
  writer.array(value.length)
  for (const item of value) encodeValue(kind, item, writer)
}

function encodeTable(table: Body, writer: Writer): void {
  const entries = Object.entries(table)
  writer.map(entries.length)
  for (const [name, value] of entries) {
    writer.text(name)
    if (typeof value === 'string') writer.text(value)
    else if (typeof value === 'number' || typeof value === 'bigint') writer.uint(value)
  }
}

function isBody(value: Value): value is Body {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  )
}
