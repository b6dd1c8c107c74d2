/** Packets, streams and Serf's messages as nested plain objects: what `decode.ts` gives and `encode.ts` takes. */
import { type Body, isBody, type Text } from './body.ts'

/** What a piece of bytes is, with what is inside. `rest` is what stands behind a message and means nothing; it is seldom there. */
export type Tree =
  | { type: 'label'; label: Text; inner: Tree }
  /** Opened with the key at `keyIndex` of the list. On a stream a header of five bytes is in front. */
  | { type: 'encrypt'; carrier: Carrier; version: 0 | 1; keyIndex: number; nonce: Uint8Array; inner: Tree }
  | { type: 'hasCrc'; inner: Tree }
  /** `plainLength`: bytes of what is inside; only told, not needed. */
  | { type: 'compress'; plainLength?: number; inner: Tree }
  | { type: 'compound'; parts: Tree[]; rest?: Uint8Array }
  /** A user message of a packet, or its payload as what Serf says in it. */
  | { type: 'user'; payload: Uint8Array | SerfTree }
  | { type: 'userStream'; header: Body | null; payload: Uint8Array | SerfTree; rest?: Uint8Array }
  | {
      type: 'pushPull'
      header: Body | null
      nodes: (Body | null)[]
      userState: Uint8Array | SerfTree
      rest?: Uint8Array
    }
  | { type: 'message'; name: string; fields: Body | null; rest?: Uint8Array }
  | Stopped<Tree>

/** A Serf message; a relay has the message that it carries behind it. */
export type SerfTree =
  | { type: 'message'; name: string; fields: Body | null; rest?: Uint8Array }
  | { type: 'relay'; fields: Body | null; inner: SerfTree }
  | Stopped<SerfTree>

/** Where decoding went no further: a member drops these bytes. */
export interface Stopped<Whole> {
  type: 'malformed'
  /** What the bytes were taken for: `packet`, `stream`, a layer, or the name of a message. */
  layer: string
  /** Where it stopped, counted from the first byte of `bytes`. */
  offset: number
  reason: string
  /** The layer's bytes as they came: this is what encodes again. */
  bytes: Uint8Array
  /** What was read before that. */
  partial?: Whole
}

export type Carrier = 'packet' | 'stream'

/** One place where decoding stopped. */
export interface Stop {
  /** The layers from the outermost one to where it stopped, such as `compress`, `compound[2]`, `alive`. */
  layers: string[]
  /** Counted from the first byte of the innermost layer. */
  offset: number
  reason: string
}

/** Places beyond these are not told: hostile bytes can have tens of thousands. */
const MOST_STOPS = 100

/** All places where the decoding stopped, the first 100 of them; none when every byte was understood. */
export function stopsIn(tree: Tree | SerfTree): Stop[] {
  const stops: Stop[] = []
  walk(tree, [], stops)
  return stops
}

function walk(tree: Tree | SerfTree, outer: readonly string[], stops: Stop[]): void {
  if (stops.length >= MOST_STOPS) return
  if (tree.type === 'malformed') {
    const layers = [...outer, tree.layer]
    if (tree.partial !== undefined) walk(tree.partial, outer, stops)
    stops.push({ layers, offset: tree.offset, reason: tree.reason })
    return
  }
  const here = [...outer, tree.type === 'message' ? tree.name : tree.type]
  if ('inner' in tree) walk(tree.inner, here, stops)
  if (tree.type === 'compound')
    for (const [i, part] of tree.parts.entries()) walk(part, [...outer, `compound[${i}]`], stops)
  if ((tree.type === 'user' || tree.type === 'userStream') && isTree(tree.payload))
    walk(tree.payload, here, stops)
  if (tree.type === 'pushPull' && isTree(tree.userState)) walk(tree.userState, here, stops)
}

function isTree(payload: Uint8Array | SerfTree): payload is SerfTree {
  return isBody(payload)
}

/** For printing and for JSON: bytes as `{ hex }`, bigints as text, tables as objects without a prototype. */
export function toJson(value: unknown): unknown {
  if (value instanceof Uint8Array) return { hex: hex(value) }
  if (typeof value === 'bigint') return value.toString()
  if (Array.isArray(value)) return value.map(toJson)
  if (value instanceof Map) return plain([...value].map(([name, inner]) => [nameOf(name), inner]))
  return isBody(value) ? plain(Object.entries(value)) : value
}

function plain(entries: [name: string, value: unknown][]): object {
  const object: Record<string, unknown> = Object.create(null)
  for (const [name, value] of entries) object[name] = toJson(value)
  return object
}

function nameOf(name: unknown): string {
  return name instanceof Uint8Array ? `0x${hex(name)}` : String(name)
}

function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}
