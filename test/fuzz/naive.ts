/** Second decoders, written as plainly as possible and in no hurry, to judge the fast ones by: how long a msgpack value is, and LZW. */

const FIXED = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17]
const DEEPEST = 32

/** Where the value that begins at `at` ends; -1 when it does not, or is none, or is nested deeper than readers follow. */
export function endOfValue(bytes: Uint8Array, at: number, depth = 1): number {
  if (at >= bytes.length) return -1
  const type = bytes[at]
  const number = (width: number) => {
    let value = 0
    for (let i = 1; i <= width; i++) value = value * 256 + (bytes[at + i] ?? 0)
    return value
  }
  const raw = (width: number, extra = 0) => past(at + 1 + width + number(width) + extra, width)
  const past = (end: number, width = 0) => (at + width >= bytes.length || end > bytes.length ? -1 : end)
  const values = (width: number, each: number, fixed?: number) => {
    if (at + width >= bytes.length) return -1
    return endOfValues(bytes, at + 1 + width, (fixed ?? number(width)) * each, depth)
  }
  if (type < 0x80 || type >= 0xe0) return at + 1
  if (type < 0x90) return values(0, 2, type & 15)
  if (type < 0xa0) return values(0, 1, type & 15)
  if (type < 0xc0) return past(at + 1 + (type & 31))
  if (type === 0xc1) return -1
  if (type <= 0xc3) return at + 1
  if (type <= 0xc6) return raw(2 ** (type - 0xc4))
  if (type <= 0xc9) return raw(2 ** (type - 0xc7), 1)
  if (type <= 0xd8) return past(at + 1 + FIXED[type - 0xca])
  if (type <= 0xdb) return raw(2 ** (type - 0xd9))
  return type <= 0xdd ? values(type === 0xdc ? 2 : 4, 1) : values(type === 0xde ? 2 : 4, 2)
}

function endOfValues(bytes: Uint8Array, start: number, count: number, depth: number): number {
  if (count > 0 && depth >= DEEPEST) return -1
  let at = start
  for (let i = 0; i < count && at >= 0; i++) at = endOfValue(bytes, at, depth + 1)
  return at
}

/** What LZW data unfolds to; undefined when it is malformed or has more than `limit` bytes. */
export function unfold(data: Uint8Array, limit: number): Uint8Array | undefined {
  let bit = 0
  let table: number[][] = []
  let width = 9
  let last: number[] | undefined
  const out: number[] = []
  const clear = () => {
    table = Array.from({ length: 258 }, (_, code) => (code < 256 ? [code] : []))
    width = 9
    last = undefined
  }
  clear()
  for (;;) {
    if (bit + width > data.length * 8) return undefined
    let code = 0
    for (let i = 0; i < width; i++, bit++) code |= ((data[bit >> 3] >> (bit & 7)) & 1) << i
    if (code === 257) return Uint8Array.from(out)
    if (code === 256) {
      clear()
      continue
    }
    let text: number[]
    if (code < table.length && (code < 256 || last !== undefined)) text = table[code]
    else if (code === table.length && last !== undefined) text = [...last, last[0]]
    else return undefined
    if (out.length + text.length > limit) return undefined
    out.push(...text)
    if (last !== undefined && table.length < 4096) {
      table.push([...last, text[0]])
      if (table.length >= 2 ** width && width < 12) width += 1
    }
    last = text
  }
}
