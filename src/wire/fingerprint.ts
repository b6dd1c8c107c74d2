/** Fingerprints of keys: two people can compare which key they hold without showing it to anybody. */
import { createCipheriv } from 'node:crypto'

const ALGORITHMS: Readonly<Record<number, string>> = {
  16: 'aes-128-ecb',
  24: 'aes-192-ecb',
  32: 'aes-256-ecb',
}
/** One block that is nothing but this, enciphered under the key. Not zeros: those make the key by which GCM authenticates. */
const BLOCK = new TextEncoder().encode('folkmoot key id.')
/** So many bytes tell keys of a ring apart, and help nobody to guess one of 128 bits. */
const SHOWN = 4

/** Eight hex digits; the key must be of 16, 24 or 32 bytes. */
export function fingerprint(key: Uint8Array): string {
  const cipher = createCipheriv(ALGORITHMS[key.length], key, null)
  const bytes = cipher.update(BLOCK).subarray(0, SHOWN)
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
