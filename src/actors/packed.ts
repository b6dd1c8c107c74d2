/**
 * Packed mail between detector and gossip: many messages in one buffer, so that a burst costs one hop and no objects.
 *
 *     overheard:  { length u32, message | length u32 + SOURCE, ip text }*              the source of those behind it
 *     deliver:    { length u32, port u16, crc u8, ip length u8, ip text, message }*   length: of the message
 *     tray:       { length u32, allowance u8, message }*
 *
 * Numbers are little-endian; they never leave the process.
 */
import { toLatin } from './latin.ts'

const SMALLEST = 512
const LARGEST_FIRST = 262_144

/** A growing buffer that is handed over whole and begun anew. */
export class Pack {
  bytes = new Uint8Array(0)
  view = new DataView(this.bytes.buffer)
  length = 0
  /** How long the last one became: the next of a burst will be alike, and need not grow by and by. */
  #lastLength = 0

  get isEmpty(): boolean {
    return this.length === 0
  }

  /** Makes room for `more` bytes and returns where they begin. */
  claim(more: number): number {
    const at = this.length
    const needed = at + more
    if (needed > this.bytes.length) this.#grow(needed)
    this.length = needed
    return at
  }

  /** What was written, in a buffer of its own that fits for a transfer. The pack is empty afterwards. */
  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.length)
    this.#lastLength = Math.min(this.length, LARGEST_FIRST)
    this.bytes = new Uint8Array(0)
    this.view = new DataView(this.bytes.buffer)
    this.length = 0
    return taken
  }

  /**
   * A copy of what was written in shared memory. The pack is empty afterwards, and keeps a long buffer, for a large merge goes on: else it would leave one
   * behind for each that it fills. With its last, shorter part the buffer goes too.
   */
  takeShared(): Uint8Array {
    const taken = new Uint8Array(new SharedArrayBuffer(this.length))
    taken.set(this.bytes.subarray(0, this.length))
    if (this.length < LARGEST_FIRST / 2) {
      this.take()
      return taken
    }
    this.bytes.fill(0, 0, this.length)
    this.#lastLength = Math.min(this.length, LARGEST_FIRST)
    this.length = 0
    return taken
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(SMALLEST, needed, this.bytes.length * 2, this.#lastLength))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
    this.view = new DataView(grown.buffer)
  }
}

const LATIN = 128

/** Adds a message to an `overheard` pack. */
export function packOverheard(pack: Pack, bytes: Uint8Array, start: number, end: number): void {
  const length = end - start
  const at = pack.claim(4 + length)
  pack.view.setUint32(at, length, true)
  copy(pack.bytes, at + 4, bytes, start, end)
}

/** Bit of a length that says: no message but an address. No message is that long. */
const SOURCE = 0x8000_0000

/** Says in an `overheard` pack where the messages behind this come from. */
export function packSource(pack: Pack, ip: string): void {
  const at = pack.claim(4 + ip.length)
  pack.view.setUint32(at, ip.length + SOURCE, true)
  for (let i = 0; i < ip.length; i++) pack.bytes[at + 4 + i] = ip.charCodeAt(i) % LATIN
}

/** Visits each message of an `overheard` pack: `visit(bytes, start, end)`, the type byte at `start`. */
export function eachOverheard(
  bytes: Uint8Array,
  visit: (bytes: Uint8Array, start: number, end: number) => void,
  from: (ip: string) => void = () => undefined,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at < bytes.length; ) {
    const length = view.getUint32(at, true)
    const end = at + 4 + (length % SOURCE)
    if (length >= SOURCE) from(toLatin(bytes, at + 4, end))
    else visit(bytes, at + 4, end)
    at = end
  }
}

/** Adds a packet to a `deliver` pack. `crc` says whether the receiver understands a checksum. */
export function packDelivery(pack: Pack, message: Uint8Array, ip: string, port: number, crc: Checksum): void {
  const at = pack.claim(8 + ip.length + message.length)
  pack.view.setUint32(at, message.length, true)
  pack.view.setUint16(at + 4, port, true)
  pack.bytes[at + 6] = crc === 'crc' ? 1 : 0
  pack.bytes[at + 7] = ip.length
  for (let i = 0; i < ip.length; i++) pack.bytes[at + 8 + i] = ip.charCodeAt(i) % LATIN
  pack.bytes.set(message, at + 8 + ip.length)
}

/** Whether a packet to this peer carries a checksum: only peers whose protocol maximum is 5 or more read it. */
export type Checksum = 'crc' | 'plain'

/** Visits each packet of a `deliver` pack; the message is a view into the pack. */
export function eachDelivery(
  bytes: Uint8Array,
  visit: (message: Uint8Array, ip: string, port: number, crc: Checksum) => void,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at < bytes.length; ) {
    const length = view.getUint32(at, true)
    const start = at + 8 + bytes[at + 7]
    const ip = toLatin(bytes, at + 8, start)
    visit(
      bytes.subarray(start, start + length),
      ip,
      view.getUint16(at + 4, true),
      bytes[at + 6] === 1 ? 'crc' : 'plain',
    )
    at = start + length
  }
}

/** Adds a broadcast to a `tray` pack: it may ride `allowance` (1 to 255) times. */
export function packTrayItem(pack: Pack, message: Uint8Array, allowance: number): void {
  const at = pack.claim(5 + message.length)
  pack.view.setUint32(at, message.length, true)
  pack.bytes[at + 4] = allowance
  pack.bytes.set(message, at + 5)
}

/** Visits each item of a `tray` pack; the message is a view into the pack. */
export function eachTrayItem(
  bytes: Uint8Array,
  visit: (message: Uint8Array, allowance: number) => void,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + view.getUint32(at, true)
    visit(bytes.subarray(at + 5, end), bytes[at + 4])
    at = end
  }
}

// A loop beats TypedArray.set with subarray for the few dozen bytes of a usual message: no view is made.
const LOOP_BELOW = 96

export function copy(to: Uint8Array, at: number, from: Uint8Array, start: number, end: number): void {
  if (end - start > LOOP_BELOW) to.set(from.subarray(start, end), at)
  else for (let i = start, j = at; i < end; i++, j++) to[j] = from[i]
}
