/**
 * LZW as in GIF image data: literals of 8 bits, least significant bit first, codes of 9 to 12 bits (protocol page 1, section
 * 4.4). The compressor gives byte for byte what Go gives. Both sides work in slices, since the state of a large pool takes a
 * tenth of a second.
 */

const CLEAR = 256
const END = 257
const FIRST_WIDTH = 9
const LAST_WIDTH = 12
const MOST_CODES = 4096
/** Code at which the compressor starts anew: 4095 is never given out. */
const FULL = 4095

/** Slots of the compressor's hash table: four for each code, so that chains stay short. */
const SLOTS = 1 << 14
/** Multiplier that spreads (code, byte) pairs over the slots. */
const SPREAD = 0x9e3779b1

export class Compressor {
  readonly #input: Uint8Array
  #at = 0
  #output: Uint8Array
  #used = 0
  #pending = 0
  #pendingBits = 0
  #width = FIRST_WIDTH
  #high = END
  #code = -1
  /** (code << 8 | byte) + 1 of each slot, and the code of that pair; 0 is empty. */
  readonly #pairs: Int32Array
  readonly #codes: Uint16Array

  constructor(input: Uint8Array, pairs = new Int32Array(SLOTS), codes = new Uint16Array(SLOTS)) {
    this.#input = input
    this.#pairs = pairs
    this.#codes = codes
    this.#output = new Uint8Array(64 + (input.length >> 1))
    this.#emit(CLEAR)
  }

  /** Works on up to `bytes` more of the input; true when all is done. */
  step(bytes: number): boolean {
    const input = this.#input
    const until = Math.min(input.length, this.#at + bytes)
    if (this.#code < 0 && this.#at < until) this.#code = input[this.#at++]
    while (this.#at < until) this.#take(input[this.#at++])
    if (this.#at < input.length) return false
    this.#finish()
    return true
  }

  result(): Uint8Array {
    return this.#output.subarray(0, this.#used)
  }

  #take(byte: number): void {
    const pair = ((this.#code << 8) | byte) + 1
    let slot = Math.imul(pair, SPREAD) >>> 18
    for (let found = this.#pairs[slot]; found !== 0; found = this.#pairs[slot]) {
      if (found === pair) {
        this.#code = this.#codes[slot]
        return
      }
      slot = (slot + 1) & (SLOTS - 1)
    }
    this.#emit(this.#code)
    this.#code = byte
    if (this.#advance()) return
    this.#pairs[slot] = pair
    this.#codes[slot] = this.#high
  }

  /** Counts a code that was emitted; true when the table was cleared. */
  #advance(): boolean {
    this.#high += 1
    if (this.#high === 1 << this.#width) this.#width += 1
    if (this.#high !== FULL) return false
    this.#emit(CLEAR)
    this.#pairs.fill(0)
    this.#width = FIRST_WIDTH
    this.#high = END
    return true
  }

  #finish(): void {
    if (this.#code >= 0) {
      this.#emit(this.#code)
      this.#advance()
      this.#code = -1
    }
    this.#emit(END)
    if (this.#pendingBits > 0) this.#put(this.#pending & 255)
    this.#pendingBits = 0
  }

  #emit(code: number): void {
    this.#pending |= code << this.#pendingBits
    this.#pendingBits += this.#width
    while (this.#pendingBits >= 8) {
      this.#put(this.#pending & 255)
      this.#pending >>>= 8
      this.#pendingBits -= 8
    }
  }

  #put(byte: number): void {
    if (this.#used === this.#output.length) {
      const grown = new Uint8Array(this.#output.length * 2)
      grown.set(this.#output)
      this.#output = grown
    }
    this.#output[this.#used++] = byte
  }
}

export type Expansion = 'more' | 'done' | 'malformed' | 'too large'

const FIRST_OUTPUT = 4096

export class Expander {
  readonly #input: Uint8Array
  readonly #limit: number
  #at = 0
  #output: Uint8Array
  #used = 0
  #pending = 0
  #pendingBits = 0
  #width = FIRST_WIDTH
  /** The highest code that is defined, the one about to be included. */
  #high = END
  /** Where the string of the last code began, and its length; -1: there is none since the last clear. */
  #lastStart = -1
  #lastLength = 0
  // A string is a place in the output: that of code c begins at #starts[c] and is #lengths[c] long.
  readonly #starts: Int32Array
  readonly #lengths: Int32Array

  /** `limit`: bytes of output at most. */
  constructor(
    input: Uint8Array,
    limit: number,
    starts = new Int32Array(MOST_CODES),
    lengths = new Int32Array(MOST_CODES),
  ) {
    this.#starts = starts
    this.#lengths = lengths
    this.#input = input
    this.#limit = limit
    this.#output = new Uint8Array(Math.min(limit, Math.max(FIRST_OUTPUT, input.length * 3)))
  }

  /** Gives up to about `bytes` more of output. */
  step(bytes: number): Expansion {
    const until = this.#used + bytes
    while (this.#used < until) {
      const code = this.#next()
      if (code === END) return 'done'
      if (code < 0) return 'malformed'
      if (code === CLEAR) {
        this.#width = FIRST_WIDTH
        this.#high = END
        this.#lastStart = -1
        continue
      }
      const outcome = this.#write(code)
      if (outcome !== 'more') return outcome
    }
    return 'more'
  }

  result(): Uint8Array {
    return this.#output.subarray(0, this.#used)
  }

  /** The next code; -1 when the input ends before it. */
  #next(): number {
    while (this.#pendingBits < this.#width) {
      if (this.#at === this.#input.length) return -1
      this.#pending |= this.#input[this.#at++] << this.#pendingBits
      this.#pendingBits += 8
    }
    const code = this.#pending & ((1 << this.#width) - 1)
    this.#pending >>>= this.#width
    this.#pendingBits -= this.#width
    return code
  }

  #write(code: number): Expansion {
    const hasLast = this.#lastStart >= 0
    // The string of a code that is just being defined is the last one and its own first byte.
    const isOwn = code > this.#high || (code === this.#high + 1 && hasLast)
    if (code > (hasLast ? this.#high + 1 : 255)) return 'malformed'
    const length = code < 256 ? 1 : isOwn ? this.#lastLength + 1 : this.#lengths[code]
    if (this.#used + length > this.#limit) return 'too large'
    this.#reserve(length)
    const start = this.#used
    const output = this.#output
    if (code < 256) output[start] = code
    else {
      const from = isOwn ? this.#lastStart : this.#starts[code]
      for (let i = 0; i < length; i++) output[start + i] = output[from + i]
    }
    this.#used += length
    this.#define(start, length)
    return 'more'
  }

  /** The code after the first since a clear defines: the string before it and its own first byte. */
  #define(start: number, length: number): void {
    if (this.#lastStart >= 0 && this.#high < MOST_CODES - 1) {
      this.#high += 1
      this.#starts[this.#high] = this.#lastStart
      this.#lengths[this.#high] = this.#lastLength + 1
      if (this.#high + 1 >= 1 << this.#width && this.#width < LAST_WIDTH) this.#width += 1
    }
    this.#lastStart = start
    this.#lastLength = length
  }

  #reserve(more: number): void {
    const needed = this.#used + more
    if (needed <= this.#output.length) return
    const grown = new Uint8Array(Math.min(this.#limit, Math.max(needed, this.#output.length * 2)))
    grown.set(this.#output.subarray(0, this.#used))
    this.#output = grown
  }
}

// Tables of the one-shot forms, which run to their end before anybody else can use them: a packet should not cost 96 KiB.
const PAIRS = new Int32Array(SLOTS)
const CODES = new Uint16Array(SLOTS)
const STARTS = new Int32Array(MOST_CODES)
const LENGTHS = new Int32Array(MOST_CODES)

/** Compresses in one go. */
export function compress(input: Uint8Array): Uint8Array {
  PAIRS.fill(0)
  const compressor = new Compressor(input, PAIRS, CODES)
  compressor.step(input.length + 1)
  return compressor.result()
}

/** Expands in one go to at most `limit` bytes; undefined when the input is malformed or the output too large. */
export function expand(input: Uint8Array, limit: number): Uint8Array | undefined {
  const expander = new Expander(input, limit, STARTS, LENGTHS)
  return expander.step(limit + 1) === 'done' ? expander.result() : undefined
}
