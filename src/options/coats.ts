/**
 * What a host says about keys and labels, checked, and the coats that detector and gossip make of it. Keys never stand in an error: what is
 * wrong with one is told by its place and size.
 */
import { InvalidOption } from '../errors/errors.ts'
import { writeAlive } from '../wire/claim.ts'
import { type FillRandom, isKeySize, Keyring, MOST_KEYS, SEAL_OVERHEAD } from '../wire/keyring.ts'
import { Writer } from '../wire/msgpack.ts'
import { COMPOUND, type Coats, CRC_BYTES, labelBytes } from '../wire/packet.ts'
import { META_LIMIT } from '../wire/tags.ts'

/** The part of the settings that the coats are made of. */
export interface CoatSettings {
  compression: boolean
  /** Keys of 16, 24 or 32 bytes, the primary one first; none: nothing is encrypted. */
  encryptionKeys: Uint8Array[]
  verifyIncoming: boolean
  verifyOutgoing: boolean
  label: string
  skipInboundLabelCheck: boolean
}

const LONGEST_LABEL = 255
/** Bytes that probes between members of the longest names may have. */
const LEAST_ROOM = 400

/** The coats of a member. Each actor has its own keyring; both are changed by the same mail. */
export function coatsOf(settings: CoatSettings, fill: FillRandom): Required<Coats> {
  return {
    compression: settings.compression,
    label: new TextEncoder().encode(settings.label),
    inboundLabel: settings.skipInboundLabelCheck ? 'stripped' : 'checked',
    encryption: {
      keyring: new Keyring(settings.encryptionKeys, fill),
      // Version 0 belongs to memberlist's protocol 1, which no Serf speaks; it is opened all the same.
      version: 1,
      incoming: settings.verifyIncoming ? 'verified' : 'any',
      outgoing: settings.verifyOutgoing ? 'sealed' : 'plain',
    },
  }
}

/** What sizes of packets depend on. */
export interface PacketSettings {
  udpBufferSize: number
  label: string
  nodeName: string
}

/**
 * Bytes of the longest message for one address that a packet of ours holds. Encryption is always counted in: keys may come at run time.
 */
export function directRoom({ udpBufferSize, label }: PacketSettings): number {
  const coats = { compression: false, label: new TextEncoder().encode(label) }
  return udpBufferSize - labelBytes(coats) - SEAL_OVERHEAD[1] - CRC_BYTES
}

/** Most bytes of our own encoded tags: memberlist's limit, or less where our news would not fit into a packet with more. */
export function metaRoom(settings: PacketSettings): number {
  return Math.min(META_LIMIT, newsRoom(settings))
}

/** Refuses packets that are too small for probes, or for our own news with so many bytes of tags. */
export function fitPackets(settings: PacketSettings, meta: number): void {
  const missing = Math.max(LEAST_ROOM - directRoom(settings), meta - newsRoom(settings))
  if (missing <= 0) return
  const { udpBufferSize } = settings
  const bound = `at least ${udpBufferSize + missing}: probes and the news of our name and tags must fit in, label and encryption counted`
  throw new InvalidOption('udpBufferSize', udpBufferSize, bound)
}

/** Bytes that an alive message of ours has left for tags. */
function newsRoom(settings: PacketSettings): number {
  const writer = new Writer()
  writeAlive(writer, {
    incarnation: 2 ** 32 - 1,
    name: new TextEncoder().encode(settings.nodeName),
    address: new Uint8Array(16),
    port: 65_535,
    meta: new Uint8Array(META_LIMIT),
    versions: new Uint8Array(6),
  })
  const alone = writer.view().length - META_LIMIT
  return directRoom(settings) - COMPOUND.overhead - COMPOUND.perPart - alone
}

/** Checks keys given as an option or in a call, in base64 or as bytes. `option` is the name to complain about. */
export function settleKeys(option: string, keys: unknown): Uint8Array[] {
  if (!Array.isArray(keys) || keys.length > MOST_KEYS) {
    throw new InvalidOption(option, kindOf(keys), `a list of at most ${MOST_KEYS} keys`)
  }
  return keys.map((key, i) => settleKey(`${option}[${i}]`, key))
}

/** Checks one key, in base64 or as bytes. */
export function settleKey(option: string, key: unknown): Uint8Array {
  const bytes = typeof key === 'string' ? fromBase64(key) : key instanceof Uint8Array ? key : undefined
  if (bytes !== undefined && isKeySize(bytes.length)) return Uint8Array.from(bytes)
  const shown = bytes === undefined ? kindOf(key) : `a key of ${bytes.length} bytes`
  throw new InvalidOption(option, shown, 'a key of 16, 24 or 32 bytes, as a Uint8Array or in base64')
}

/** A key as text. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}

/** Bytes of strict base64, with its padding; undefined for anything else. */
export function fromBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

/** Checks a label. */
export function settleLabel(label: unknown): string {
  const bytes = typeof label === 'string' ? new TextEncoder().encode(label).length : -1
  if (typeof label === 'string' && bytes <= LONGEST_LABEL) return label
  throw new InvalidOption('label', label, `a text of at most ${LONGEST_LABEL} bytes`)
}

/** What something is, without showing it: it may be a key in the wrong place. */
function kindOf(value: unknown): string {
  if (typeof value === 'string') return 'a text that is no base64'
  if (Array.isArray(value)) return `a list of ${value.length}`
  return value === null ? 'null' : `a value of type ${typeof value}`
}
