/**
 * The reading half of the msgpack dialect: one value after the other, out of bytes that stay where they are. It takes all that Go takes
 * (protocol page 1, section 2.2) and throws Malformed on everything else.
 */
import { Malformed, UNFINISHED } from './malformed.ts'

const SHORT = new Malformed(UNFINISHED)
const TYPE = new Malformed('another type than expected')
const RANGE = new Malformed('a number out of range')
const LAMPORT = new Malformed('a Lamport time beyond 2^53')
const DEPTH = new Malformed('values nested too deep')
const EMPTY = new Uint8Array(0)

/** Deepest nesting that `skip` follows; legal messages have four levels. */
const DEEPEST = 32

export class Reader {
  bytes: Uint8Array = EMPTY
  at = 0
  end = 0
  /** Where the last `raw` stands: in `bytes`, or in a copy where it came as a list of small numbers. */
  rawBytes: Uint8Array = EMPTY
  rawStart = 0
  rawEnd = 0
  rawNil = false

  reset(bytes: Uint8Array, at = 0, end = bytes.length): this {
    this.bytes = bytes
    this.at = at
    this.end = end
    return this
  }

  /** Lets go of the bytes: a reader that stays would keep a state of megabytes until it reads again. */
  release(): void {
    this.reset(EMPTY)
    this.rawBytes = EMPTY
  }

  /** Number of fields of a record in map form; -1 for array form (then ask `array`); 0 for nil. */
  map(): number {
    const type = this.#next()
    if ((type & 0xf0) === 0x80) return type & 0x0f
    if (type === 0xde) return this.#u16()
    if (type === 0xdf) return this.#u32()
    if (type === 0xc0) return 0
    if ((type & 0xf0) === 0x90 || type === 0xdc || type === 0xdd) {
      this.at -= 1
      return -1
    }
    throw TYPE
  }

  /** Number of items; 0 for nil. */
  array(): number {
    const type = this.#next()
    if ((type & 0xf0) === 0x90) return type & 0x0f
    if (type === 0xdc) return this.#u16()
    if (type === 0xdd) return this.#u32()
    if (type === 0xc0) return 0
    throw TYPE
  }

  /** Text or bytes in any form that Go takes; sets `rawBytes`, `rawStart`, `rawEnd`, `rawNil`. */
  raw(): void {
    const type = this.#next()
    let length: number
    if ((type & 0xe0) === 0xa0) length = type & 0x1f
    else if (type === 0xda || type === 0xc5) length = this.#u16()
    else if (type === 0xd9 || type === 0xc4) length = this.#next()
    else if (type === 0xdb || type === 0xc6) length = this.#u32()
    else if (type === 0xc0) {
      this.#setRaw(this.bytes, this.at, this.at)
      this.rawNil = true
      return
    } else {
      this.at -= 1
      this.#rawList()
      return
    }
    const start = this.at
    if (start + length > this.end) throw SHORT
    this.#setRaw(this.bytes, start, start + length)
    this.at = start + length
  }

  /** A whole number from 0 to `max`, which is at most 2^53. */
  uint(max: number): number {
    const value = this.#whole()
    if (typeof value === 'bigint' || value < 0 || value > max) throw RANGE
    return value
  }

  /** A Lamport time; beyond 2^53 it is refused, since doubles would no longer tell two of them apart. */
  lamport(): number {
    const value = this.#whole()
    if (typeof value === 'bigint') throw LAMPORT
    if (value < 0) throw RANGE
    return value
  }

  /** A Lamport time among others in a state, where one that is refused must not cost the rest: beyond 2^53 it is `Infinity`, which no clock admits. */
  lamportOrEndless(): number {
    const value = this.#whole()
    if (value < 0) throw RANGE
    return typeof value === 'bigint' ? Number.POSITIVE_INFINITY : value
  }

  /** Any unsigned number; bigint only beyond 2^53. */
  u64(): number | bigint {
    const value = this.#whole()
    if (value < 0) throw RANGE
    return value
  }

  /** Any signed number; bigint only beyond 2^53. */
  int64(): number | bigint {
    return this.#whole()
  }

  bool(): boolean {
    const type = this.#next()
    if (type === 0xc3 || type === 1) return true
    if (type === 0xc2 || type === 0 || type === 0xc0) return false
    throw TYPE
  }

  float(): number {
    const type = this.#next()
    if (type === 0xcb) {
      this.#need(8)
      const value = this.#view().getFloat64(this.at)
      this.at += 8
      return value
    }
    if (type === 0xca) {
      this.#need(4)
      const value = this.#view().getFloat32(this.at)
      this.at += 4
      return value
    }
    this.at -= 1
    return Number(this.#whole())
  }

  /** Steps over one value of any kind, without recursion. */
  skip(): void {
    const open = [1]
    while (open.length > 0) {
      const last = open.length - 1
      if (open[last] === 0) {
        open.pop()
        continue
      }
      open[last] -= 1
      const inside = this.#skipOne()
      if (inside === 0) continue
      if (open.length >= DEEPEST) throw DEPTH
      open.push(inside)
    }
  }

  /** Steps over a header and what has no values inside; returns how many values follow inside. */
  #skipOne(): number {
    const type = this.#next()
    if (type < 0x80 || type >= 0xe0) return 0
    if (type < 0x90) return 2 * (type & 0x0f)
    if (type < 0xa0) return type & 0x0f
    if (type < 0xc0) return this.#over(type & 0x1f)
    switch (type) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return 0
      case 0xc4:
      case 0xd9:
        return this.#over(this.#next())
      case 0xc5:
      case 0xda:
        return this.#over(this.#u16())
      case 0xc6:
      case 0xdb:
        return this.#over(this.#u32())
      case 0xc7:
        return this.#over(this.#next() + 1)
      case 0xc8:
        return this.#over(this.#u16() + 1)
      case 0xc9:
        return this.#over(this.#u32() + 1)
      case 0xdc:
        return this.#u16()
      case 0xdd:
        return this.#u32()
      case 0xde:
        return 2 * this.#u16()
      case 0xdf:
        return 2 * this.#u32()
      case 0xc1:
        throw TYPE
      default:
        return this.#over(FIXED_LENGTHS[type - 0xca])
    }
  }

  #over(length: number): 0 {
    this.#need(length)
    this.at += length
    return 0
  }

  /** Nil is zero; numbers in any form; a float is no whole number. */
  #whole(): number | bigint {
    const type = this.#next()
    if (type < 0x80) return type
    if (type >= 0xe0) return type - 0x100
    switch (type) {
      case 0xc0:
        return 0
      case 0xcc:
        return this.#next()
      case 0xcd:
        return this.#u16()
      case 0xce:
        return this.#u32()
      case 0xcf:
        return this.#wide('unsigned')
      case 0xd0:
        return (this.#next() << 24) >> 24
      case 0xd1:
        return (this.#u16() << 16) >> 16
      case 0xd2:
        return this.#u32() | 0
      case 0xd3:
        return this.#wide('signed')
      default:
        throw TYPE
    }
  }

  #wide(kind: 'signed' | 'unsigned'): number | bigint {
    this.#need(8)
    const view = this.#view()
    const value = kind === 'signed' ? view.getBigInt64(this.at) : view.getBigUint64(this.at)
    this.at += 8
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value
  }

  /** A byte string written as a list of numbers below 256. */
  #rawList(): void {
    const count = this.array()
    if (count > this.end - this.at) throw SHORT
    const bytes = new Uint8Array(count)
    for (let i = 0; i < count; i++) bytes[i] = this.uint(255)
    this.#setRaw(bytes, 0, count)
  }

  #setRaw(bytes: Uint8Array, start: number, end: number): void {
    this.rawBytes = bytes
    this.rawStart = start
    this.rawEnd = end
    this.rawNil = false
  }

  #next(): number {
    if (this.at >= this.end) throw SHORT
    return this.bytes[this.at++]
  }

  #need(length: number): void {
    if (this.at + length > this.end) throw SHORT
  }

  #u16(): number {
    this.#need(2)
    const value = (this.bytes[this.at] << 8) | this.bytes[this.at + 1]
    this.at += 2
    return value
  }

  #u32(): number {
    this.#need(4)
    const { bytes, at } = this
    this.at += 4
    return bytes[at] * 0x100_0000 + ((bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3])
  }

  #view(): DataView {
    return new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length)
  }
}

/** Bytes behind the type bytes ca to d8 that have a fixed length: floats, numbers, short extensions. */
const FIXED_LENGTHS = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17]
