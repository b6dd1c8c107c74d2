/** Filters of a query: who is meant (protocol page 2, section 2.5). One byte says the kind, a msgpack value follows. */
import { key, Malformed, Reader, Writer } from './msgpack.ts'
import { Fields, shape } from './record.ts'

const KIND = { names: 0, tag: 1 } as const
/** Filters in one query, and names in one filter, that are read; a message has no room for more that could ever be meant. */
const MOST_FILTERS = 256
const MOST_NAMES = 4_096

const UTF8 = new TextDecoder()
const READER = new Reader()
const [EXPR, TAG] = ['Expr', 'Tag'].map(key)
const TAG_FILTER = new Fields(shape(['Expr', 'Tag'], ['Tag', 'Expr']))
const TOO_MANY = new Malformed('more filters or names than are read')

export type Filter =
  | { kind: 'names'; names: readonly string[] }
  | { kind: 'tag'; tag: string; pattern: string }

/** Only the members of these names; an empty list means nobody. */
export function encodeNameFilter(names: readonly string[]): Uint8Array {
  const writer = new Writer()
  writer.byte(KIND.names)
  writer.array(names.length)
  for (const name of names) writer.text(name)
  return writer.copy()
}

/** Only members whose tag has the pattern somewhere in its value. */
export function encodeTagFilter(tag: string, pattern: string): Uint8Array {
  const writer = new Writer()
  writer.byte(KIND.tag)
  writer.map(2)
  writer.key(EXPR)
  writer.text(pattern)
  writer.key(TAG)
  writer.text(tag)
  return writer.copy()
}

/** The filters of a query, which stand as a list of byte strings; undefined when one of them cannot be read, which then fits nobody. */
export function readFilters(bytes: Uint8Array): readonly Filter[] | undefined {
  try {
    if (bytes.length === 0) return []
    const list = READER.reset(bytes)
    const count = list.array()
    if (count > MOST_FILTERS) return undefined
    const items: Uint8Array[] = []
    for (let i = 0; i < count; i++) {
      list.raw()
      items.push(list.rawBytes.subarray(list.rawStart, list.rawEnd))
    }
    return items.map(readFilter)
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

const UNKNOWN = new Malformed('an empty or unknown filter')

function readFilter(item: Uint8Array): Filter {
  const reader = READER.reset(item, 1)
  // An empty item crashes the original (protocol page 2, section 10).
  if (item[0] === KIND.names) return { kind: 'names', names: readNames(reader) }
  if (item[0] === KIND.tag) return readTagFilter(reader)
  throw UNKNOWN
}

function readNames(reader: Reader): string[] {
  const count = reader.array()
  if (count > MOST_NAMES) throw TOO_MANY
  return Array.from({ length: count }, () => text(reader))
}

function readTagFilter(reader: Reader): Filter {
  let tag = ''
  let pattern = ''
  TAG_FILTER.begin(reader)
  for (let field = TAG_FILTER.next(reader); field >= 0; field = TAG_FILTER.next(reader)) {
    if (field === 0) pattern = text(reader)
    else tag = text(reader)
  }
  return { kind: 'tag', tag, pattern }
}

function text(reader: Reader): string {
  reader.raw()
  return UTF8.decode(reader.rawBytes.subarray(reader.rawStart, reader.rawEnd))
}
