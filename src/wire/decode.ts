/**
 * Whole packets, streams and Serf messages as nested plain objects: for tests, tools and people who debug a pool. The rules are those of the
 * actors: what a member would drop is a tree that ends in `malformed`, with the layer, the offset and the reason. Hostile bytes throw nothing,
 * go no deeper than a few levels, and unfold to no more than a member would unfold.
 */
import { type Allowance, type Body, decodeBody, type Spec, type Text, textBytes, textOf } from './body.ts'
import { crc32 } from './crc.ts'
import { expand } from './lzw.ts'
import { Malformed, Reader, UNFINISHED } from './msgpack.ts'
import { type Opening, openings } from './opening.ts'
import {
  COMPRESS,
  MEMBERLIST_SPECS,
  PUSH_PULL_HEADER,
  PUSH_PULL_NODE,
  SERF_SPECS,
  USER_HEADER,
} from './specs.ts'
import type { Carrier, SerfTree, Stopped, Tree } from './tree.ts'
import { MESSAGE, SERF } from './types.ts'

export interface DecodeOptions {
  /** Keys of 16, 24 or 32 bytes, or their base64. All are tried, in their order. */
  keys?: readonly (Uint8Array | string)[]
  /** The pool's label. Needed for sealed replies on streams, which do not carry it; where the bytes have a label, that one counts. */
  label?: Text
  /** What hosts of memberlist say in their messages: read as Serf's (the default), or left as bytes. */
  payloads?: 'serf' | 'bytes'
}

/** memberlist's message names by their type bytes. */
export const MESSAGE_NAMES: Readonly<Record<number, string>> = {
  [MESSAGE.ping]: 'ping',
  [MESSAGE.indirectPing]: 'indirectPing',
  [MESSAGE.ack]: 'ackResp',
  [MESSAGE.nack]: 'nackResp',
  [MESSAGE.err]: 'err',
  [MESSAGE.suspect]: 'suspect',
  [MESSAGE.dead]: 'dead',
  [MESSAGE.alive]: 'alive',
}
/** Serf's message names by their type bytes. */
export const SERF_NAMES = new Map<number, string>(Object.entries(SERF).map(([name, type]) => [type, name]))

/** Compounds and compressions inside one another, and relays inside relays, that are followed. */
const DEEPEST = 8
const MEBIBYTE = 1024 * 1024
/** Bytes that a whole packet or stream may expand to. */
const MOST_EXPANDED: Readonly<Record<Carrier, number>> = { packet: 65_536, stream: 40 * MEBIBYTE }
/** Announced length of anything on a stream. */
const MOST_ANNOUNCED = 20 * MEBIBYTE
const MOST_NODES = 1 << 20
/** Values of one decoding: a push/pull of 100,000 members has a million. */
const MOST_VALUES = 1 << 22

const CRC_BYTES = 5
const STREAM_SEAL_HEAD = 5
const PACKET_MESSAGES = new Set<number>([
  ...[MESSAGE.ping, MESSAGE.indirectPing, MESSAGE.ack, MESSAGE.nack],
  ...[MESSAGE.suspect, MESSAGE.alive, MESSAGE.dead, MESSAGE.user],
])
const STREAM_MESSAGES = new Set<number>([
  MESSAGE.ping,
  MESSAGE.ack,
  MESSAGE.err,
  MESSAGE.pushPull,
  MESSAGE.user,
])

/** A datagram. Throws InvalidArgument for wrong options, nothing for wrong bytes. */
export function decodePacket(bytes: Uint8Array, options: DecodeOptions = {}): Tree {
  return new Decoding('packet', options).whole(bytes)
}

/** All bytes of one direction of a stream. Throws InvalidArgument for wrong options, nothing for wrong bytes. */
export function decodeStream(bytes: Uint8Array, options: DecodeOptions = {}): Tree {
  return new Decoding('stream', options).whole(bytes)
}

/** A Serf message, its type byte in front: the payload of a user message, the user state of a push/pull, the payload of an answer. */
export function decodeSerf(
  bytes: Uint8Array,
  { payloads = 'serf' }: Pick<DecodeOptions, 'payloads'> = {},
): SerfTree {
  return serf(bytes, 0, { values: MOST_VALUES, payloads })
}

function serf(bytes: Uint8Array, depth: number, allowance: Allowance): SerfTree {
  const name = SERF_NAMES.get(bytes[0])
  if (bytes.length === 0) return stopped('serf', bytes, 0, 'empty')
  if (name === undefined) return stopped('serf', bytes, 0, 'an unknown type')
  const fields: Body = {}
  const reader = new Reader().reset(bytes, 1)
  try {
    const body = decodeBody(SERF_SPECS[name], reader, allowance, fields)
    if (bytes[0] !== SERF.relay) return { type: 'message', name, fields: body, ...restOf(bytes, reader.at) }
    if (depth === DEEPEST) return stopped(name, bytes, reader.at, 'nested too deep')
    return { type: 'relay', fields: body, inner: serf(bytes.subarray(reader.at), depth + 1, allowance) }
  } catch (error) {
    return stopped(name, bytes, reader.at, reasonOf(error), { type: 'message', name, fields })
  }
}

/** One decoding of one packet or stream: what it may still unfold, and how it opens what is sealed. */
class Decoding {
  readonly #carrier: Carrier
  readonly #openings: readonly Opening[]
  readonly #allowance: Allowance
  #label: Uint8Array
  #expandable: number

  constructor(carrier: Carrier, { keys = [], label = '', payloads = 'serf' }: DecodeOptions) {
    this.#carrier = carrier
    this.#openings = openings(keys)
    this.#label = textBytes('label', label)
    this.#allowance = { values: MOST_VALUES, payloads }
    this.#expandable = MOST_EXPANDED[carrier]
  }

  whole(bytes: Uint8Array): Tree {
    if (bytes.length === 0) return stopped(this.#carrier, bytes, 0, 'empty')
    if (bytes[0] !== MESSAGE.label) return this.#sealed(bytes)
    const end = 2 + (bytes[1] ?? 0)
    if (bytes.length < 2 || bytes[1] === 0) return stopped('label', bytes, 1, 'a label of no bytes')
    if (bytes.length < end) return stopped('label', bytes, bytes.length, UNFINISHED)
    this.#label = bytes.slice(2, end)
    return { type: 'label', label: textOf(this.#label), inner: this.#sealed(bytes.subarray(end)) }
  }

  #sealed(bytes: Uint8Array): Tree {
    if (this.#carrier === 'stream')
      return bytes[0] === MESSAGE.encrypt ? this.#sealedStream(bytes) : this.#outer(bytes)
    const opened = bytes[0] <= 1 ? this.#open(bytes, this.#label) : undefined
    if (opened !== undefined) return opened
    const tree = this.#outer(bytes)
    if (tree.type !== 'malformed' || bytes[0] > 1) return tree
    // Only keys tell a sealed packet from a ping or an indirect ping, whose type bytes are 0 and 1 as well.
    const count = this.#openings.length
    const doubt = count === 0 ? 'or sealed, and no key was given' : `and none of ${count} keys opens it`
    return { ...tree, reason: `${tree.reason}, ${doubt}` }
  }

  #sealedStream(bytes: Uint8Array): Tree {
    if (bytes.length < STREAM_SEAL_HEAD) return stopped('encrypt', bytes, bytes.length, UNFINISHED)
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1)
    const end = STREAM_SEAL_HEAD + length
    if (length > MOST_ANNOUNCED) return stopped('encrypt', bytes, 1, 'too large')
    if (bytes.length < end) return stopped('encrypt', bytes, bytes.length, UNFINISHED)
    const extra = new Uint8Array(STREAM_SEAL_HEAD + this.#label.length)
    extra.set(bytes.subarray(0, STREAM_SEAL_HEAD))
    extra.set(this.#label, STREAM_SEAL_HEAD)
    const opened = this.#open(bytes.subarray(STREAM_SEAL_HEAD, end), extra)
    if (opened !== undefined) return opened
    return stopped('encrypt', bytes, STREAM_SEAL_HEAD, `none of ${this.#openings.length} keys opens it`)
  }

  #open(sealed: Uint8Array, extra: Uint8Array): Tree | undefined {
    for (const [keyIndex, open] of this.#openings.entries()) {
      const opened = open(sealed, extra)
      if (opened === undefined) continue
      const { version, nonce, plain } = opened
      return {
        type: 'encrypt',
        carrier: this.#carrier,
        version,
        keyIndex,
        nonce,
        inner: this.#outer(plain),
      }
    }
    return undefined
  }

  /** Under label and encryption: here a packet may have a checksum. */
  #outer(bytes: Uint8Array): Tree {
    if (this.#carrier === 'stream') return this.#dressed(bytes, DEEPEST - 1)
    if (bytes[0] !== MESSAGE.crc) return this.#dressed(bytes, 0)
    if (bytes.length < CRC_BYTES) return stopped('hasCrc', bytes, bytes.length, UNFINISHED)
    const announced = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1)
    const inside = bytes.subarray(CRC_BYTES)
    const tree: Tree = { type: 'hasCrc', inner: this.#dressed(inside, 0) }
    const right = crc32(inside)
    if (announced === right) return tree
    return stopped(
      'hasCrc',
      bytes,
      1,
      `the checksum is ${hex32(announced)} and must be ${hex32(right)}`,
      tree,
    )
  }

  /** `depth`: compounds and compressions around it. A stream has one compression at most, so it begins at the last level. */
  #dressed(bytes: Uint8Array, depth: number): Tree {
    if (bytes.length === 0) return stopped('message', bytes, 0, 'empty')
    const [type] = bytes
    const isPacket = this.#carrier === 'packet'
    if (type === MESSAGE.compress) return this.#compressed(bytes, depth)
    if (type === MESSAGE.compound && isPacket) return this.#compound(bytes, depth)
    if (!(isPacket ? PACKET_MESSAGES : STREAM_MESSAGES).has(type))
      return stopped('message', bytes, 0, `a message of type ${type} has no place here`)
    if (type === MESSAGE.user) {
      if (!isPacket) return this.#userStream(bytes)
      return { type: 'user', payload: this.#payload(bytes.subarray(1)) }
    }
    return type === MESSAGE.pushPull ? this.#pushPull(bytes) : this.#message(bytes)
  }

  #compressed(bytes: Uint8Array, depth: number): Tree {
    if (depth >= DEEPEST) return stopped('compress', bytes, 0, 'nested too deep')
    const reader = new Reader().reset(bytes, 1)
    const body: Body = {}
    try {
      decodeBody(COMPRESS, reader, this.#allowance, body)
    } catch (error) {
      return stopped('compress', bytes, reader.at, reasonOf(error))
    }
    if ((body.Algo ?? 0) !== 0) return stopped('compress', bytes, 1, 'an unknown algorithm')
    const data = body.Buf instanceof Uint8Array ? body.Buf : new Uint8Array(0)
    const plain = expand(data, this.#expandable)
    if (plain === undefined)
      return stopped(
        'compress',
        bytes,
        reader.at,
        `malformed, or above ${this.#expandable} bytes when expanded`,
      )
    this.#expandable -= plain.length
    // The expander's output has room to grow: what is kept should not.
    return { type: 'compress', plainLength: plain.length, inner: this.#dressed(plain.slice(), depth + 1) }
  }

  #compound(bytes: Uint8Array, depth: number): Tree {
    if (depth >= DEEPEST) return stopped('compound', bytes, 0, 'nested too deep')
    const count = bytes[1] ?? 0
    let at = 2 + 2 * count
    if (at > bytes.length) return stopped('compound', bytes, bytes.length, UNFINISHED)
    const parts: Tree[] = []
    for (let i = 0; i < count; i++) {
      const length = (bytes[2 + 2 * i] << 8) | bytes[3 + 2 * i]
      if (at + length > bytes.length) {
        const reason = `${count - i} of ${count} parts are cut off`
        return stopped('compound', bytes, at, reason, { type: 'compound', parts })
      }
      parts.push(this.#dressed(bytes.subarray(at, at + length), depth + 1))
      at += length
    }
    return { type: 'compound', parts, ...restOf(bytes, at) }
  }

  #message(bytes: Uint8Array): Tree {
    const name = MESSAGE_NAMES[bytes[0]]
    const reader = new Reader().reset(bytes, 1)
    const fields: Body = {}
    try {
      const body = decodeBody(MEMBERLIST_SPECS[name], reader, this.#allowance, fields)
      return { type: 'message', name, fields: body, ...restOf(bytes, reader.at) }
    } catch (error) {
      return stopped(name, bytes, reader.at, reasonOf(error), { type: 'message', name, fields })
    }
  }

  #userStream(bytes: Uint8Array): Tree {
    const head = this.#head(bytes, USER_HEADER, 'userStream')
    if ('type' in head) return head
    const { header, at } = head
    const length = Number(header?.UserMsgLen ?? 0)
    if (length < 0 || length > MOST_ANNOUNCED)
      return stopped('userStream', bytes, 1, `a message of ${length} bytes`)
    const end = at + length
    const payload = this.#payload(bytes.subarray(at, end))
    const tree: Tree = { type: 'userStream', header, payload, ...restOf(bytes, end) }
    return end <= bytes.length ? tree : stopped('userStream', bytes, bytes.length, UNFINISHED, tree)
  }

  #pushPull(bytes: Uint8Array): Tree {
    const head = this.#head(bytes, PUSH_PULL_HEADER, 'pushPull')
    if ('type' in head) return head
    const { header, at } = head
    const count = Number(header?.Nodes ?? 0)
    const stateLength = Number(header?.UserStateLen ?? 0)
    if (count < 0 || count > MOST_NODES) return stopped('pushPull', bytes, 1, `${count} members`)
    if (stateLength < 0 || stateLength > MOST_ANNOUNCED)
      return stopped('pushPull', bytes, 1, `a user state of ${stateLength} bytes`)
    const reader = new Reader().reset(bytes, at)
    const nodes: (Body | null)[] = []
    try {
      while (nodes.length < count) nodes.push(decodeBody(PUSH_PULL_NODE, reader, this.#allowance))
    } catch (error) {
      const partial: Tree = { type: 'pushPull', header, nodes, userState: new Uint8Array(0) }
      return stopped('pushPull', bytes, reader.at, reasonOf(error), partial)
    }
    const end = reader.at + stateLength
    const userState = this.#payload(bytes.subarray(reader.at, end))
    const tree: Tree = { type: 'pushPull', header, nodes, userState, ...restOf(bytes, end) }
    return end <= bytes.length ? tree : stopped('pushPull', bytes, bytes.length, UNFINISHED, tree)
  }

  /** The record in front of a push/pull or of a stream's user message, and where it ends. */
  #head(bytes: Uint8Array, spec: Spec, layer: string): { header: Body | null; at: number } | Stopped<Tree> {
    const reader = new Reader().reset(bytes, 1)
    try {
      return { header: decodeBody(spec, reader, this.#allowance), at: reader.at }
    } catch (error) {
      return stopped(layer, bytes, reader.at, reasonOf(error))
    }
  }

  #payload(bytes: Uint8Array): Uint8Array | SerfTree {
    const isSerf = this.#allowance.payloads === 'serf' && bytes.length > 0
    return isSerf ? serf(bytes, 0, this.#allowance) : bytes.slice()
  }
}

function stopped<Whole>(
  layer: string,
  bytes: Uint8Array,
  at: number,
  reason: string,
  partial?: Whole,
): Stopped<Whole> {
  const offset = Math.min(at, bytes.length)
  const stop: Stopped<Whole> = { type: 'malformed', layer, offset, reason, bytes }
  return partial === undefined ? stop : { ...stop, partial }
}

function restOf(bytes: Uint8Array, end: number): { rest?: Uint8Array } {
  return end < bytes.length ? { rest: bytes.slice(end) } : {}
}

/** The reason of a Malformed; everything else is a bug of ours and goes on. */
function reasonOf(error: unknown): string {
  if (error instanceof Malformed) return error.reason
  throw error
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, '0')
}
