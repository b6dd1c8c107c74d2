/**
 * Hostile bytes by the million, from a seed: mutations of everything recorded and of what our own writers write, and messages made by the
 * grammar of the wire with wrong things in right places. What is under a checksum, a compression, a compound or a seal is reached by taking the
 * coats off, changing what is inside, and putting them on again.
 */
import type { SeededRandom } from '../../src/actors/random.ts'
import { crc32 } from '../../src/wire/crc.ts'
import { decodePacket, decodeStream } from '../../src/wire/decode.ts'
import { encodeTree } from '../../src/wire/encode.ts'
import { compress } from '../../src/wire/lzw.ts'
import { Writer } from '../../src/wire/msgpack.ts'
import { wrapCompressed } from '../../src/wire/packet.ts'
import { MEMBERLIST_SPECS, PUSH_PULL_HEADER, PUSH_PULL_NODE, SERF_SPECS } from '../../src/wire/specs.ts'
import type { Tree } from '../../src/wire/tree.ts'
import { fromHex, inputVectors, memberlistVectors, serfVectors } from '../vectors.ts'

/** The keys of the recordings: what they sealed is opened, changed, and sealed again. */
export const KEYS = [...new Set(memberlistVectors.flatMap(({ key }) => key?.hex ?? []))].map(fromHex)
export const LABEL = 'east-cluster'

/** Longest seed: longer ones only make the run slower. */
const LONGEST_SEED = 2_000
const LONGEST = 65_536
/** Bytes that mean most in this format: type bytes, headers with lengths, extremes. */
const SPECIAL = [
  ...[0x00, 0x7f, 0x80, 0x8f, 0x90, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc6, 0xc7, 0xca, 0xcb],
  ...[0xcf, 0xd3, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xff, 1, 3, 4, 5, 6, 8, 9, 7, 11, 12, 13, 244],
]
/** Headers that announce more than there is, or as much as a counter holds. */
const FORGED = [
  'dd00000000 dd7fffffff ddffffffff df7fffffff dfffffffff db7fffffff dbffffffff dcffff deffff daffff d9ff c6ffffffff c9ffffffff00',
  'cf8000000000000000 cfffffffffffffffff cf0020000000000000 cf001fffffffffffff d38000000000000000 d3ffffffffffffffff ceffffffff',
  'cb7ff8000000000000 cb7ff0000000000000 cbfff0000000000000 cb7fefffffffffffff ca7fc00000 c1 d47f01 d87f00',
]
  .join(' ')
  .split(' ')
  .map(fromHex)

interface Seed {
  bytes: Uint8Array
  /** Sealed: the tree that was inside, so that it can be changed and sealed again. */
  tree?: Tree
}

const seeds: Seed[] = [...memberlistVectors, ...serfVectors, ...inputVectors].map(({ hex }) => ({
  bytes: fromHex(hex).subarray(0, LONGEST_SEED),
}))
for (const { hex, key, label, transport } of memberlistVectors) {
  if (key === undefined || hex.length > 2 * LONGEST_SEED) continue
  const decode = transport === 'udp' ? decodePacket : decodeStream
  const bytes = fromHex(hex)
  seeds.push({ bytes, tree: decode(bytes, { keys: KEYS, label: label ?? '', payloads: 'bytes' }) })
}

const PACKET_SPECS = Object.values(MEMBERLIST_SPECS)
const SERF_BODIES = Object.values(SERF_SPECS)
const RECORDS = [...PACKET_SPECS, ...SERF_BODIES, PUSH_PULL_HEADER, PUSH_PULL_NODE]
const MESSAGE_TYPES = [0, 1, 2, 11, 13, 3, 5, 4]
const STATES = [0, 1, 2, 3, 7]

export class Inputs {
  readonly #random: SeededRandom
  readonly #writer = new Writer()

  constructor(random: SeededRandom) {
    this.#random = random
  }

  next(): Uint8Array {
    const kind = this.#random.below(32)
    if (kind < 10) return this.#mutated(this.#seed())
    if (kind < 13) return this.#inside(seeds[this.#random.below(seeds.length)])
    if (kind < 17)
      return this.#nested(this.#random.below(2) === 0 ? this.#grammar() : this.#mutated(this.#seed()))
    if (kind < 18) return this.#deep()
    return kind < 29 ? this.#grammar() : this.#mutated(this.#grammar())
  }

  /** LZW data of some length, some of it changed somewhere. */
  compressed(): Uint8Array {
    const letters = 1 + this.#below(255)
    const text = Uint8Array.from({ length: this.#below(12_000) }, () => this.#below(letters))
    const data = compress(text).slice()
    if (this.#below(2) === 0) data[this.#below(data.length)] = this.#below(256)
    return data
  }

  #seed(): Uint8Array {
    return seeds[this.#random.below(seeds.length)].bytes
  }

  #below(limit: number): number {
    return this.#random.below(limit)
  }

  #mutated(source: Uint8Array): Uint8Array {
    let bytes: Uint8Array = source.slice(
      0,
      this.#below(4) === 0 ? this.#below(source.length + 1) : source.length,
    )
    if (bytes.length === 0) return bytes
    if (this.#below(5) === 0) bytes = this.#spliced(bytes)
    if (this.#below(5) === 0) bytes = this.#forged(bytes)
    for (let changes = this.#below(6); changes > 0 && bytes.length > 0; changes--) {
      const at = this.#below(bytes.length)
      const how = this.#below(4)
      if (how === 0) bytes[at] ^= 1 << this.#below(8)
      else bytes[at] = how === 1 ? this.#below(256) : SPECIAL[this.#below(SPECIAL.length)]
    }
    if (bytes[0] === 12 && bytes.length > 5 && this.#below(3) > 0)
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(1, crc32(bytes.subarray(5)))
    return bytes
  }

  /** A piece of another seed, or of itself again, at some place. */
  #spliced(bytes: Uint8Array): Uint8Array {
    const other = this.#below(3) === 0 ? bytes : this.#seed()
    const from = this.#below(other.length + 1)
    const piece = other.subarray(from, from + this.#below(200))
    const at = this.#below(bytes.length + 1)
    const behind = Math.min(bytes.length, at + this.#below(60))
    return joined(bytes.subarray(0, at), piece, bytes.subarray(behind))
  }

  #forged(bytes: Uint8Array): Uint8Array {
    const at = this.#below(bytes.length)
    return joined(bytes.subarray(0, at), FORGED[this.#below(FORGED.length)], bytes.subarray(at + 1))
  }

  /** What was sealed, changed inside and sealed again with the same key. */
  #inside({ bytes, tree }: Seed): Uint8Array {
    if (tree === undefined) return this.#nested(this.#mutated(bytes))
    return encodeTree(this.#changed(tree), { keys: KEYS, label: LABEL })
  }

  #changed(tree: Tree): Tree {
    if (tree.type === 'encrypt' || tree.type === 'label') return { ...tree, inner: this.#changed(tree.inner) }
    if ('inner' in tree && this.#below(2) === 0) return { ...tree, inner: this.#changed(tree.inner) }
    return asBytes(this.#mutated(encodeTree(tree)))
  }

  /** Up to ten coats around something, in any order, legal or not. */
  #nested(core: Uint8Array): Uint8Array {
    let bytes = core
    for (let coats = 1 + this.#below(this.#below(8) === 0 ? 12 : 3); coats > 0; coats--) {
      const coat = this.#below(8)
      if (bytes.length > LONGEST / 2) break
      if (coat < 3) bytes = wrapCompressed(compress(bytes))
      else if (coat < 6) bytes = this.#compound(bytes)
      else if (coat === 6) bytes = encodeTree({ type: 'hasCrc', inner: asBytes(bytes) })
      else bytes = encodeTree({ type: 'label', label: LABEL, inner: asBytes(bytes) })
    }
    return this.#below(3) === 0 ? this.#mutated(bytes) : bytes
  }

  /** Just as many coats as are followed, or one more or less: compounds and compressions alone. */
  #deep(): Uint8Array {
    let bytes = this.#grammar().subarray(0, 200)
    for (let coats = 6 + this.#below(5); coats > 0; coats--)
      bytes =
        this.#below(3) === 0
          ? wrapCompressed(compress(bytes))
          : encodeTree({ type: 'compound', parts: [asBytes(bytes)] })
    return bytes
  }

  #compound(bytes: Uint8Array): Uint8Array {
    const parts: Tree[] = [asBytes(bytes)]
    for (let more = this.#below(4); more > 0; more--) parts.push(asBytes(this.#seed()))
    return encodeTree({ type: 'compound', parts: parts.filter((part) => encodeTree(part).length < LONGEST) })
  }

  /** A message by the grammar, a Serf message, or a push/pull, with some values that are not what they must be. */
  #grammar(): Uint8Array {
    const writer = this.#writer.reset()
    const kind = this.#below(6)
    if (kind < 3) {
      const which = this.#below(PACKET_SPECS.length)
      writer.byte(MESSAGE_TYPES[which])
      this.#record(writer, PACKET_SPECS[which].fields, PACKET_SPECS[which].declared)
    } else if (kind < 5) {
      const which = this.#below(SERF_BODIES.length)
      if (this.#below(2) === 0) writer.byte(8)
      writer.byte(which)
      this.#record(writer, SERF_BODIES[which].fields, SERF_BODIES[which].declared)
    } else this.#pushPull(writer)
    return writer.copy()
  }

  #pushPull(writer: Writer): void {
    const nodes = this.#below(4)
    writer.byte(6)
    writer.map(3)
    for (const [name, value] of [
      ['Join', 0],
      ['Nodes', this.#below(20) === 0 ? 2 ** 31 : nodes],
      ['UserStateLen', this.#below(20) === 0 ? 2 ** 32 : this.#below(3) * 20],
    ] as const) {
      writer.text(name)
      if (name === 'Join') writer.bool(this.#below(2) === 0)
      else writer.uint(value)
    }
    for (let i = 0; i < nodes; i++) this.#record(writer, PUSH_PULL_NODE.fields, PUSH_PULL_NODE.declared)
    if (this.#below(2) === 0) {
      writer.byte(2)
      this.#record(writer, SERF_SPECS.pushPull.fields, SERF_SPECS.pushPull.declared)
    }
    for (let i = this.#below(60); i > 0; i--) writer.byte(this.#below(256))
  }

  #record(writer: Writer, fields: Readonly<Record<string, unknown>>, declared?: readonly string[]): void {
    const names = Object.keys(fields)
    const form = this.#below(12)
    if (form === 0) return writer.nil()
    if (form === 1) {
      const order = (declared ?? names).slice(0, this.#below(names.length + 2))
      writer.array(order.length)
      for (const name of order) this.#field(writer, name, fields[name])
      return
    }
    const chosen = form === 2 ? names.filter(() => this.#below(3) > 0) : names
    const extra = this.#below(10) === 0 ? [names[this.#below(names.length)], '__proto__'] : []
    const all = this.#below(8) === 0 ? [...extra, ...[...chosen].reverse()] : [...chosen, ...extra]
    writer.map(this.#below(40) === 0 ? all.length + 1 : all.length)
    for (const name of all) {
      writer.text(name)
      this.#field(writer, name, fields[name])
    }
  }

  #field(writer: Writer, name: string, kind: unknown): void {
    if (this.#below(25) === 0) return this.#anything(writer, 0)
    if (Array.isArray(kind)) {
      const count = this.#below(4)
      writer.array(this.#below(30) === 0 ? 1_000 : count)
      for (let i = 0; i < count; i++) this.#field(writer, name, kind[0])
    } else if (typeof kind === 'object' && kind !== null) {
      const { fields, declared } =
        RECORDS.find(({ fields }) => Object.keys(fields).includes(name)) ?? RECORDS[0]
      const inner = 'fields' in kind && typeof kind.fields === 'object' ? { ...kind.fields } : fields
      this.#record(writer, Object.keys(inner).length > 0 ? inner : fields, declared)
    } else this.#value(writer, name, kind)
  }

  #value(writer: Writer, name: string, kind: unknown): void {
    switch (kind) {
      case 'bool':
        return writer.bool(this.#below(2) === 0)
      case 'float':
        return writer.float([0, -1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e308, 5e-324][this.#below(6)])
      case 'text':
        return writer.raw(this.#name())
      case 'texts-by-text':
      case 'times-by-text': {
        const count = this.#below(4)
        writer.map(count)
        for (let i = 0; i < count; i++) {
          writer.raw(this.#name())
          if (kind === 'times-by-text') this.#whole(writer)
          else writer.raw(this.#name())
        }
        return
      }
      case 'u8':
      case 'u16':
      case 'u32':
      case 'u64':
      case 'i64':
        if (name === 'State') writer.uint(STATES[this.#below(STATES.length)])
        else this.#whole(writer)
        return
      default:
        return writer.raw(this.#raw(name))
    }
  }

  #whole(writer: Writer): void {
    const how = this.#below(10)
    if (how < 5) writer.uint(this.#below(300))
    else if (how < 7) writer.uint(this.#below(2 ** 32))
    else if (how < 9)
      writer.uint([0xff, 0xffff, 0xffff_ffff, 2n ** 53n, 2n ** 64n - 1n, 2 ** 53 - 1][this.#below(6)])
    else writer.append(FORGED[this.#below(FORGED.length)])
  }

  #raw(name: string): Uint8Array | null {
    const lengths = name === 'Vsn' ? [6, 6, 6, 0, 3, 7] : [4, 16, 0, 5, 600]
    if (this.#below(6) === 0) return null
    if (this.#below(8) === 0) return Uint8Array.of(255, 0x81, 0xa1, 97, 0xa1, 98)
    if (name === 'Vsn' && this.#below(2) === 0) return Uint8Array.of(1, 5, 2, 2, 5, 5)
    const bytes = new Uint8Array(lengths[this.#below(lengths.length)])
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#below(name === 'Vsn' ? 8 : 256)
    return bytes
  }

  #name(): Uint8Array {
    const names = [
      'alpha',
      'peer',
      'peer-2',
      '',
      '__proto__',
      'a\nb',
      'x'.repeat(300),
      'self',
      '10',
      '\ufeff',
    ]
    if (this.#below(12) === 0) return Uint8Array.of(0xff, 0xfe, this.#below(256))
    return new TextEncoder().encode(names[this.#below(names.length)])
  }

  #anything(writer: Writer, depth: number): void {
    const how = this.#below(9)
    if (how === 8) {
      // As deep as values are followed, or a little more or less.
      for (let levels = 26 + this.#below(9); levels > 0; levels--) writer.array(1)
      writer.nil()
    } else if (how === 0) writer.append(FORGED[this.#below(FORGED.length)])
    else if (how === 1) writer.nil()
    else if (how === 2) writer.raw(this.#name())
    else if (how === 3) writer.float(this.#below(100) / 7)
    else if (how < 6 && depth < 6) {
      const count = this.#below(4)
      if (how === 4) writer.array(count)
      else writer.map(count)
      for (let i = 0; i < count * (how - 3); i++) this.#anything(writer, depth + 1)
    } else this.#whole(writer)
  }
}

/** Any bytes as a layer. */
export function asBytes(bytes: Uint8Array): Tree {
  return { type: 'malformed', layer: 'any', offset: 0, reason: '', bytes }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
