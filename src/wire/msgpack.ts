/**
 * The msgpack dialect of the wire: the old specification, with one raw family for text and bytes (protocol page 1, section 2;
 * page 2, section 1.2). The writer gives byte for byte what Go gives; the reader takes all that Go takes.
 *
 * A reader throws `Malformed` on bytes that are not what they must be. The error never leaves this folder's functions: they
 * turn it into «undefined» or «false».
 */

const FIRST_SIZE = 256
const UTF8 = new TextEncoder()

/** A key of a record with its msgpack header. */
export function key(name: string): Uint8Array {
  return new Writer().textOf(name).copy()
}

export class Writer {
  bytes: Uint8Array<ArrayBuffer>
  length = 0
  #view: DataView

  /** `size`: bytes that are likely to be written. */
  constructor(size = FIRST_SIZE) {
    this.bytes = new Uint8Array(size)
    this.#view = new DataView(this.bytes.buffer)
  }

  reset(): this {
    this.length = 0
    return this
  }

  byte(value: number): void {
    this.#reserve(1)
    this.bytes[this.length++] = value
  }

  /** Bytes as they are, without a header. */
  append(bytes: Uint8Array, start = 0, end = bytes.length): void {
    const length = end - start
    this.#reserve(length)
    if (length > 64)
      this.bytes.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.length)
    else for (let i = start, j = this.length; i < end; i++, j++) this.bytes[j] = bytes[i]
    this.length += length
  }

  map(count: number): void {
    this.#count(count, 0x80, 0xde)
  }

  array(count: number): void {
    this.#count(count, 0x90, 0xdc)
  }

  nil(): void {
    this.byte(0xc0)
  }

  bool(value: boolean): void {
    this.byte(value ? 0xc3 : 0xc2)
  }

  float(value: number): void {
    this.#reserve(9)
    this.bytes[this.length] = 0xcb
    this.#view.setFloat64(this.length + 1, value)
    this.length += 9
  }

  /** A whole number from 0 to 2^64 - 1 in its shortest form. */
  uint(value: number | bigint): void {
    this.#reserve(9)
    const at = this.length
    if (value < 0x80) {
      this.bytes[at] = Number(value)
      this.length += 1
    } else if (value < 0x100) {
      this.bytes[at] = 0xcc
      this.bytes[at + 1] = Number(value)
      this.length += 2
    } else if (value < 0x10000) {
      this.bytes[at] = 0xcd
      this.#view.setUint16(at + 1, Number(value))
      this.length += 3
    } else if (value < 0x1_0000_0000) {
      this.bytes[at] = 0xce
      this.#view.setUint32(at + 1, Number(value))
      this.length += 5
    } else {
      this.bytes[at] = 0xcf
      this.#view.setBigUint64(at + 1, BigInt(value))
      this.length += 9
    }
  }

  /** A byte string with its header; null is «absent». */
  raw(bytes: Uint8Array | null, start = 0, end = bytes?.length ?? 0): void {
    if (bytes === null) {
      this.nil()
      return
    }
    this.#rawHeader(end - start)
    this.append(bytes, start, end)
  }

  text(text: string): void {
    this.raw(UTF8.encode(text))
  }

  textOf(text: string): this {
    this.text(text)
    return this
  }

  /** A key made by `key`. */
  key(encoded: Uint8Array): void {
    this.append(encoded)
  }

  /** What is written, good until the next reset or write. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }

  copy(): Uint8Array {
    return this.bytes.slice(0, this.length)
  }

  #rawHeader(length: number): void {
    this.#reserve(5)
    const at = this.length
    if (length < 32) {
      this.bytes[at] = 0xa0 | length
      this.length += 1
    } else if (length < 0x10000) {
      this.bytes[at] = 0xda
      this.#view.setUint16(at + 1, length)
      this.length += 3
    } else {
      this.bytes[at] = 0xdb
      this.#view.setUint32(at + 1, length)
      this.length += 5
    }
  }

  #count(count: number, fix: number, wide: number): void {
    this.#reserve(5)
    const at = this.length
    if (count < 16) {
      this.bytes[at] = fix | count
      this.length += 1
    } else if (count < 0x10000) {
      this.bytes[at] = wide
      this.#view.setUint16(at + 1, count)
      this.length += 3
    } else {
      this.bytes[at] = wide + 1
      this.#view.setUint32(at + 1, count)
      this.length += 5
    }
  }

  #reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(this.length + more, this.bytes.length * 2))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}

export { Malformed, UNFINISHED } from './malformed.ts'
export { Reader } from './reader.ts'
