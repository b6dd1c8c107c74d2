/** The keyring file: a JSON list of keys in base64, the primary first, as Serf keeps it (protocol page 2, section 4.10). */
import { fromBase64, toBase64 } from '../options/coats.ts'
import { isKeySize, KEY_REFUSALS, MOST_KEYS } from '../wire/keyring.ts'

/** Nobody but its owner may read it. */
export const KEYRING_MODE = 0o600

/** Keys out of a file; a text says why there are none, without showing any. */
export function readKeyring(file: Uint8Array): Uint8Array[] | string {
  let content: unknown
  try {
    content = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file))
  } catch {
    // The parser's message would show a piece of the file.
    return 'it is not JSON'
  }
  if (!Array.isArray(content)) return 'it is not a list'
  if (content.length === 0) return 'it contains no keys'
  if (content.length > MOST_KEYS) return `it contains more than ${MOST_KEYS} keys`
  const keys: Uint8Array[] = []
  for (const [i, text] of content.entries()) {
    const key = typeof text === 'string' ? fromBase64(text) : undefined
    if (key === undefined) return `key ${i + 1} is not base64`
    if (!isKeySize(key.length)) return `key ${i + 1}: ${KEY_REFUSALS.size}`
    keys.push(Uint8Array.from(key))
  }
  return keys
}

/** The file's bytes: two blanks of indentation, a key on each line, no line feed at the end. */
export function writeKeyring(keys: readonly Uint8Array[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(keys.map(toBase64), null, 2))
}
