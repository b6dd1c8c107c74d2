/**
 * Whole packets, streams and Serf messages as nested plain objects, and back: for tests, tools and people who debug a pool. Hostile bytes give
 * a tree that ends in `malformed`; nothing is thrown. Becomes the public subpath `folkmoot/wire`.
 */
import { type Body, decodeBody, encodeBody, type Spec } from './body.ts'
import { crc32 } from './crc.ts'
import { compress, expand } from './lzw.ts'
import { Malformed, Reader, Writer } from './msgpack.ts'
import { makeCompound, readCompressed, wrapCompressed } from './packet.ts'
import { MEMBERLIST_SPECS, PUSH_PULL_HEADER, PUSH_PULL_NODE, SERF_SPECS, USER_HEADER } from './specs.ts'
import { MESSAGE, SERF } from './types.ts'

/** What a piece of bytes is, with what is inside. */
export type Tree =
  | { type: 'label'; label: Uint8Array; inner: Tree }
  | { type: 'hasCrc'; isValid: boolean; inner: Tree }
  | { type: 'compress'; plainLength: number; inner: Tree }
  | { type: 'compound'; parts: Tree[] }
  | { type: 'user'; payload: Uint8Array }
  | { type: 'userStream'; header: Body | null; payload: Uint8Array }
  | { type: 'pushPull'; header: Body | null; nodes: (Body | null)[]; userState: Uint8Array }
  | { type: 'message'; name: string; fields: Body | null }
  | { type: 'malformed'; reason: string; bytes: Uint8Array }

/** A Serf message; a relay has the message that it carries behind it. */
export type SerfTree =
  | { type: 'message'; name: string; fields: Body | null }
  | { type: 'relay'; fields: Body | null; inner: SerfTree }
  | { type: 'malformed'; reason: string; bytes: Uint8Array }

type Carrier = 'packet' | 'stream'

const NAMES: Readonly<Record<number, string>> = {
  [MESSAGE.ping]: 'ping',
  [MESSAGE.indirectPing]: 'indirectPing',
  [MESSAGE.ack]: 'ackResp',
  [MESSAGE.nack]: 'nackResp',
  [MESSAGE.err]: 'err',
  [MESSAGE.suspect]: 'suspect',
  [MESSAGE.dead]: 'dead',
  [MESSAGE.alive]: 'alive',
}
const SERF_NAMES = new Map<number, string>(Object.entries(SERF).map(([name, type]) => [type, name]))

const DEEPEST = 8
const MOST_EXPANDED = 40 * 1024 * 1024

export function decodePacket(bytes: Uint8Array): Tree {
  return decode(bytes, 'packet', DEEPEST)
}

export function decodeStream(bytes: Uint8Array): Tree {
  return decode(bytes, 'stream', DEEPEST)
}

/** The bytes of a tree. Compression and compounds come out as the original makes them. */
export function encodeTree(tree: Tree): Uint8Array {
  const writer = new Writer()
  switch (tree.type) {
    case 'label':
      return joined(Uint8Array.of(MESSAGE.label, tree.label.length), tree.label, encodeTree(tree.inner))
    case 'hasCrc':
      return withCrc(encodeTree(tree.inner))
    case 'compress':
      return wrapCompressed(compress(encodeTree(tree.inner)))
    case 'compound':
      return makeCompound(tree.parts.map(encodeTree))
    case 'user':
      return joined(Uint8Array.of(MESSAGE.user), tree.payload)
    case 'userStream':
      writer.byte(MESSAGE.user)
      encodeBody(USER_HEADER, tree.header, writer)
      return joined(writer.view(), tree.payload)
    case 'pushPull':
      writer.byte(MESSAGE.pushPull)
      encodeBody(PUSH_PULL_HEADER, tree.header, writer)
      for (const node of tree.nodes) encodeBody(PUSH_PULL_NODE, node, writer)
      return joined(writer.view(), tree.userState)
    case 'message':
      return encodeMessage(typeOf(tree.name), MEMBERLIST_SPECS[tree.name], tree.fields)
    case 'malformed':
      return tree.bytes
  }
}

/** A Serf message, its type byte in front. */
export function decodeSerf(bytes: Uint8Array): SerfTree {
  return orMalformed(bytes, (): SerfTree => {
    const name = SERF_NAMES.get(bytes[0])
    if (name === undefined) return { type: 'malformed', reason: 'unknown type', bytes }
    const reader = new Reader().reset(bytes, 1)
    const fields = decodeBody(SERF_SPECS[name], reader)
    if (bytes[0] !== SERF.relay) return { type: 'message', name, fields }
    return { type: 'relay', fields, inner: decodeSerf(bytes.subarray(reader.at)) }
  })
}

export function encodeSerf(tree: SerfTree): Uint8Array {
  if (tree.type === 'malformed') return tree.bytes
  if (tree.type === 'relay') {
    return joined(encodeMessage(SERF.relay, SERF_SPECS.relay, tree.fields), encodeSerf(tree.inner))
  }
  const [type] = [...SERF_NAMES].find(([, name]) => name === tree.name) ?? [0]
  return encodeMessage(type, SERF_SPECS[tree.name], tree.fields)
}

function decode(bytes: Uint8Array, carrier: Carrier, depth: number): Tree {
  return orMalformed(bytes, (): Tree => {
    if (bytes.length === 0) return { type: 'malformed', reason: 'empty', bytes }
    if (depth === 0) return { type: 'malformed', reason: 'too deep', bytes }
    switch (bytes[0]) {
      case MESSAGE.label:
        return decodeLabel(bytes, carrier, depth)
      case MESSAGE.crc:
        return {
          type: 'hasCrc',
          isValid: hasRightCrc(bytes),
          inner: decode(bytes.subarray(5), carrier, depth - 1),
        }
      case MESSAGE.compress:
        return decodeCompressed(bytes, carrier, depth)
      case MESSAGE.compound:
        return { type: 'compound', parts: partsOf(bytes).map((part) => decode(part, carrier, depth - 1)) }
      case MESSAGE.user:
        return carrier === 'packet' ? { type: 'user', payload: bytes.subarray(1) } : decodeUserStream(bytes)
      case MESSAGE.pushPull:
        return decodePushPull(bytes)
      default:
        return decodeMessage(bytes)
    }
  })
}

function decodeLabel(bytes: Uint8Array, carrier: Carrier, depth: number): Tree {
  const end = 2 + (bytes[1] ?? 0)
  if (bytes.length < end) return { type: 'malformed', reason: 'label cut short', bytes }
  return {
    type: 'label',
    label: bytes.subarray(2, end),
    inner: decode(bytes.subarray(end), carrier, depth - 1),
  }
}

function decodeCompressed(bytes: Uint8Array, carrier: Carrier, depth: number): Tree {
  const data = readCompressed(bytes, 1, bytes.length)
  const plain = data === undefined ? undefined : expand(data, MOST_EXPANDED)
  if (plain === undefined) return { type: 'malformed', reason: 'compression', bytes }
  return { type: 'compress', plainLength: plain.length, inner: decode(plain, carrier, depth - 1) }
}

function decodeUserStream(bytes: Uint8Array): Tree {
  const reader = new Reader().reset(bytes, 1)
  const header = decodeBody(USER_HEADER, reader)
  return { type: 'userStream', header, payload: bytes.subarray(reader.at) }
}

function decodePushPull(bytes: Uint8Array): Tree {
  const reader = new Reader().reset(bytes, 1)
  const header = decodeBody(PUSH_PULL_HEADER, reader)
  const nodes: (Body | null)[] = []
  for (let left = Number(header?.Nodes ?? 0); left > 0; left--) nodes.push(decodeBody(PUSH_PULL_NODE, reader))
  return { type: 'pushPull', header, nodes, userState: bytes.subarray(reader.at) }
}

function decodeMessage(bytes: Uint8Array): Tree {
  const name = NAMES[bytes[0]]
  if (name === undefined) return { type: 'malformed', reason: 'unknown type', bytes }
  return { type: 'message', name, fields: decodeBody(MEMBERLIST_SPECS[name], new Reader().reset(bytes, 1)) }
}

function partsOf(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = []
  const count = bytes[1] ?? 0
  let at = 2 + 2 * count
  for (let i = 0; i < count && at <= bytes.length; i++) {
    const length = (bytes[2 + 2 * i] << 8) | bytes[3 + 2 * i]
    parts.push(bytes.subarray(at, at + length))
    at += length
  }
  return parts
}

function hasRightCrc(bytes: Uint8Array): boolean {
  return (
    bytes.length > 5 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(1) === crc32(bytes.subarray(5))
  )
}

function withCrc(inner: Uint8Array): Uint8Array {
  const packet = joined(Uint8Array.of(MESSAGE.crc, 0, 0, 0, 0), inner)
  new DataView(packet.buffer).setUint32(1, crc32(inner))
  return packet
}

function encodeMessage(type: number, spec: Spec, fields: Body | null): Uint8Array {
  const writer = new Writer()
  writer.byte(type)
  encodeBody(spec, fields, writer)
  return writer.copy()
}

function typeOf(name: string): number {
  const [type] = Object.entries(NAMES).find(([, known]) => known === name) ?? []
  return Number(type)
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function orMalformed<Some>(
  bytes: Uint8Array,
  read: () => Some,
): Some | { type: 'malformed'; reason: string; bytes: Uint8Array } {
  try {
    return read()
  } catch (error) {
    if (error instanceof Malformed) return { type: 'malformed', reason: error.reason, bytes }
    throw error
  }
}
