/**
 * What outlives a crash of the actors: our incarnation, the Lamport clocks, our tags and keys, in memory that gossip writes and the supervisor
 * reads once gossip is gone. Everything else that a restart needs the facade knows.
 *
 *     f64 incarnation | f64 member clock | f64 event clock | f64 query clock | tags | keys | verify
 *     tags            u16 length plus one (0: never written) | meta, as it travels
 *     keys            u16 count plus one (0: never changed)  | u8 length and bytes of each
 *     verify          u8: 0: never changed; 4, and 1 for incoming, 2 for outgoing
 *
 * Each turn of gossip writes the four numbers: plain stores, since nobody reads while gossip lives.
 */
import type { Verification } from '../actors/mail.ts'
import { MOST_KEYS } from '../wire/keyring.ts'
import { META_LIMIT } from '../wire/tags.ts'

const NUMBERS = 4
const LONGEST_KEY = 32
const TAGS_AT = NUMBERS * 8
const KEYS_AT = TAGS_AT + 2 + META_LIMIT
const VERIFY_AT = KEYS_AT + 2 + MOST_KEYS * (1 + LONGEST_KEY)
const SIZE = VERIFY_AT + 1

/** What was true when gossip ended its last turn. */
export interface Recollection {
  /** 0: gossip had not begun. */
  incarnation: number
  /** The next times of the clocks. */
  memberTime: number
  eventTime: number
  queryTime: number
  /** Our tags as meta; undefined: those that gossip was started with. */
  meta: Uint8Array | undefined
  /** The keys, the primary first; undefined: those that gossip was started with. */
  keys: Uint8Array[] | undefined
  /** What they are for; undefined: as gossip was started. */
  verify: Verification | undefined
}

export function newCrashMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(SIZE)
}

export class CrashMemory {
  readonly #numbers: Float64Array
  readonly #view: DataView
  readonly #bytes: Uint8Array

  constructor(memory: SharedArrayBuffer) {
    this.#numbers = new Float64Array(memory, 0, NUMBERS)
    this.#view = new DataView(memory)
    this.#bytes = new Uint8Array(memory)
  }

  /** At the end of a turn. */
  note(incarnation: number, memberTime: number, eventTime: number, queryTime: number): void {
    const numbers = this.#numbers
    numbers[0] = incarnation
    numbers[1] = memberTime
    numbers[2] = eventTime
    numbers[3] = queryTime
  }

  /** Our tags as meta, within its limit. */
  tags(meta: Uint8Array): void {
    this.#bytes.set(meta, TAGS_AT + 2)
    this.#view.setUint16(TAGS_AT, meta.length + 1)
  }

  keys(keys: readonly Uint8Array[]): void {
    let at = KEYS_AT + 2
    for (const key of keys) {
      this.#bytes[at] = key.length
      this.#bytes.set(key, at + 1)
      at += 1 + key.length
    }
    this.#view.setUint16(KEYS_AT, keys.length + 1)
  }

  verification({ incoming, outgoing }: Verification): void {
    this.#bytes[VERIFY_AT] = 4 + (incoming === 'verified' ? 1 : 0) + (outgoing === 'sealed' ? 2 : 0)
  }

  recall(): Recollection {
    const [incarnation, memberTime, eventTime, queryTime] = this.#numbers
    const metaLength = this.#view.getUint16(TAGS_AT)
    const meta = metaLength === 0 ? undefined : this.#bytes.slice(TAGS_AT + 2, TAGS_AT + 2 + metaLength - 1)
    const keys = this.#recalledKeys()
    const flags = this.#bytes[VERIFY_AT]
    const verify: Verification | undefined =
      flags === 0
        ? undefined
        : { incoming: flags & 1 ? 'verified' : 'any', outgoing: flags & 2 ? 'sealed' : 'plain' }
    return { incarnation, memberTime, eventTime, queryTime, meta, keys, verify }
  }

  #recalledKeys(): Uint8Array[] | undefined {
    const count = this.#view.getUint16(KEYS_AT)
    if (count === 0) return undefined
    const keys: Uint8Array[] = []
    let at = KEYS_AT + 2
    while (keys.length < count - 1) {
      const length = this.#bytes[at]
      keys.push(this.#bytes.slice(at + 1, at + 1 + length))
      at += 1 + length
    }
    return keys
  }
}
