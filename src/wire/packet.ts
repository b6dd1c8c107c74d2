/**
 * The coats of a packet (protocol page 1, section 4), outermost first, each optional:
 *
 *     [label] [encryption] [checksum] [compression] [compound] message
 *
 * Sending puts them on in this order from the inside; opening takes them off without recursion, to a bounded depth and size.
 */

import type { Counters } from '../actors/counters.ts'
import type { Checksum } from '../actors/packed.ts'
import { crc32 } from './crc.ts'
import { type Keyring, SEAL_HEAD, SEAL_OVERHEAD, type SealVersion, sealedLength } from './keyring.ts'
import { compress, expand } from './lzw.ts'
import { key, Malformed, Reader, Writer } from './msgpack.ts'
import { Fields, shape } from './record.ts'
import { MESSAGE } from './types.ts'

export interface Coats {
  /** Whether what we send is compressed where that makes it shorter. */
  compression: boolean
  /** 1 to 255 bytes; empty: none. */
  label: Uint8Array
  /** `stripped`: something in front of us checks labels and takes them off. What has one all the same is refused. Default `checked`. */
  inboundLabel?: 'checked' | 'stripped'
  /** Absent: nothing is sealed and nothing opened. */
  encryption?: Encryption
}

/** With an empty keyring all of it is as if it were not there: the ring may be filled later. */
export interface Encryption {
  keyring: Keyring
  version: SealVersion
  /** What comes and is not sealed under a key of ours: refused, or taken as plain. */
  incoming: 'verified' | 'any'
  outgoing: 'sealed' | 'plain'
}

/** The keyring that seals what we send now; undefined while it goes out plain. */
export function sealing({ encryption }: Coats): Encryption | undefined {
  return encryption?.outgoing === 'sealed' && encryption.keyring.size > 0 ? encryption : undefined
}

/** The keyring that opens what comes now; undefined while there is no key. */
export function unsealing({ encryption }: Coats): Encryption | undefined {
  return encryption !== undefined && encryption.keyring.size > 0 ? encryption : undefined
}

/** What a compound costs, and how many parts it may have: the packaged Serf misreads 128 or more. */
export const COMPOUND = { overhead: 2, perPart: 2, maxParts: 127 } as const

/** Type byte and checksum. */
export const CRC_BYTES = 5
const LABEL_OVERHEAD = 2
/** Coats inside one another that are followed. */
const DEEPEST = 8
/** Bytes that one packet may expand to in all: nothing legal is larger than a datagram. */
const MOST_EXPANDED = 65_536

const [ALGO, BUF] = ['Algo', 'Buf'].map(key)
const LZW = 0
const COMPRESS = shape(['Algo', 'Buf'])

/** Bytes of the label in front of a packet or of what opens a stream. */
export function labelBytes({ label }: Coats): number {
  return label.length > 0 ? LABEL_OVERHEAD + label.length : 0
}

/** Writes the label header; there is none without a label. */
export function writeLabel(bytes: Uint8Array, { label }: Coats): void {
  if (label.length === 0) return
  bytes[0] = MESSAGE.label
  bytes[1] = label.length
  bytes.set(label, LABEL_OVERHEAD)
}

/**
 * Bytes that one message may have to go in a packet by itself, label, encryption and checksum counted in. Unlike the original's budget
 * (protocol page 1, section 4.6) this one has no hole, so that no packet ever exceeds the size of the buffer.
 */
export function messageRoom(udpBufferSize: number, coats: Coats): number {
  const sealed = sealing(coats)
  const seal = sealed === undefined ? 0 : SEAL_OVERHEAD[sealed.version]
  return udpBufferSize - CRC_BYTES - labelBytes(coats) - seal
}

/** Bytes that a packet has for the parts of a compound, each of which costs `COMPOUND.perPart` more. */
export function packetRoom(udpBufferSize: number, coats: Coats): number {
  return messageRoom(udpBufferSize, coats) - COMPOUND.overhead
}

/** Dresses a message for one peer, each coat written in its place. */
export function sealPacket(message: Uint8Array, crc: Checksum, coats: Coats): Uint8Array {
  const inner = coats.compression ? compressed(message) : message
  const seal = sealing(coats)
  const label = labelBytes(coats)
  const crcBytes = crc === 'crc' ? CRC_BYTES : 0
  if (label + crcBytes === 0 && seal === undefined) return inner
  const plain = crcBytes + inner.length
  const plainAt = seal === undefined ? label : label + SEAL_HEAD
  const packet = new Uint8Array(label + (seal === undefined ? plain : sealedLength(plain, seal.version)))
  packet.set(inner, plainAt + crcBytes)
  if (crc === 'crc') {
    packet[plainAt] = MESSAGE.crc
    new DataView(packet.buffer).setUint32(plainAt + 1, crc32(inner))
  }
  seal?.keyring.seal(packet, label, plain, seal.version, coats.label)
  writeLabel(packet, coats)
  return packet
}

/** The message in its compressed form if that is shorter, else as it is. */
function compressed(message: Uint8Array): Uint8Array {
  const wrapped = wrapCompressed(compress(message))
  return wrapped.length < message.length ? wrapped : message
}

/** The compress message around LZW data. */
export function wrapCompressed(data: Uint8Array): Uint8Array {
  const writer = new Writer()
  writer.byte(MESSAGE.compress)
  writer.map(2)
  writer.key(ALGO)
  writer.uint(LZW)
  writer.key(BUF)
  writer.raw(data)
  return writer.copy()
}

/** One message of 1 to 127 parts; each is a message with its type byte, at most 65,535 bytes. */
export function makeCompound(parts: readonly Uint8Array[]): Uint8Array {
  const head = COMPOUND.overhead + COMPOUND.perPart * parts.length
  const compound = new Uint8Array(parts.reduce((length, part) => length + part.length, head))
  compound[0] = MESSAGE.compound
  compound[1] = parts.length
  let at = head
  parts.forEach((part, i) => {
    compound[2 + 2 * i] = part.length >> 8
    compound[3 + 2 * i] = part.length & 255
    compound.set(part, at)
    at += part.length
  })
  return compound
}

/** Takes a message: its type, and its body from `start` to `end`. */
export type PacketSink = (type: number, bytes: Uint8Array, start: number, end: number) => void

/** Why a packet is none of ours; a person should hear of it, since a wrong configuration looks just so. */
export type PacketRefusal = 'label' | 'decrypt'

interface Layer {
  bytes: Uint8Array
  start: number
  end: number
  depth: number
}

/** The label that a packet comes with; empty when there is none, or none that is whole. */
export function labelOf(packet: Uint8Array): Uint8Array {
  const end = packet[0] === MESSAGE.label && packet.length >= 2 ? LABEL_OVERHEAD + packet[1] : 0
  return packet.subarray(Math.min(LABEL_OVERHEAD, end), end)
}

/** Takes the coats off packets and hands on what is inside. Junk is counted in `drops` by reason; nothing is thrown. */
export class PacketOpener {
  readonly #coats: Coats
  readonly #drops: Counters
  readonly #sink: PacketSink
  readonly #refused: (reason: PacketRefusal, packet: Uint8Array) => void
  readonly #layers: Layer[] = []
  #expanded = 0

  constructor(
    coats: Coats,
    drops: Counters,
    sink: PacketSink,
    refused: (reason: PacketRefusal, packet: Uint8Array) => void = () => undefined,
  ) {
    this.#coats = coats
    this.#drops = drops
    this.#sink = sink
    this.#refused = refused
  }

  open(packet: Uint8Array): void {
    const start = this.#afterLabel(packet)
    if (start < 0) return this.#refuse('label', packet)
    const seal = unsealing(this.#coats)
    const plain = seal?.keyring.open(packet.subarray(start), this.#coats.label)
    if (plain !== undefined) this.#opened(plain, 0)
    else if (seal?.incoming === 'verified') this.#refuse('decrypt', packet)
    else this.#opened(packet, start)
  }

  /** What stands under label and encryption. */
  #opened(bytes: Uint8Array, start: number): void {
    let at = start
    if (bytes[at] === MESSAGE.crc) {
      if (!this.#hasRightCrc(bytes, at)) return
      at += CRC_BYTES
    }
    this.#expanded = 0
    this.#undress(bytes, at, bytes.length, 0)
    // Parts of compounds wait here in order, so that the first one is handled first.
    for (let layer = this.#layers.pop(); layer !== undefined; layer = this.#layers.pop()) {
      this.#undress(layer.bytes, layer.start, layer.end, layer.depth)
    }
  }

  #drop(reason: string): void {
    this.#drops.add(`drop.${reason}`)
  }

  #refuse(reason: PacketRefusal, packet: Uint8Array): void {
    this.#drop(reason)
    this.#refused(reason, packet)
  }

  /** Where the packet goes on behind its label; -1 when that is not ours. */
  #afterLabel(packet: Uint8Array): number {
    const { label, inboundLabel } = this.#coats
    const hasLabel = packet[0] === MESSAGE.label
    if (inboundLabel === 'stripped') return hasLabel ? -1 : 0
    const length = hasLabel ? packet[1] : 0
    const isWhole =
      !hasLabel || (packet.length >= 2 && length > 0 && packet.length >= LABEL_OVERHEAD + length)
    const isOurs = length === label.length && label.every((byte, i) => packet[LABEL_OVERHEAD + i] === byte)
    if (!isWhole || !isOurs) return -1
    return hasLabel ? LABEL_OVERHEAD + length : 0
  }

  #hasRightCrc(packet: Uint8Array, start: number): boolean {
    const isWhole = packet.length - start >= CRC_BYTES
    const announced = isWhole ? new DataView(packet.buffer, packet.byteOffset).getUint32(start + 1) : 0
    if (isWhole && announced === crc32(packet.subarray(start + CRC_BYTES))) return true
    this.#drop('crc')
    return false
  }

  #undress(bytes: Uint8Array, start: number, end: number, depth: number): void {
    if (start >= end) this.#drop('empty')
    else if (bytes[start] === MESSAGE.compound) this.#unpack(bytes, start + 1, end, depth + 1)
    else if (bytes[start] === MESSAGE.compress) this.#expand(bytes, start + 1, end, depth + 1)
    else this.#sink(bytes[start], bytes, start + 1, end)
  }

  #unpack(bytes: Uint8Array, start: number, end: number, depth: number): void {
    const count = start < end ? bytes[start] : -1
    const partsAt = start + 1 + 2 * count
    if (count < 0 || partsAt > end || depth > DEEPEST) {
      this.#drop(depth > DEEPEST ? 'depth' : 'compound')
      return
    }
    const first = this.#layers.length
    let at = partsAt
    for (let i = 0; i < count; i++) {
      const length = (bytes[start + 1 + 2 * i] << 8) | bytes[start + 2 + 2 * i]
      if (at + length > end) {
        this.#drops.add('drop.compound', count - i)
        break
      }
      this.#layers.push({ bytes, start: at, end: at + length, depth })
      at += length
    }
    reverse(this.#layers, first)
  }

  #expand(bytes: Uint8Array, start: number, end: number, depth: number): void {
    if (depth > DEEPEST) {
      this.#drop('depth')
      return
    }
    const data = readCompressed(bytes, start, end)
    if (data === undefined) {
      this.#drop('compress')
      return
    }
    const expanded = expand(data, MOST_EXPANDED - this.#expanded)
    if (expanded === undefined) {
      this.#drop('compress')
      return
    }
    this.#expanded += expanded.length
    this.#undress(expanded, 0, expanded.length, depth)
  }
}

/** Turns round what was pushed from `first` on: the layers are a stack, and parts are wanted in their order. */
function reverse(layers: Layer[], first: number): void {
  for (let low = first, high = layers.length - 1; low < high; low++, high--) {
    const layer = layers[low]
    layers[low] = layers[high]
    layers[high] = layer
  }
}

/** The LZW data of a compress message's body; undefined when it is malformed or of another kind. */
export function readCompressed(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
  const reader = new Reader().reset(bytes, start, end)
  const fields = new Fields(COMPRESS)
  let data = bytes.subarray(0, 0)
  let algo = LZW
  try {
    fields.begin(reader)
    for (let field = fields.next(reader); field >= 0; field = fields.next(reader)) {
      if (field === 0) algo = reader.uint(255)
      else {
        reader.raw()
        data = reader.rawBytes.subarray(reader.rawStart, reader.rawEnd)
      }
    }
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
  return algo === LZW ? data : undefined
}
