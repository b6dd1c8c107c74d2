/** Opening and sealing with a key that is named and a nonce that is given, for the plain-object codec. The cipher is the keyring's. */
import { InvalidArgument } from '../errors/errors.ts'
import { isKeySize, Keyring, looksSealed, SEAL_HEAD, type SealVersion, sealedLength } from './keyring.ts'

/** What was inside a sealed message, and what is needed to seal it again to the same bytes. */
export interface Opened {
  version: SealVersion
  nonce: Uint8Array
  plain: Uint8Array
}

/** Opens with one key; undefined when it does not fit. `extra` is the additional data. */
export type Opening = (sealed: Uint8Array, extra: Uint8Array) => Opened | undefined

/** An opening for each key. Throws InvalidArgument for a key that cannot be one. */
export function openings(keys: readonly (Uint8Array | string)[]): Opening[] {
  return keys.map((key, index) => {
    const ring = new Keyring([keyBytes(key, index)], () => undefined)
    return (sealed, extra) => {
      if (!looksSealed(sealed)) return undefined
      const plain = ring.open(sealed, extra)
      if (plain === undefined) return undefined
      return { version: sealed[0] === 0 ? 0 : 1, nonce: sealed.slice(1, SEAL_HEAD), plain }
    }
  })
}

/** Seals under the key at `keyIndex`; the additional data may depend on the length of what comes out. */
export function sealAgain(
  keys: readonly (Uint8Array | string)[],
  keyIndex: number,
  { version, nonce, plain }: Opened,
  extra: (length: number) => Uint8Array,
): Uint8Array {
  const key = keys[keyIndex]
  if (key === undefined)
    throw new InvalidArgument(`nothing was encoded: there is no key ${keyIndex} to seal with`)
  // The nonces that a ring draws are the first bytes of what it is given: here, the one that is wanted.
  const ring = new Keyring([keyBytes(key, keyIndex)], (bytes) => bytes.set(nonce))
  const sealed = new Uint8Array(sealedLength(plain.length, version))
  sealed.set(plain, SEAL_HEAD)
  ring.seal(sealed, 0, plain.length, version, extra(sealed.length))
  return sealed
}

function keyBytes(key: Uint8Array | string, index: number): Uint8Array {
  const bytes = typeof key === 'string' ? fromBase64(key) : key
  if (bytes !== undefined && isKeySize(bytes.length)) return bytes
  // The key itself is not shown: messages of errors end in logs.
  throw new InvalidArgument(`key ${index} must be 16, 24 or 32 bytes, or their base64`)
}

function fromBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
  } catch {
    return undefined
  }
}
