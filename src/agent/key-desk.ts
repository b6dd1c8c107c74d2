/** Key commands of RPC clients, by the cluster's keys, in the words and the shape of the original's answers (protocol page 3, section 1.5). */
import type { Cluster } from '../cluster/cluster.ts'
import { KeyOperationFailed, type KeyResult, RotationStopped } from '../errors/keys.ts'
import type { KeyAction, KeysOutcome } from './desk.ts'
import type { RotationOutcome } from './rpc/extra-records.ts'
import type { RpcKeys } from './rpc/records.ts'

const NOTHING: RpcKeys = { messages: {}, keys: null, numNodes: 0, numErr: 0, numResp: 0 }
const SIZES = [16, 24, 32]

export async function changeKey(cluster: Cluster, action: KeyAction, key: string): Promise<KeysOutcome> {
  const wrongAt = wrongByte(key)
  if (wrongAt >= 0) return { error: `illegal base64 data at input byte ${wrongAt}`, keys: NOTHING }
  const bytes = Uint8Array.from(Buffer.from(key, 'base64'))
  if (!SIZES.includes(bytes.length)) return saidByAll(cluster, action)
  const keys = cluster.keys
  const call = { 'install-key': keys.install, 'use-key': keys.use, 'remove-key': keys.remove }[action]
  return outcomeOf(call.call(keys, bytes), 'change')
}

export function listKeys(cluster: Cluster): Promise<KeysOutcome> {
  return outcomeOf(cluster.keys.list(), 'list')
}

async function outcomeOf(call: Promise<KeyResult>, what: 'change' | 'list'): Promise<KeysOutcome> {
  try {
    return { error: '', keys: recordOf(await call, what) }
  } catch (error) {
    if (!(error instanceof KeyOperationFailed)) throw error
    const { result } = error
    const { numErrors, numResponses, numNodes } = result
    const text =
      numErrors > 0
        ? `${numErrors}/${numNodes} nodes reported failure`
        : `${numResponses}/${numNodes} nodes reported success`
    return { error: text, keys: recordOf(result, what) }
  }
}

function recordOf(
  { messages, keys, numNodes, numErrors, numResponses }: KeyResult,
  what: 'change' | 'list',
): RpcKeys {
  return {
    messages: { ...messages },
    keys: what === 'list' ? new Map(Object.entries(keys)) : null,
    numNodes,
    numErr: numErrors,
    numResp: numResponses,
  }
}

/** What members say of bytes that are no key: the library does not ask them, since all say the same. Nobody minds the removal of what nobody has. */
const OF_NO_KEY: Readonly<Record<KeyAction, string>> = {
  'install-key': 'key size must be 16, 24 or 32 bytes',
  'use-key': 'Requested key is not in the keyring',
  'remove-key': '',
}
const UNENCRYPTED = 'No keyring to modify (encryption not enabled)'

async function saidByAll(cluster: Cluster, action: KeyAction): Promise<KeysOutcome> {
  const { serf } = await cluster.stats()
  const message = String(serf.encrypted) === 'true' ? OF_NO_KEY[action] : UNENCRYPTED
  const names = cluster.members({ status: 'alive' }).map(({ name }) => name)
  const count = names.length
  if (message === '') return { error: '', keys: { ...NOTHING, numNodes: count, numResp: count } }
  const messages = Object.fromEntries(names.map((name) => [name, message]))
  const keys = { messages, keys: null, numNodes: count, numErr: count, numResp: count }
  return { error: `${count}/${count} nodes reported failure`, keys }
}

/** Offset of what makes a text no base64, as Go counts it: the first wrong character, or the start of a group that lacks its padding; -1 for none. */
export function wrongByte(text: string): number {
  const wrong = /[^A-Za-z0-9+/=\r\n]/.exec(text)
  if (wrong !== null) return wrong.index
  const padding = /=[\r\n]*[^=\r\n]/.exec(text)
  if (padding !== null) return padding.index + 1
  let digits = 0
  let groupAt = 0
  for (const [i, character] of [...text].entries()) {
    if (character === '\r' || character === '\n') continue
    if (digits % 4 === 0) groupAt = i
    digits += 1
  }
  return digits % 4 === 0 ? -1 : groupAt
}

/** Rotates the pool's keys to `key` (base64; empty for a new one), with a grace in milliseconds before the old ones go. */
export async function rotateKeys(cluster: Cluster, key: string, grace: number): Promise<RotationOutcome> {
  const given = key === '' ? undefined : key
  try {
    const { removed } = await cluster.keys.rotate(given, { grace })
    return { removed, step: '', silent: [], key }
  } catch (error) {
    if (!(error instanceof RotationStopped)) throw error
    const again = Buffer.from(error.key).toString('base64')
    return { removed: 0, step: error.step, silent: [...error.members], key: again }
  }
}
