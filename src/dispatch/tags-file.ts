/** The tags file: a JSON object of texts, as Serf's agent keeps it (protocol page 3, section 3.6). */
import { encodeTags, META_LIMIT } from '../wire/tags.ts'

/** Only its owner reads it, as with Serf. */
export const TAGS_MODE = 0o600

/** Tags out of a file; a text says why there are none. */
export function readTags(file: Uint8Array, protocolVersion: number): Record<string, string> | string {
  let content: unknown
  try {
    content = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file))
  } catch (error) {
    return `it is not JSON: ${error instanceof Error ? error.message : error}`
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) return 'it is not an object'
  const entries: [string, string][] = []
  for (const [name, value] of Object.entries(content)) {
    if (typeof value !== 'string') return `the tag ${JSON.stringify(name)} is not a text`
    entries.push([name, value])
  }
  const tags = Object.fromEntries(entries)
  const { length } = encodeTags(tags, protocolVersion)
  return length <= META_LIMIT ? tags : `its tags of ${length} bytes exceed the limit of ${META_LIMIT} bytes`
}

/** The file's bytes as Go writes them: sorted, two blanks of indentation, some characters escaped, no line feed at the end. */
export function writeTags(tags: Record<string, string>): Uint8Array {
  const sorted = Object.entries(tags).sort(([a], [b]) => byBytes(a, b))
  const text = JSON.stringify(Object.fromEntries(sorted), null, 2)
  const escaped = text.replace(
    /[<>&\u2028\u2029]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return new TextEncoder().encode(escaped)
}

/** Go compares the bytes of UTF-8, which are in the order of the code points. */
function byBytes(a: string, b: string): number {
  const one = [...a]
  const other = [...b]
  for (let i = 0; i < one.length && i < other.length; i++) {
    const difference = (one[i].codePointAt(0) ?? 0) - (other[i].codePointAt(0) ?? 0)
    if (difference !== 0) return difference
  }
  return one.length - other.length
}
