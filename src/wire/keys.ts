/**
 * The messages inside queries about keys, and the answer of a member that was asked about a name (protocol page 2, sections 2.7 to 2.9).
 * They are rare, so they are read by table. What cannot be read is undefined.
 */
import { type Body, decodeBody, encodeBody, written } from './body.ts'
import { Malformed, Reader } from './msgpack.ts'
import { SERF_SPECS } from './specs.ts'
import { SERF } from './types.ts'

/** A member's answer about its keys, in base64. */
export interface KeyAnswer {
  isDone: boolean
  message: string
  keys: readonly string[]
  primaryKey: string
}

/** Values of one message: more keys than any ring holds. */
const MOST_VALUES = 4_096

export function writeKeyRequest(key: Uint8Array): Uint8Array {
  return written((writer) => {
    writer.byte(SERF.keyRequest)
    encodeBody(SERF_SPECS.keyRequest, { Key: key }, writer)
  })
}

/** The key of a request; the first byte must say that it is one. */
export function readKeyRequest(payload: Uint8Array): Uint8Array | undefined {
  const body = read(SERF.keyRequest, 'keyRequest', payload)
  if (body === undefined) return undefined
  const { Key = null } = body
  if (Key === null) return new Uint8Array(0)
  return Key instanceof Uint8Array ? Key.slice() : undefined
}

export function writeKeyAnswer({ isDone, message, keys, primaryKey }: KeyAnswer): Uint8Array {
  return written((writer) => {
    writer.byte(SERF.keyResponse)
    const Keys = keys.length === 0 ? null : [...keys]
    encodeBody(
      SERF_SPECS.keyResponse,
      { Keys, Message: message, PrimaryKey: primaryKey, Result: isDone },
      writer,
    )
  })
}

export function readKeyAnswer(payload: Uint8Array): KeyAnswer | undefined {
  const body = read(SERF.keyResponse, 'keyResponse', payload)
  if (body === undefined) return undefined
  const { Keys, Message, PrimaryKey, Result } = body
  const keys = Array.isArray(Keys) ? Keys.filter((key) => typeof key === 'string') : []
  const text = (value: unknown) => (typeof value === 'string' ? value : '')
  return { isDone: Result === true, message: text(Message), keys, primaryKey: text(PrimaryKey) }
}

/** Where the owner of a name is in the eyes of another member; undefined for what is no answer, null when it knows nobody of that name. */
export function readConflictAnswer(
  payload: Uint8Array,
): { address: Uint8Array; port: number } | null | undefined {
  if (payload.length < 2) return undefined
  const body = decoded(SERF.conflictResponse, 'conflictResponse', payload)
  if (body === undefined || body === null) return body
  const { Addr, Port } = body
  return {
    address: Addr instanceof Uint8Array ? Addr : new Uint8Array(0),
    port: typeof Port === 'number' ? Port : 0,
  }
}

/** Nil in the place of a record is one whose fields are all missing, as in the original. */
function read(type: number, name: string, payload: Uint8Array): Body | undefined {
  const body = decoded(type, name, payload)
  return body === null ? {} : body
}

function decoded(type: number, name: string, payload: Uint8Array): Body | null | undefined {
  if (payload[0] !== type) return undefined
  try {
    return decodeBody(SERF_SPECS[name], new Reader().reset(payload, 1), {
      values: MOST_VALUES,
      payloads: 'bytes',
    })
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}
