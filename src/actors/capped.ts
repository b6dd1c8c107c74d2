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
  /** The name that was counted last, and its key; no key at first. */
  #last = new Uint8Array(0)
  #lastKey = ''

  /** Counts under `prefix{name=...}`. */
  constructor(counters: Counters, prefix: string) {
    this.#counters = counters
    this.#prefix = prefix
  }

  /** One more of the name that stands in `bytes`. */
  count(bytes: Uint8Array, start: number, end: number): void {
    const until = Math.min(end, start + LONGEST_NAME)
    // A flood of events is nearly always of one name: then no text is made of it.
    if (!this.#isLast(bytes, start, until)) {
      this.#last = bytes.slice(start, until)
      this.#lastKey = this.#key(toLatin(this.#last))
    }
    this.#counters.add(this.#lastKey)
  }

  #isLast(bytes: Uint8Array, start: number, end: number): boolean {
    const last = this.#last
    if (last.length !== end - start || this.#lastKey === '') return false
    for (let i = 0; i < last.length; i++) if (last[i] !== bytes[start + i]) return false
    return true
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
