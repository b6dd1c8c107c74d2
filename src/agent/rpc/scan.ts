/**
 * Finds where a msgpack value ends in bytes that arrive piece by piece, without decoding it: the protocol has no frames (protocol page 3,
 * section 1.1). Every byte is looked at once however it is cut, nothing is allocated for what a length merely announces, and a value that is
 * nested too deeply is refused before a decoder would recurse into it.
 */

/** Deeper than any record of the protocol (three), with room for fields that later versions may add. */
const DEEPEST = 16

/** Bytes of what follows the tag: fixed sizes by tag, from c0 to df; -1 where a length or count stands there. */
const FIXED: Readonly<Record<number, number>> = {
  192: 0,
  194: 0,
  195: 0,
  202: 4,
  203: 8,
  204: 1,
  205: 2,
  206: 4,
  207: 8,
  208: 1,
  209: 2,
  210: 4,
  211: 8,
  212: 2,
  213: 3,
  214: 5,
  215: 9,
  216: 17,
}
/** Tags with a length: how many bytes it has, and how many more than it says follow (the type of an extension). */
const SIZED: Readonly<Record<number, readonly [number, number]>> = {
  196: [1, 0],
  197: [2, 0],
  198: [4, 0],
  199: [1, 1],
  200: [2, 1],
  201: [4, 1],
  217: [1, 0],
  218: [2, 0],
  219: [4, 0],
}
/** Tags with a count: how many bytes it has, and how many values an element is. */
const COUNTED: Readonly<Record<number, readonly [number, number]>> = {
  220: [2, 1],
  221: [4, 1],
  222: [2, 2],
  223: [4, 2],
}

export type Scanned = 'complete' | 'incomplete' | 'malformed'

export class ValueScanner {
  /** Where the next unread byte stands; the end of the value once it is complete. */
  at = 0
  /** Values that are still missing at each level of nesting. */
  #missing = [1]

  /** Starts at the first byte of another value. */
  reset(at: number): void {
    this.at = at
    this.#missing = [1]
  }

  /** Reads on in the bytes, of which all before `at` are as they were. */
  scan(bytes: Uint8Array): Scanned {
    while (this.#missing.length > 0) {
      if (this.at >= bytes.length) return 'incomplete'
      const step = this.#value(bytes)
      if (step !== 'complete') return step
      while (this.#missing.at(-1) === 0) this.#missing.pop()
    }
    return 'complete'
  }

  /** One value's tag and its own bytes; what it holds comes as further values. */
  #value(bytes: Uint8Array): Scanned {
    const tag = bytes[this.at]
    if (tag < 0x80 || tag >= 0xe0) return this.#take(bytes, 1, 0)
    if (tag < 0x90) return this.#take(bytes, 1, 2 * (tag & 15))
    if (tag < 0xa0) return this.#take(bytes, 1, tag & 15)
    if (tag < 0xc0) return this.#take(bytes, 1 + (tag & 31), 0)
    if (tag in FIXED) return this.#take(bytes, 1 + FIXED[tag], 0)
    if (tag in SIZED) {
      const [size, more] = SIZED[tag]
      const length = this.#number(bytes, size)
      return length < 0 ? 'incomplete' : this.#take(bytes, 1 + size + more + length, 0)
    }
    if (!(tag in COUNTED)) return 'malformed'
    const [size, values] = COUNTED[tag]
    const count = this.#number(bytes, size)
    return count < 0 ? 'incomplete' : this.#take(bytes, 1 + size, values * count)
  }

  /** Moves on by so many bytes, if they are there, and expects so many values inside. */
  #take(bytes: Uint8Array, length: number, values: number): Scanned {
    if (this.at + length > bytes.length) return 'incomplete'
    this.at += length
    this.#missing[this.#missing.length - 1] -= 1
    if (values === 0) return 'complete'
    this.#missing.push(values)
    return this.#missing.length > DEEPEST ? 'malformed' : 'complete'
  }

  #number(bytes: Uint8Array, size: number): number {
    if (this.at + 1 + size > bytes.length) return -1
    let value = 0
    for (let i = 1; i <= size; i++) value = value * 256 + bytes[this.at + i]
    return value
  }
}
