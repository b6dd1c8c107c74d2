/**
 * The coats of a packet (protocol page 1, section 4), outermost first, each optional:
 *
 *     [label] [encryption] [checksum] [compression] [compound] message
 *
 * Sending puts them on in this order from the inside; opening takes them off without recursion, to a bounded depth and size.
 * Encryption comes with a later issue: it has its place between label and checksum, here and in `PacketOpener.open`.
 */

import type { Counters } from '../actors/counters.ts'
import type { Checksum } from '../actors/packed.ts'
import { crc32 } from './crc.ts'
import { compress, expand } from './lzw.ts'
import { key, Malformed, Reader, Writer } from './msgpack.ts'
import { Fields, shape } from './record.ts'
import { MESSAGE } from './types.ts'

export interface Coats {
  /** Whether what we send is compressed where that makes it shorter. */
  compression: boolean
  /** 1 to 255 bytes; empty: none. */
  label: Uint8Array
}

/** What a compound costs, and how many parts it may have: the packaged Serf misreads 128 or more. */
export const COMPOUND = { overhead: 2, perPart: 2, maxParts: 127 } as const

const CRC_BYTES = 5
const LABEL_OVERHEAD = 2
/** Coats inside one another that are followed. */
const DEEPEST = 8
/** Bytes that one packet may expand to in all: nothing legal is larger than a datagram. */
const MOST_EXPANDED = 65_536

const [ALGO, BUF] = ['Algo', 'Buf'].map(key)
const LZW = 0
const COMPRESS = shape(['Algo', 'Buf'])

/**
 * Bytes that a gossip packet has for its broadcasts, each of which costs `COMPOUND.perPart` more. Unlike the original's budget
 * it counts the checksum in, so that no packet ever exceeds the size of the buffer.
 */
export function packetRoom(udpBufferSize: number, coats: Coats): number {
  const label = coats.label.length > 0 ? LABEL_OVERHEAD + coats.label.length : 0
  return udpBufferSize - COMPOUND.overhead - CRC_BYTES - label
}

/** Dresses a message for one peer. */
export function sealPacket(message: Uint8Array, crc: Checksum, coats: Coats): Uint8Array {
  const inner = coats.compression ? compressed(message) : message
  const hasCrc = crc === 'crc'
  const { label } = coats
  if (!hasCrc && label.length === 0) return inner
  const head = (label.length > 0 ? LABEL_OVERHEAD + label.length : 0) + (hasCrc ? CRC_BYTES : 0)
  const packet = new Uint8Array(head + inner.length)
  packet.set(inner, head)
  if (hasCrc) {
    packet[head - CRC_BYTES] = MESSAGE.crc
    new DataView(packet.buffer).setUint32(head - CRC_BYTES + 1, crc32(inner))
  }
  if (label.length > 0) {
    packet[0] = MESSAGE.label
    packet[1] = label.length
    packet.set(label, LABEL_OVERHEAD)
  }
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

interface Layer {
  bytes: Uint8Array
  start: number
  end: number
  depth: number
}

/** Takes the coats off packets and hands on what is inside. Junk is counted in `drops` by reason; nothing is thrown. */
export class PacketOpener {
  readonly #coats: Coats
  readonly #drops: Counters
  readonly #sink: PacketSink
  readonly #layers: Layer[] = []
  #expanded = 0

  constructor(coats: Coats, drops: Counters, sink: PacketSink) {
    this.#coats = coats
    this.#drops = drops
    this.#sink = sink
  }

  open(packet: Uint8Array): void {
    let start = this.#afterLabel(packet)
    if (start < 0) return
    if (packet[start] === MESSAGE.crc) {
      if (!this.#hasRightCrc(packet, start)) return
      start += CRC_BYTES
    }
    this.#expanded = 0
    this.#undress(packet, start, packet.length, 0)
    // Parts of compounds wait here in order, so that the first one is handled first.
    for (let layer = this.#layers.pop(); layer !== undefined; layer = this.#layers.pop()) {
      this.#undress(layer.bytes, layer.start, layer.end, layer.depth)
    }
  }

  #drop(reason: string): void {
    this.#drops.add(`drop.${reason}`)
  }

  /** Where the packet goes on behind its label; -1 when that is not ours. */
  #afterLabel(packet: Uint8Array): number {
    const { label } = this.#coats
    const hasLabel = packet[0] === MESSAGE.label
    const length = hasLabel ? packet[1] : 0
    const isWhole =
      !hasLabel || (packet.length >= 2 && length > 0 && packet.length >= LABEL_OVERHEAD + length)
    if (isWhole && length === label.length && label.every((byte, i) => packet[LABEL_OVERHEAD + i] === byte)) {
      return hasLabel ? LABEL_OVERHEAD + length : 0
    }
    this.#drop('label')
    return -1
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
