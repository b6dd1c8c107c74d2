/** Tags as they travel in a member's meta (protocol page 2, section 2.11). */
import { Malformed, Reader, Writer } from './msgpack.ts'

/** First byte of meta that holds a table of tags. */
const TABLE = 255
/** Largest encoded tags, the marker included (protocol page 1, section 9). */
export const META_LIMIT = 512
/** Serf protocol from which on all tags travel; before it only the role does. */
export const FULL_TAGS = 3

/** Meta of these tags, in the order of their keys in the object. */
export function encodeTags(tags: Record<string, string>, protocolVersion: number): Uint8Array {
  if (protocolVersion < FULL_TAGS) return new TextEncoder().encode(tags.role ?? '')
  const writer = new Writer()
  const entries = Object.entries(tags)
  writer.byte(TABLE)
  writer.map(entries.length)
  for (const [name, value] of entries) {
    writer.text(name)
    writer.text(value)
  }
  return writer.copy()
}

/**
 * Tags of any meta: a table, or the bare role of an old member. Never throws; what was read before an error is kept. The object
 * has no prototype, so that no name of a tag means anything to JavaScript.
 */
export function decodeTags(meta: Uint8Array): Record<string, string> {
  const tags: Record<string, string> = Object.create(null)
  const decoder = new TextDecoder()
  if (meta[0] !== TABLE) {
    tags.role = decoder.decode(meta)
    return tags
  }
  const reader = new Reader().reset(meta, 1)
  const text = () => {
    reader.raw()
    return decoder.decode(reader.rawBytes.subarray(reader.rawStart, reader.rawEnd))
  }
  try {
    for (let left = reader.map(); left > 0; left--) {
      const name = text()
      tags[name] = text()
    }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
  }
  return tags
}
