/**
 * Fields of a record as a peer sent it: a map, an array in declaration order, or nil (protocol page 3, section 1.2). What is missing or nil
 * is the field's zero; whole numbers may come as doubles, text as bytes and bytes as text, since the meaning is certain; anything else that
 * does not fit is refused.
 */
import { RpcMalformed } from './reader.ts'

const UTF8 = new TextEncoder()
const TEXT = new TextDecoder()

export const U64_MAX = 2n ** 64n - 1n

export class Fields {
  readonly #values: ReadonlyMap<string, unknown>

  /** `order` names the fields as declared. */
  constructor(record: unknown, order: readonly string[]) {
    this.#values = valuesOf(record, order)
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  text(name: string): string {
    return textFrom(name, this.#values.get(name))
  }

  /** Null when absent or nil; an empty byte string stays one. */
  bytes(name: string): Uint8Array | null {
    const value = this.#values.get(name) ?? null
    if (value === null || value instanceof Uint8Array) return value
    if (typeof value === 'string') return UTF8.encode(value)
    if (Array.isArray(value) && value.every((item) => isWhole(item) && item >= 0 && item < 256)) {
      return Uint8Array.from(value, Number)
    }
    throw refused(name, 'bytes')
  }

  bool(name: string): boolean {
    const value = this.#values.get(name) ?? false
    if (typeof value === 'boolean') return value
    if (value === 0 || value === 1) return value === 1
    throw refused(name, 'true or false')
  }

  /** A whole number within bounds that a double holds exactly. */
  int(name: string, least: number, most: number): number {
    return Number(wholeFrom(name, this.#values.get(name), BigInt(least), BigInt(most)))
  }

  /** A whole number of up to 64 bits: a bigint only where a number would not be exact. */
  long(name: string, least: bigint, most: bigint): number | bigint {
    return exact(wholeFrom(name, this.#values.get(name), least, most))
  }

  float(name: string): number {
    return floatFrom(name, this.#values.get(name))
  }

  /** Null when absent or nil. */
  floats(name: string): number[] | null {
    return this.#list(name)?.map((item) => floatFrom(name, item)) ?? null
  }

  texts(name: string): string[] {
    return this.#list(name)?.map((item) => textFrom(name, item)) ?? []
  }

  /** Records of a list, to be read one by one. */
  records(name: string): unknown[] {
    return this.#list(name) ?? []
  }

  record(name: string): unknown {
    return this.#values.get(name) ?? null
  }

  /** A free map of texts; null when absent or nil. The last of equal keys counts. */
  tags(name: string): Record<string, string> | null {
    return tagsFrom(name, this.#values.get(name))
  }

  /** A free map of whole numbers. */
  counts(name: string): Map<string, number> {
    const value = this.#values.get(name) ?? new Map<unknown, unknown>()
    if (!(value instanceof Map)) throw refused(name, 'a map')
    const entries = [...value].map(([key, count]): [string, number] => [
      textFrom(name, key),
      Number(wholeFrom(name, count, -(2n ** 53n), 2n ** 53n)),
    ])
    return new Map(entries)
  }

  #list(name: string): unknown[] | null {
    const value = this.#values.get(name) ?? null
    if (value === null || Array.isArray(value)) return value
    throw refused(name, 'a list')
  }
}

/** A free map of texts, as a record without prototype: tag names come from strangers. */
export function tagsFrom(name: string, value: unknown): Record<string, string> | null {
  if (value === undefined || value === null) return null
  if (!(value instanceof Map)) throw refused(name, 'a map')
  const tags: Record<string, string> = Object.create(null)
  for (const [key, text] of value) tags[textFrom(name, key)] = textFrom(name, text)
  return tags
}

function valuesOf(record: unknown, order: readonly string[]): ReadonlyMap<string, unknown> {
  if (record === null) return new Map()
  if (Array.isArray(record)) {
    return new Map(order.slice(0, record.length).map((name, i): [string, unknown] => [name, record[i]]))
  }
  if (!(record instanceof Map)) throw new RpcMalformed('a record is a map, an array or nil')
  const values = new Map<string, unknown>()
  for (const [key, value] of record) {
    if (typeof key !== 'string' && !(key instanceof Uint8Array))
      throw new RpcMalformed('the name of a field is text')
    values.set(textFrom('', key), value)
  }
  return values
}

function textFrom(name: string, value: unknown): string {
  if (typeof value === 'string') return value
  if (value === undefined || value === null) return ''
  if (value instanceof Uint8Array) return TEXT.decode(value)
  throw refused(name, 'text')
}

function isWhole(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || Number.isInteger(value)
}

function wholeFrom(name: string, value: unknown, least: bigint, most: bigint): bigint {
  const given = value ?? 0
  if (isWhole(given)) {
    const whole = BigInt(given)
    if (whole >= least && whole <= most) return whole
  }
  throw refused(name, `a whole number from ${least} to ${most}`)
}

function exact(whole: bigint): number | bigint {
  const number = Number(whole)
  return Number.isSafeInteger(number) ? number : whole
}

function floatFrom(name: string, value: unknown): number {
  const given = value ?? 0
  if (typeof given === 'number') return given
  if (typeof given === 'bigint') return Number(given)
  throw refused(name, 'a number')
}

function refused(name: string, expected: string): RpcMalformed {
  return new RpcMalformed(`field ${name} is not ${expected}`)
}
