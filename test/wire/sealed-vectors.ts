/** The recordings that are encrypted: what is needed to open them, and to make the very same bytes again. */
import assert from 'node:assert/strict'
import {
  type FillRandom,
  Keyring,
  SEAL_HEAD,
  type SealVersion,
  sealedLength,
} from '../../src/wire/keyring.ts'
import type { Coats } from '../../src/wire/packet.ts'
import type { StreamSide } from '../../src/wire/stream.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import { fromHex, type MemberlistVector } from '../vectors.ts'

export interface Unsealed {
  /** What stands under label and encryption, or all of it where there is none. */
  plain: Uint8Array
  /** What the recording says about `plain`. */
  decoded: unknown
  /** The recorded bytes again, from the plain ones. */
  again(plain: Uint8Array): Uint8Array
}

/** A source of chance that gives this nonce for ever. */
export function always(nonce: Uint8Array): FillRandom {
  return (bytes) => {
    for (let at = 0; at < bytes.length; at += nonce.length) bytes.set(nonce, at)
  }
}

/** The configuration under which a recording was made; its nonce comes first and for ever. */
export function coatsOf(vector: MemberlistVector, compression: boolean): Coats {
  const label = new TextEncoder().encode(vector.label ?? '')
  if (vector.key === undefined) return { compression, label }
  const { nonce, version } = encryptionOf(vector)
  const keyring = new Keyring([fromHex(vector.key.hex)], always(nonce))
  return { compression, label, encryption: { keyring, version, incoming: 'verified', outgoing: 'sealed' } }
}

/** Which side of a stream a recording is. */
export function sideOf({ name }: MemberlistVector): StreamSide {
  return /reply|ack|errresp/.test(name) ? 'reply' : 'opener'
}

export function unsealed(vector: MemberlistVector): Unsealed {
  const bytes = fromHex(vector.hex)
  if (vector.key === undefined) {
    return { plain: bytes, decoded: vector.decoded, again: (plain) => plain }
  }
  const { version, extra, inner, nonce } = encryptionOf(vector)
  const label = bytes[0] === MESSAGE.label ? 2 + bytes[1] : 0
  const head = label + (vector.transport === 'tcp' ? 5 : 0)
  const keyring = new Keyring([fromHex(vector.key.hex)], always(nonce))
  const plain = keyring.open(bytes.subarray(head), extra)
  assert.ok(plain, `${vector.name} opens`)
  const again = (inside: Uint8Array) => {
    const sealed = new Uint8Array(head + sealedLength(inside.length, version))
    sealed.set(bytes.subarray(0, head))
    sealed.set(inside, head + SEAL_HEAD)
    keyring.seal(sealed, head, inside.length, version, extra)
    return sealed
  }
  return { plain, decoded: inner, again }
}

interface Encryption {
  version: SealVersion
  nonce: Uint8Array
  extra: Uint8Array
  inner: unknown
}

/** What the recording says about its encryption, which may stand under a label. */
function encryptionOf({ name, decoded }: MemberlistVector): Encryption {
  const layer = decoded.layer === 'label' ? recordOf(decoded.inner) : decoded
  assert.equal(layer.layer, 'encryption', name)
  const { version, nonce, aad, inner } = layer
  return {
    version: version === 0 ? 0 : 1,
    nonce: fromHex(String(nonce)),
    extra: fromHex(String(recordOf(aad).hex)),
    inner,
  }
}

function recordOf(value: unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value ?? {}))
}
