/** The way out of a stream's message: compressed, encrypted and labelled, in slices (protocol page 1, section 5). */
import { SEAL_HEAD, sealedLength } from './keyring.ts'
import { Compressor } from './lzw.ts'
import { type Coats, labelBytes, sealing, wrapCompressed, writeLabel } from './packet.ts'
import { SEAL_SLICE, SEALED_HEAD, Sealing, sealedExtra } from './sliced-seal.ts'
import type { StreamSide } from './stream.ts'
import { MESSAGE } from './types.ts'

/** Bytes compressed in one slice: a few milliseconds. */
const SLICE = 256 * 1024

/** Dresses a message for a stream, in slices. Streams are compressed even where that makes them longer, as in the original. */
export class StreamSealer {
  readonly #message: Uint8Array
  readonly #coats: Coats
  readonly #side: StreamSide
  readonly #compressor: Compressor | undefined
  #dressed: Uint8Array | undefined
  #sealing: Sealing | undefined

  constructor(message: Uint8Array, coats: Coats, side: StreamSide) {
    this.#message = message
    this.#coats = coats
    this.#side = side
    this.#compressor = coats.compression ? new Compressor(message) : undefined
  }

  /** Does a slice of the work; true when all is done. */
  step(): boolean {
    if (this.#dressed !== undefined) return this.#sealing?.step(SEAL_SLICE) ?? true
    if (this.#compressor?.step(SLICE) === false) return false
    this.#dress(this.#compressor === undefined ? this.#message : wrapCompressed(this.#compressor.result()))
    return this.#sealing?.step(SEAL_SLICE) ?? true
  }

  /** The bytes for the wire. */
  result(): Uint8Array {
    return this.#dressed ?? this.#message
  }

  /** Puts label, header and body in their places; the body is sealed there. */
  #dress(body: Uint8Array): void {
    const coats = this.#coats
    const seal = sealing(coats)
    const label = this.#side === 'opener' ? labelBytes(coats) : 0
    const at = label + SEALED_HEAD
    const length = seal === undefined ? 0 : sealedLength(body.length, seal.version)
    const bytes = new Uint8Array(seal === undefined ? label + body.length : at + length)
    if (label > 0) writeLabel(bytes, coats)
    bytes.set(body, seal === undefined ? label : at + SEAL_HEAD)
    this.#dressed = bytes
    if (seal === undefined) return
    bytes[label] = MESSAGE.encrypt
    new DataView(bytes.buffer).setUint32(label + 1, length)
    const extra = sealedExtra(bytes, label, coats.label)
    this.#sealing = new Sealing(seal.keyring, bytes, at, body.length, seal.version, extra)
  }
}

/** Dresses a small message in one go. */
export function sealStream(message: Uint8Array, coats: Coats, side: StreamSide = 'opener'): Uint8Array {
  const sealer = new StreamSealer(message, coats, side)
  while (!sealer.step()) {
    // A small message takes one slice.
  }
  return sealer.result()
}
