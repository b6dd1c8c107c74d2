/**
 * Bodies of messages as plain objects, by table: for tests, tools and people. The actors read and write theirs with hand-made code that makes
 * no objects; both must agree on every recorded byte.
 *
 * Nothing is lost that Go can write: nil is null and empty is empty, numbers beyond 2^53 are bigints, text that is not UTF-8 stays bytes, and
 * tables are Maps in the order of the wire, so that no name in them means anything to JavaScript.
 */
import { InvalidArgument } from '../errors/errors.ts'
import { key, Malformed, type Reader, Writer } from './msgpack.ts'
import { decodeNested, encodeNested, type Nested } from './nested.ts'
import { Fields, type Shape, shape } from './record.ts'

/** Text of a name or a tag; bytes where it is not UTF-8. */
export type Text = string | Uint8Array

/** A field's value: text, numbers (bigint beyond 2^53), bytes, null for nil, lists, tables and records. */
export type Value = Text | number | bigint | boolean | null | Value[] | Table | Body
export type Table = Map<Text, Value>
export type Body = { [name: string]: Value }

/**
 * How a field is written. A list in brackets holds one kind; an object is a record of its own. `tags`, `coordinate`, `filter` and `serf` are
 * bytes in which Serf writes something of its own.
 */
export type Kind =
  | 'text'
  | 'bytes'
  | 'u8'
  | 'u16'
  | 'u32'
  | 'u64'
  | 'i64'
  | 'bool'
  | 'float'
  | 'texts-by-text'
  | 'times-by-text'
  | Nested
  | [Kind]
  | Spec

/** Fields in the order in which they are written, and in that of the array form where it is another. */
export interface Spec {
  fields: Readonly<Record<string, Kind>>
  declared?: readonly string[]
}

/** What a decoding may still use up. Values cost memory that bytes on the wire need not have cost: one byte makes an object. */
export interface Allowance {
  values: number
  /** Whether bytes in which Serf writes something are shown as what they say. */
  payloads: 'serf' | 'bytes'
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const TOO_MANY = new Malformed('more values than may be unfolded')
const SIGNED = new Malformed('a number out of range')
const LARGEST = { u8: 0xff, u16: 0xffff, u32: 0xffff_ffff } as const
const MOST_I64 = 2n ** 63n - 1n
const NIL = 0xc0

interface Prepared {
  names: string[]
  kinds: Kind[]
  keys: Uint8Array[]
  shape: Shape
}
const prepared = new WeakMap<Spec, Prepared>()

function prepare(spec: Spec): Prepared {
  const known = prepared.get(spec)
  if (known !== undefined) return known
  const names = Object.keys(spec.fields)
  const table = {
    names,
    kinds: Object.values(spec.fields),
    keys: names.map(key),
    shape: shape(names, spec.declared),
  }
  prepared.set(spec, table)
  return table
}

/** Reads a record into `body`, which holds what was read even when the rest is malformed; null stands for nil. Throws Malformed. */
export function decodeBody(spec: Spec, reader: Reader, allowance: Allowance, body: Body = {}): Body | null {
  spend(allowance)
  if (takeNil(reader)) return null
  const { names, kinds, shape } = prepare(spec)
  const fields = new Fields(shape)
  fields.begin(reader)
  for (let field = fields.next(reader); field >= 0; field = fields.next(reader)) {
    body[names[field]] = decodeValue(kinds[field], reader, allowance)
  }
  return body
}

function takeNil(reader: Reader): boolean {
  if (reader.at >= reader.end || reader.bytes[reader.at] !== NIL) return false
  reader.at += 1
  return true
}

function spend(allowance: Allowance): void {
  allowance.values -= 1
  if (allowance.values < 0) throw TOO_MANY
}

function decodeValue(kind: Kind, reader: Reader, allowance: Allowance): Value {
  if (takeNil(reader)) {
    spend(allowance)
    return null
  }
  if (Array.isArray(kind)) return decodeList(reader, allowance, () => decodeValue(kind[0], reader, allowance))
  if (typeof kind === 'object') return decodeBody(kind, reader, allowance)
  spend(allowance)
  switch (kind) {
    case 'text':
      return text(reader)
    case 'bytes':
      return bytes(reader)
    case 'u64':
      return reader.u64()
    case 'i64':
      return int64(reader)
    case 'bool':
      return reader.bool()
    case 'float':
      return reader.float()
    case 'texts-by-text':
      return decodeTable('text', reader, allowance)
    case 'times-by-text':
      return decodeTable('u64', reader, allowance)
    case 'u8':
    case 'u16':
    case 'u32':
      return reader.uint(LARGEST[kind])
    default: {
      const raw = bytes(reader)
      return allowance.payloads === 'serf' ? decodeNested(kind, raw, allowance) : raw
    }
  }
}

/** A list of anything. */
export function decodeList<Item>(reader: Reader, allowance: Allowance, item: () => Item): Item[] {
  spend(allowance)
  const list: Item[] = []
  for (let left = reader.array(); left > 0; left--) list.push(item())
  return list
}

/** A table by text. A name that comes twice has the last of its values. */
export function decodeTable(kind: 'text' | 'u64', reader: Reader, allowance: Allowance): Table {
  const table: Table = new Map()
  const count = reader.map()
  if (count < 0) throw new Malformed('a list where a table must be')
  for (let left = count; left > 0; left--) {
    spend(allowance)
    const name = text(reader)
    table.set(name, decodeValue(kind, reader, allowance))
  }
  return table
}

/** Text as it came: a string if it is UTF-8, else its bytes. */
export function textOf(raw: Uint8Array): Text {
  try {
    return UTF8.decode(raw)
  } catch {
    return raw.slice()
  }
}

function text(reader: Reader): Text {
  reader.raw()
  return textOf(reader.rawBytes.subarray(reader.rawStart, reader.rawEnd))
}

function bytes(reader: Reader): Uint8Array {
  reader.raw()
  return reader.rawBytes.slice(reader.rawStart, reader.rawEnd)
}

function int64(reader: Reader): number | bigint {
  const value = reader.int64()
  if (value > MOST_I64) throw SIGNED
  return value
}

/** Writes the fields that are there, in their order. Throws InvalidArgument for a value that cannot be written. */
export function encodeBody(spec: Spec, body: Body | null, writer: Writer): void {
  if (body === null) {
    writer.nil()
    return
  }
  const { names, kinds, keys } = prepare(spec)
  for (const name of Object.keys(body))
    if (!names.includes(name)) throw wrong(name, body[name], 'no field of it')
  const present = names.filter((name) => body[name] !== undefined)
  writer.map(present.length)
  for (const name of present) {
    const at = names.indexOf(name)
    writer.key(keys[at])
    encodeValue(name, kinds[at], body[name], writer)
  }
}

function encodeValue(name: string, kind: Kind, value: Value, writer: Writer): void {
  if (value === null) writer.nil()
  else if (Array.isArray(kind)) encodeList(name, kind[0], value, writer)
  else if (typeof kind === 'object') encodeBody(kind, bodyIn(name, value), writer)
  else if (kind === 'bool') writer.bool(isOf('boolean', name, value))
  else if (kind === 'float') writer.float(isOf('number', name, value))
  else if (kind === 'text') writeText(name, value, writer)
  else if (kind === 'texts-by-text') encodeTable(name, 'text', value, writer)
  else if (kind === 'times-by-text') encodeTable(name, 'u64', value, writer)
  else if (kind === 'u8' || kind === 'u16' || kind === 'u32')
    writeWhole(name, value, 0n, BigInt(LARGEST[kind]), writer)
  else if (kind === 'u64') writeWhole(name, value, 0n, 2n ** 64n - 1n, writer)
  else if (kind === 'i64') writeWhole(name, value, -(2n ** 63n), MOST_I64, writer)
  else if (value instanceof Uint8Array) writer.raw(value)
  else if (kind === 'bytes') throw wrong(name, value, 'a Uint8Array')
  else writer.raw(encodeNested(kind, value))
}

function encodeList(name: string, kind: Kind, value: Value, writer: Writer): void {
  if (!Array.isArray(value)) throw wrong(name, value, 'a list')
  writer.array(value.length)
  for (const item of value) encodeValue(name, kind, item, writer)
}

/** Writes a table in the order of its entries. */
export function encodeTable(name: string, kind: 'text' | 'u64', value: Value, writer: Writer): void {
  if (!(value instanceof Map)) throw wrong(name, value, 'a Map')
  writer.map(value.size)
  for (const [entry, inner] of value) {
    writeText(name, entry, writer)
    encodeValue(name, kind, inner, writer)
  }
}

/** The bytes of a text. */
export function textBytes(name: string, value: Value): Uint8Array {
  if (value instanceof Uint8Array) return value
  return new TextEncoder().encode(isOf('string', name, value))
}

function writeText(name: string, value: Value, writer: Writer): void {
  writer.raw(textBytes(name, value))
}

function writeWhole(name: string, value: Value, least: bigint, most: bigint, writer: Writer): void {
  const isWhole = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))
  if (!isWhole || value < least || value > most)
    throw wrong(name, value, `a whole number from ${least} to ${most}, a bigint beyond 2^53`)
  if (value >= 0) writer.uint(value)
  else writeNegative(BigInt(value), writer)
}

/** The shortest form, as the newest original writes it. */
function writeNegative(value: bigint, writer: Writer): void {
  const view = new DataView(new ArrayBuffer(9))
  view.setBigInt64(1, value)
  if (value >= -32n) return writer.byte(view.getUint8(8))
  const [type, width] =
    value >= -(2n ** 7n)
      ? [0xd0, 1]
      : value >= -(2n ** 15n)
        ? [0xd1, 2]
        : value >= -(2n ** 31n)
          ? [0xd2, 4]
          : [0xd3, 8]
  writer.byte(type)
  writer.append(new Uint8Array(view.buffer, 9 - width))
}

function bodyIn(name: string, value: Value): Body {
  if (isBody(value)) return value
  throw wrong(name, value, 'a record')
}

/** Whether a value is a record, and not one of the other objects. */
export function isBody(value: unknown): value is Body {
  if (typeof value !== 'object' || value === null) return false
  return !(Array.isArray(value) || value instanceof Uint8Array || value instanceof Map)
}

interface Primitives {
  string: string
  number: number
  boolean: boolean
}

function isOf<Type extends keyof Primitives>(type: Type, name: string, value: Value): Primitives[Type] {
  if (typeof value === type) return value as Primitives[Type]
  throw wrong(name, value, `a ${type}`)
}

/** What a caller gave cannot be written. */
export function wrong(name: string, value: unknown, bound: string): InvalidArgument {
  const shown = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value))
  return new InvalidArgument(`nothing was encoded: ${name} is ${shown.slice(0, 60)}, but must be ${bound}`)
}

/** The bytes that `write` writes. */
export function written(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer()
  write(writer)
  return writer.copy()
}
