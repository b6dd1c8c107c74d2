/**
 * The texts of the command line, byte for byte as the original prints them (protocol page 3, sections 2.1, 2.3 and 2.11): columns, Go's
 * indented JSON, Go's quoted strings and its `%#v`.
 */

/** Rows of cells separated by «|», as columns two spaces apart, each as wide as its widest cell in code points; trimmed at both ends. */
export function columns(rows: readonly string[]): string {
  const cells = rows.map((row) => row.split('|').map((cell) => cell.trim()))
  const widths: number[] = []
  for (const row of cells) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, [...cell].length)
  }
  const lines = cells.map((row) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : padded(cell, widths[i]))).join('  '),
  )
  return trimmed(lines.join('\n'))
}

function padded(cell: string, width: number): string {
  return cell + ' '.repeat(width - [...cell].length)
}

/** Without the blanks at both ends that Go's TrimSpace takes away. */
export function trimmed(text: string): string {
  return text.trim()
}

const JSON_ESCAPES: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
}

/** A value as Go's MarshalIndent writes it: two spaces, and the characters escaped that could end a script. Key order is the caller's. */
export function goJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(/[<>&\u2028\u2029]/g, (character) => JSON_ESCAPES[character])
}

/** The entries of a map with its keys in byte order, as Go marshals maps. */
export function sortedByKey<Value>(entries: Iterable<readonly [string, Value]>): [string, Value][] {
  const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))
  return [...entries].map(([key, value]): [string, Value] => [key, value]).sort(([a], [b]) => byBytes(a, b))
}

const QUOTED: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '"': '\\"',
  '\\': '\\\\',
}

/** A string as Go's `%q` writes it. */
export function goQuoted(text: string): string {
  const shown = [...text].map((character) => QUOTED[character] ?? unprintable(character) ?? character)
  return `"${shown.join('')}"`
}

function unprintable(character: string): string | undefined {
  if (/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(character)) return undefined
  const code = character.codePointAt(0) ?? 0
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`
  return code < 0x10000
    ? `\\u${code.toString(16).padStart(4, '0')}`
    : `\\U${code.toString(16).padStart(8, '0')}`
}

/** Bytes as Go's `%#v` writes them: `[]byte` at the top level, `[]uint8` inside of something. */
export function goBytes(bytes: Uint8Array, place: 'top' | 'inside'): string {
  const items = Array.from(bytes, (byte) => `0x${byte.toString(16)}`)
  return `${place === 'top' ? '[]byte' : '[]uint8'}{${items.join(', ')}}`
}

/** A number that came unsigned: Go decodes those from 128 on as such, and shows them in hexadecimal. */
export function goNumber(value: number | bigint): string {
  return value < 128 ? String(value) : `0x${value.toString(16)}`
}
