/**
 * Records: which field comes next. Go writes the fields of a record in the order of their names, so a reader that expects that
 * order compares one key per field and is right; anything else (other order, unknown or missing keys, array form) takes the
 * slow way.
 */
import { key, Malformed, type Reader } from './msgpack.ts'

export interface Shape {
  /** Encoded keys in the order in which they are written. */
  keys: readonly Uint8Array[]
  /** For the array form: index into `keys` by position. */
  declared: readonly number[]
}

const NAMELESS = new Malformed('a key that is no text')

/** A shape from field names in written order; `declared` names them in the order of the array form. */
export function shape(written: readonly string[], declared: readonly string[] = written): Shape {
  return { keys: written.map(key), declared: declared.map((name) => written.indexOf(name)) }
}

/** Walks the fields of one record. Reusable; `next` gives the index of a field in the shape, or -1 at the end. */
export class Fields {
  readonly #shape: Shape
  #left = 0
  #position = 0
  #isArray = false

  constructor(shape: Shape) {
    this.#shape = shape
  }

  begin(reader: Reader): void {
    this.#left = reader.map()
    this.#position = 0
    this.#isArray = this.#left < 0
    if (this.#isArray) this.#left = reader.array()
  }

  next(reader: Reader): number {
    while (this.#left > 0) {
      this.#left -= 1
      const field = this.#isArray ? this.#byPosition() : this.#byKey(reader)
      if (field >= 0) return field
      reader.skip()
    }
    return -1
  }

  #byPosition(): number {
    const field = this.#shape.declared[this.#position] ?? -1
    this.#position += 1
    return field
  }

  #byKey(reader: Reader): number {
    const { keys } = this.#shape
    const expected = this.#position
    if (expected < keys.length && startsWith(reader, keys[expected])) {
      reader.at += keys[expected].length
      this.#position = expected + 1
      return expected
    }
    const type = reader.bytes[reader.at]
    reader.raw()
    if (type === 0xc0 || reader.rawBytes !== reader.bytes) throw NAMELESS
    for (let i = 0; i < keys.length; i++) {
      if (!isNamed(reader, keys[i])) continue
      this.#position = i + 1
      return i
    }
    return -1
  }
}

function startsWith(reader: Reader, key: Uint8Array): boolean {
  const { bytes, at, end } = reader
  if (at + key.length > end) return false
  for (let i = 0; i < key.length; i++) if (bytes[at + i] !== key[i]) return false
  return true
}

/** Whether the reader's last raw is this key's name. Names are shorter than 32 bytes: one byte of header. */
function isNamed(reader: Reader, key: Uint8Array): boolean {
  const { rawBytes, rawStart, rawEnd } = reader
  if (rawEnd - rawStart !== key.length - 1) return false
  for (let i = 1; i < key.length; i++) if (rawBytes[rawStart + i - 1] !== key[i]) return false
  return true
}
