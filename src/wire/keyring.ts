/**
 * The keyring: keys in order, the first of which seals while all of them open (protocol page 1, sections 4.2 and 10). AES-GCM with
 * keys of 16, 24 or 32 bytes, in both versions of the layer:
 *
 *     version (1) | nonce (12) | ciphertext (n) | tag (16)         version 0 pads the plaintext to whole blocks of 16
 *
 * Everything is synchronous: on the path of an ack nothing may wait for a thread pool. Nonces are random and drawn in batches; a key
 * should be rotated long before 2^32 messages were sealed under it, beyond which random nonces of 96 bits may meet.
 *
 * Keys go in and out as copies and stand in no property, so that no log, inspection or error can show one.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'

/** Fills an array with bytes that nobody can guess: the system's generator, or a seeded one in tests and the simulator. */
export type FillRandom = (bytes: Uint8Array) => void

/** The version of the encryption layer: 1 is what everybody sends today, 0 is what memberlist's protocol 1 sends. Both are opened. */
export type SealVersion = 0 | 1

/** Why a keyring was not changed. */
export type KeyRefusal = 'size' | 'absent' | 'primary' | 'empty' | 'full'

/** Most keys of one ring: a packet that nobody can open costs one try per key. Serf has no limit, and nobody has so many. */
export const MOST_KEYS = 256

/** What peers are told of a refusal, in the words of Serf 0.9.4 where it has some (protocol page 2, section 4.10); newer ones write small letters. */
export const KEY_REFUSALS: Readonly<Record<KeyRefusal, string>> = {
  size: 'key size must be 16, 24 or 32 bytes',
  absent: 'Requested key is not in the keyring',
  primary: 'Removing the primary key is not allowed',
  empty: 'No keyring to modify (encryption not enabled)',
  full: `the keyring holds ${MOST_KEYS} keys already`,
}

/** Version byte and nonce, which stand in front of the ciphertext. */
export const SEAL_HEAD = 13
const NONCE_BYTES = 12
const TAG_BYTES = 16
const BLOCK = 16

/** What sealing adds at most: with version 0 up to a whole block of padding. It is also the least that a sealed message is long. */
export const SEAL_OVERHEAD: Readonly<Record<SealVersion, number>> = {
  0: SEAL_HEAD + BLOCK + TAG_BYTES,
  1: SEAL_HEAD + TAG_BYTES,
}

/** Options of the ciphers: tags are whole. */
export const SEAL_TAG = { authTagLength: TAG_BYTES }
const ALGORITHMS = { 16: 'aes-128-gcm', 24: 'aes-192-gcm', 32: 'aes-256-gcm' } as const
/** Nonces drawn at once: a call to the system for each packet would cost more than the sealing. */
const NONCE_BATCH = 256

/** A key as node:crypto wants it, made once. */
export interface Key {
  readonly algorithm: (typeof ALGORITHMS)[keyof typeof ALGORITHMS]
  readonly object: KeyObject
}

interface Held {
  readonly key: Key
  readonly bytes: Uint8Array
}

/** Bytes of a sealed message whose plaintext is so long. */
export function sealedLength(plain: number, version: SealVersion): number {
  return SEAL_HEAD + plain + (version === 0 ? paddingOf(plain) : 0) + TAG_BYTES
}

/** Whether a key is as long as a key may be. */
export function isKeySize(bytes: number): bytes is keyof typeof ALGORITHMS {
  return bytes in ALGORITHMS
}

export class Keyring {
  readonly #fill: FillRandom
  #keys: Held[] = []
  /** Nonces drawn ahead; each is used once. */
  #nonces = new Uint8Array(0)
  #nextNonce = 0

  /** Keys that are refused are left out: options are checked before. */
  constructor(keys: readonly Uint8Array[], fill: FillRandom) {
    this.#fill = fill
    this.replace(keys)
  }

  get size(): number {
    return this.#keys.length
  }

  /** Copies of all keys, the primary first. */
  get keys(): Uint8Array[] {
    return this.#keys.map(({ bytes }) => bytes.slice())
  }

  /** Key objects in the order in which they are tried. */
  get tried(): Key[] {
    return this.#keys.map(({ key }) => key)
  }

  /** The key that seals. Throws when there is none. */
  get primary(): Key {
    const [first] = this.#keys
    if (first === undefined) throw new Error('an empty keyring cannot seal')
    return first.key
  }

  /** Another ring altogether: the first key is the primary one, repeats are skipped. */
  replace(keys: readonly Uint8Array[]): void {
    const before = this.#keys
    this.#keys = []
    for (const key of keys) this.#add(key, before)
  }

  /** Adds a key behind the others; one that is there already stays where it is. */
  add(key: Uint8Array): KeyRefusal | undefined {
    return this.#add(key, [])
  }

  /** Makes a key that is there the primary one; the others keep their order. */
  use(key: Uint8Array): KeyRefusal | undefined {
    const at = this.#find(key)
    if (at < 0) return 'absent'
    this.#keys.unshift(...this.#keys.splice(at, 1))
    return undefined
  }

  /** Removes a key. One that is not there is as good as removed; the primary one must be replaced first. */
  remove(key: Uint8Array): KeyRefusal | undefined {
    if (this.#keys.length === 0) return 'empty'
    const at = this.#find(key)
    if (at === 0) return 'primary'
    if (at > 0) this.#keys.splice(at, 1)
    return undefined
  }

  /**
   * Seals in place under the primary key: `length` bytes of plaintext stand in `bytes` from `at + SEAL_HEAD` on, with room for
   * `sealedLength` from `at` on. `extra` is the additional data, which is authenticated but not in the message.
   */
  seal(bytes: Uint8Array, at: number, length: number, version: SealVersion, extra: Uint8Array): void {
    const key = this.primary
    const end = this.prepare(bytes, at, length, version)
    const start = at + SEAL_HEAD
    const cipher = createCipheriv(key.algorithm, key.object, bytes.subarray(at + 1, start), SEAL_TAG)
    if (extra.length > 0) cipher.setAAD(extra)
    bytes.set(cipher.update(bytes.subarray(start, end)), start)
    cipher.final()
    bytes.set(cipher.getAuthTag(), end)
  }

  /** The plaintext of a sealed message, tried with every key; undefined when none of them opens it, whatever the reason. */
  open(sealed: Uint8Array, extra: Uint8Array): Uint8Array | undefined {
    if (!looksSealed(sealed)) return undefined
    const end = sealed.length - TAG_BYTES
    const nonce = sealed.subarray(1, SEAL_HEAD)
    const tag = sealed.subarray(end)
    const text = sealed.subarray(SEAL_HEAD, end)
    for (const { key } of this.#keys) {
      const decipher = createDecipheriv(key.algorithm, key.object, nonce, SEAL_TAG)
      decipher.setAuthTag(tag)
      if (extra.length > 0) decipher.setAAD(extra)
      const plain = decipher.update(text)
      if (isGenuine(decipher)) return sealed[0] === 0 ? withoutPadding(plain) : plain
    }
    return undefined
  }

  /** Writes version, nonce and padding round a plaintext that stands in its place, and says where the ciphertext will end. */
  prepare(bytes: Uint8Array, at: number, length: number, version: SealVersion): number {
    bytes[at] = version
    bytes.set(this.#nonce(), at + 1)
    const end = at + SEAL_HEAD + length
    if (version === 1) return end
    const padding = paddingOf(length)
    bytes.fill(padding, end, end + padding)
    return end + padding
  }

  /** `made` holds key objects from before, which are made once. */
  #add(key: Uint8Array, made: readonly Held[]): KeyRefusal | undefined {
    if (!isKeySize(key.length)) return 'size'
    if (this.#find(key) >= 0) return undefined
    if (this.#keys.length === MOST_KEYS) return 'full'
    const held = made.find(({ bytes }) => isSame(bytes, key))
    this.#keys.push(held ?? { key: keyOf(key, ALGORITHMS[key.length]), bytes: key.slice() })
    return undefined
  }

  #nonce(): Uint8Array {
    if (this.#nextNonce === this.#nonces.length) {
      // Made when the first is needed: most rings never seal.
      if (this.#nonces.length === 0) this.#nonces = new Uint8Array(NONCE_BATCH * NONCE_BYTES)
      this.#fill(this.#nonces)
      this.#nextNonce = 0
    }
    this.#nextNonce += NONCE_BYTES
    return this.#nonces.subarray(this.#nextNonce - NONCE_BYTES, this.#nextNonce)
  }

  #find(key: Uint8Array): number {
    return this.#keys.findIndex(({ bytes }) => isSame(bytes, key))
  }
}

/** Whether bytes have the outside of a sealed message: a known version and at least its length. */
export function looksSealed(bytes: Uint8Array): boolean {
  const version = bytes[0]
  return (version === 0 || version === 1) && bytes.length >= SEAL_OVERHEAD[version]
}

/** Ends a decryption: whether the tag is right. */
export function isGenuine(decipher: { final(): Uint8Array }): boolean {
  // A flood of junk must stay cheap: nobody looks at the stack of this error.
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    decipher.final()
    return true
  } catch {
    return false
  } finally {
    Error.stackTraceLimit = limit
  }
}

/** A plaintext of version 0 without its padding; undefined when that is not what it must be, which the original does not check. */
export function withoutPadding(plain: Uint8Array): Uint8Array | undefined {
  const padding = plain[plain.length - 1]
  if (!(padding >= 1 && padding <= BLOCK && padding <= plain.length)) return undefined
  const end = plain.length - padding
  for (let i = end; i < plain.length; i++) if (plain[i] !== padding) return undefined
  return plain.subarray(0, end)
}

function paddingOf(plain: number): number {
  return BLOCK - (plain % BLOCK)
}

function keyOf(bytes: Uint8Array, algorithm: Key['algorithm']): Key {
  return { algorithm, object: createSecretKey(bytes) }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
