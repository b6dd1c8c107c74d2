/** Key commands of RPC clients, by the cluster's keys (protocol page 3, section 1.5). */
import type { Cluster } from '../cluster.ts'
import type { KeyAction, KeysOutcome } from './desk.ts'

const NOTHING = { messages: {}, keys: null, numNodes: 0, numErr: 0, numResp: 0 }

export async function changeKey(_cluster: Cluster, _action: KeyAction, _key: string): Promise<KeysOutcome> {
  return { error: 'Feature not supported', keys: NOTHING }
}

export async function listKeys(_cluster: Cluster): Promise<KeysOutcome> {
  return { error: 'Feature not supported', keys: NOTHING }
}
