/**
 * Sealing and opening in slices, for streams: the state of a large pool takes tens of milliseconds, and a hostile peer may make us
 * try 20 MiB with every key (protocol page 1, section 5.2).
 */
import { type CipherGCM, createCipheriv, createDecipheriv, type DecipherGCM } from 'node:crypto'
import {
  isGenuine,
  type Key,
  type Keyring,
  looksSealed,
  SEAL_HEAD,
  SEAL_TAG,
  type SealVersion,
  withoutPadding,
} from './keyring.ts'

/** Bytes sealed or opened in one slice: about a millisecond. */
export const SEAL_SLICE = 1024 * 1024
/** Type byte and length in front of an encrypted message of a stream. */
export const SEALED_HEAD = 5

/** What an encrypted message of a stream authenticates besides itself: the head that stands at `at`, and the label (section 5.2). */
export function sealedExtra(bytes: Uint8Array, at: number, label: Uint8Array): Uint8Array {
  const extra = new Uint8Array(SEALED_HEAD + label.length)
  extra.set(bytes.subarray(at, at + SEALED_HEAD))
  extra.set(label, SEALED_HEAD)
  return extra
}

/** Seals a plaintext in its place, as `Keyring.seal` does at once. */
export class Sealing {
  readonly #bytes: Uint8Array
  readonly #cipher: CipherGCM
  #at: number
  readonly #end: number

  /** `length` bytes of plaintext stand in `bytes` from `at + SEAL_HEAD` on. */
  constructor(
    keyring: Keyring,
    bytes: Uint8Array,
    at: number,
    length: number,
    version: SealVersion,
    extra: Uint8Array,
  ) {
    const { algorithm, object } = keyring.primary
    this.#bytes = bytes
    this.#end = keyring.prepare(bytes, at, length, version)
    this.#at = at + SEAL_HEAD
    this.#cipher = createCipheriv(algorithm, object, bytes.subarray(at + 1, this.#at), SEAL_TAG)
    this.#cipher.setAAD(extra)
  }

  /** Works on up to `bytes` more; true when all is done. */
  step(bytes: number): boolean {
    const until = Math.min(this.#end, this.#at + bytes)
    this.#bytes.set(this.#cipher.update(this.#bytes.subarray(this.#at, until)), this.#at)
    this.#at = until
    if (until < this.#end) return false
    this.#cipher.final()
    this.#bytes.set(this.#cipher.getAuthTag(), this.#end)
    return true
  }
}

/** Tries one key after the other, as `Keyring.open` does at once. */
export class Unsealing {
  readonly #sealed: Uint8Array
  readonly #extra: Uint8Array
  readonly #plain: Uint8Array
  readonly #keys: Key[]
  #decipher: DecipherGCM | undefined
  #at = 0
  #result: Uint8Array | undefined

  constructor(keyring: Keyring, sealed: Uint8Array, extra: Uint8Array) {
    this.#sealed = sealed
    this.#extra = extra
    const isLongEnough = looksSealed(sealed)
    this.#keys = isLongEnough ? keyring.tried.reverse() : []
    this.#plain = new Uint8Array(isLongEnough ? sealed.length - SEAL_HEAD - SEAL_TAG.authTagLength : 0)
  }

  /** Works on up to `bytes` more, of whatever keys. */
  step(bytes: number): 'working' | 'done' | 'failed' {
    for (let left = bytes; left > 0; ) {
      this.#decipher ??= this.#next()
      if (this.#decipher === undefined) return 'failed'
      const slice = this.#sealed.subarray(SEAL_HEAD + this.#at, SEAL_HEAD + this.#plain.length)
      const taken = slice.subarray(0, left)
      this.#plain.set(this.#decipher.update(taken), this.#at)
      this.#at += taken.length
      // A key that is tried costs something however short the message is.
      left -= Math.max(taken.length, LEAST_WORK)
      if (this.#at === this.#plain.length && this.#isOpen(this.#decipher)) return this.#outcome()
    }
    return 'working'
  }

  /** The plaintext, once it is done. */
  result(): Uint8Array {
    return this.#result ?? this.#plain
  }

  #next(): DecipherGCM | undefined {
    const key = this.#keys.pop()
    if (key === undefined) return undefined
    const nonce = this.#sealed.subarray(1, SEAL_HEAD)
    const decipher = createDecipheriv(key.algorithm, key.object, nonce, SEAL_TAG)
    decipher.setAuthTag(this.#sealed.subarray(SEAL_HEAD + this.#plain.length))
    decipher.setAAD(this.#extra)
    this.#at = 0
    return decipher
  }

  #isOpen(decipher: DecipherGCM): boolean {
    this.#decipher = undefined
    return isGenuine(decipher)
  }

  #outcome(): 'done' | 'failed' {
    this.#result = this.#sealed[0] === 0 ? withoutPadding(this.#plain) : this.#plain
    return this.#result === undefined ? 'failed' : 'done'
  }
}

/** Bytes that setting up a cipher counts for: some ten microseconds. */
const LEAST_WORK = 16 * 1024
