/**
 * Counters whose names come from outside: each name of a user event or query has one, up to a bound, and all further names share `other`.
 * What the original counts under `serf.events.NAME` grows with every name that anybody makes up.
 */
import type { Counters } from './counters.ts'
import { toLatin } from './latin.ts'

/** Names that are counted apart. */
export const MOST_NAMES = 100
const LONGEST_NAME = 64

export class CappedNames {
  readonly #counters: Counters
  readonly #prefix: string
  readonly #keys = new Map<string, string>()

  /** Counts under `prefix{name=...}`. */
  constructor(counters: Counters, prefix: string) {
    this.#counters = counters
    this.#prefix = prefix
  }

  /** One more of the name that stands in `bytes`. */
  count(bytes: Uint8Array, start: number, end: number): void {
    this.#counters.add(this.#key(toLatin(bytes, start, Math.min(end, start + LONGEST_NAME))))
  }

  #key(name: string): string {
    const known = this.#keys.get(name)
    if (known !== undefined) return known
    if (this.#keys.size >= MOST_NAMES) return `${this.#prefix}{name=other}`
    const key = `${this.#prefix}{name=${printable(name)}}`
    this.#keys.set(name, key)
    return key
  }
}

/** What can stand in a label: letters, digits and some signs; everything else is an underscore. */
function printable(name: string): string {
  let text = ''
  for (const sign of name) text += /[\w.:/-]/.test(sign) ? sign : '_'
  return text
}
