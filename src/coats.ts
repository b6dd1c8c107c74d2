/**
 * What a host says about keys and labels, checked, and the coats that detector and gossip make of it. Keys never stand in an error: what is
 * wrong with one is told by its place and size.
 */
import { InvalidOption } from './errors.ts'
import { type FillRandom, isKeySize, Keyring, MOST_KEYS } from './wire/keyring.ts'
import type { Coats } from './wire/packet.ts'

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
