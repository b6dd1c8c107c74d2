/** The bytes of trees: byte for byte what the original writes. A tree that a caller made wrong throws InvalidArgument and gives nothing. */
import { type Body, encodeBody, isBody, type Spec, textBytes, written, wrong } from './body.ts'
import { crc32 } from './crc.ts'
import { type DecodeOptions, MESSAGE_NAMES, SERF_NAMES } from './decode.ts'
import { compress } from './lzw.ts'
import { sealAgain } from './opening.ts'
import { wrapCompressed } from './packet.ts'
import { MEMBERLIST_SPECS, PUSH_PULL_HEADER, PUSH_PULL_NODE, SERF_SPECS, USER_HEADER } from './specs.ts'
import type { SerfTree, Tree } from './tree.ts'
import { MESSAGE, SERF } from './types.ts'

/** What is needed to seal: the same `keys` and `label` as for decoding. */
export type EncodeOptions = Pick<DecodeOptions, 'keys' | 'label'>

const MOST_PARTS = 255
const MOST_PART = 65_535
const NONCE_BYTES = 12
const EMPTY = new Uint8Array(0)
const TYPES = new Map(Object.entries(MESSAGE_NAMES).map(([type, name]) => [name, Number(type)]))
const SERF_TYPES = new Map([...SERF_NAMES].map(([type, name]) => [name, type]))

/**
 * The bytes of a packet or a stream. Whatever Go wrote comes back as it was; compression, checksum and padding are made anew, and a `malformed`
 * layer gives the bytes that it came with. Fields that a record does not have are not written: readers take them for zero.
 */
export function encodeTree(tree: Tree, { keys = [], label = '' }: EncodeOptions = {}): Uint8Array {
  return new Encoding(keys, textBytes('label', label)).encode(tree)
}

/** A Serf message, its type byte in front. */
export function encodeSerf(tree: SerfTree): Uint8Array {
  if (tree.type === 'malformed') return tree.bytes
  if (tree.type === 'relay')
    return joined(message(SERF.relay, SERF_SPECS.relay, tree.fields), encodeSerf(tree.inner))
  const type = SERF_TYPES.get(tree.name)
  if (type === undefined) throw wrong('name', tree.name, [...SERF_TYPES.keys()].join(', '))
  return joined(message(type, SERF_SPECS[tree.name], tree.fields), tree.rest ?? EMPTY)
}

class Encoding {
  readonly #keys: readonly (Uint8Array | string)[]
  #label: Uint8Array

  constructor(keys: readonly (Uint8Array | string)[], label: Uint8Array) {
    this.#keys = keys
    this.#label = label
  }

  encode(tree: Tree): Uint8Array {
    switch (tree.type) {
      case 'label':
        return this.#labelled(tree)
      case 'encrypt':
        return this.#sealed(tree)
      case 'hasCrc':
        return withCrc(this.encode(tree.inner))
      case 'compress':
        return wrapCompressed(compress(this.encode(tree.inner)))
      case 'compound':
        return joined(compound(tree.parts.map((part) => this.encode(part))), tree.rest ?? EMPTY)
      case 'user':
        return joined(Uint8Array.of(MESSAGE.user), payload(tree.payload))
      case 'userStream': {
        const head = message(MESSAGE.user, USER_HEADER, tree.header)
        return joined(head, payload(tree.payload), tree.rest ?? EMPTY)
      }
      case 'pushPull': {
        const head = message(MESSAGE.pushPull, PUSH_PULL_HEADER, tree.header)
        const nodes = written((writer) => {
          for (const node of tree.nodes) encodeBody(PUSH_PULL_NODE, node, writer)
        })
        return joined(head, nodes, payload(tree.userState), tree.rest ?? EMPTY)
      }
      case 'message': {
        const type = TYPES.get(tree.name)
        if (type === undefined) throw wrong('name', tree.name, [...TYPES.keys()].join(', '))
        return joined(message(type, MEMBERLIST_SPECS[tree.name], tree.fields), tree.rest ?? EMPTY)
      }
      case 'malformed':
        return tree.bytes
      default:
        throw wrong('type', typeIn(tree), 'the type of a layer or a message')
    }
  }

  #labelled({ label, inner }: Extract<Tree, { type: 'label' }>): Uint8Array {
    const bytes = textBytes('label', label)
    if (bytes.length === 0 || bytes.length > 255) throw wrong('label', label, '1 to 255 bytes')
    this.#label = bytes
    return joined(Uint8Array.of(MESSAGE.label, bytes.length), bytes, this.encode(inner))
  }

  #sealed({ carrier, version, keyIndex, nonce, inner }: Extract<Tree, { type: 'encrypt' }>): Uint8Array {
    if (!(nonce instanceof Uint8Array && nonce.length === NONCE_BYTES))
      throw wrong('nonce', nonce, '12 bytes')
    if (version !== 0 && version !== 1) throw wrong('version', version, '0 or 1')
    const plain = this.encode(inner)
    if (carrier === 'packet')
      return sealAgain(this.#keys, keyIndex, { version, nonce, plain }, () => this.#label)
    const head = new Uint8Array(5)
    head[0] = MESSAGE.encrypt
    const sealed = sealAgain(this.#keys, keyIndex, { version, nonce, plain }, (length) => {
      new DataView(head.buffer).setUint32(1, length)
      return joined(head, this.#label)
    })
    return joined(head, sealed)
  }
}

/** Callers without types may give anything. */
function typeIn(tree: unknown): unknown {
  return isBody(tree) ? tree.type : tree
}

/** Up to 255 parts are written, for the tests of readers; senders stay at 127, which every release understands. */
function compound(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length > MOST_PARTS) throw wrong('parts', parts.length, `at most ${MOST_PARTS} parts`)
  const head = new Uint8Array(2 + 2 * parts.length)
  head[0] = MESSAGE.compound
  head[1] = parts.length
  for (const [i, { length }] of parts.entries()) {
    if (length > MOST_PART) throw wrong(`parts[${i}]`, length, `at most ${MOST_PART} bytes`)
    head[2 + 2 * i] = length >> 8
    head[3 + 2 * i] = length & 255
  }
  return joined(head, ...parts)
}

function withCrc(inner: Uint8Array): Uint8Array {
  const packet = joined(Uint8Array.of(MESSAGE.crc, 0, 0, 0, 0), inner)
  new DataView(packet.buffer).setUint32(1, crc32(inner))
  return packet
}

function payload(value: Uint8Array | SerfTree): Uint8Array {
  return value instanceof Uint8Array ? value : encodeSerf(value)
}

function message(type: number, spec: Spec, fields: Body | null): Uint8Array {
  return written((writer) => {
    writer.byte(type)
    encodeBody(spec, fields, writer)
  })
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
