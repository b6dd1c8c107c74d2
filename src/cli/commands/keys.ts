/** `keys` and `keygen`: the keys that the pool encrypts with (protocol page 3, sections 2.2 and 2.10). */

import { type RpcClient, RpcError } from '../../agent/rpc/client.ts'
import { readRotation } from '../../agent/rpc/extra-records.ts'
import { type RpcKeys, readKeys } from '../../agent/rpc/records.ts'
import {
  atAgent,
  type CliWorld,
  type Command,
  FORMAT_FLAG,
  formatOf,
  messageOf,
  RPC_FLAGS,
  report,
  UsageError,
} from '../command.ts'
import type { Flags } from '../flags.ts'
import { columns, goJson, sortedByKey } from '../text.ts'
import { attemptOurs } from './beyond.ts'

interface Action {
  progress: string
  success: string
  failure: string
  run(client: RpcClient, key: string): Promise<RpcKeys>
}

const ACTIONS: Readonly<Record<string, Action>> = {
  list: {
    progress: 'Asking all members for installed keys...',
    success: 'Keys gathered, listing cluster keys...',
    failure: 'Failed to gather member keys',
    run: (client) => client.listKeys(),
  },
  install: {
    progress: 'Installing key on all members...',
    success: 'Successfully installed key!',
    failure: 'Error installing key',
    run: (client, key) => client.changeKey('install-key', key),
  },
  use: {
    progress: 'Changing primary key on all members...',
    success: 'Successfully changed primary key!',
    failure: 'Error changing primary key',
    run: (client, key) => client.changeKey('use-key', key),
  },
  remove: {
    progress: 'Removing key on all members...',
    success: 'Successfully removed key!',
    failure: 'Error removing key',
    run: (client, key) => client.changeKey('remove-key', key),
  },
}

const GRACE = 10_000_000_000n

export const keys: Command = {
  summary: 'Manipulate the internal encryption keyring used by Serf',
  usage: 'keys [options] [rotate [key]]',
  about:
    'Manages the encryption keys of all members. Several may be installed; one, the primary, encrypts, and any decrypts. A key is replaced by installing the new one, using it, and removing the old one.',
  flags: {
    ...RPC_FLAGS,
    format: FORMAT_FLAG,
    install: { kind: 'text', help: 'install this key on all members' },
    list: { kind: 'bool', help: 'list the keys of all members' },
    remove: { kind: 'text', help: 'remove this key from all members' },
    grace: {
      kind: 'duration',
      help: 'with rotate: how long old keys are kept after everyone uses the new one (default 10s)',
    },
    use: { kind: 'text', help: 'make this key the primary one on all members' },
  },
  words: ['rotate'],
  async run(flags, world) {
    if (flags.args[0] === 'rotate') return rotate(flags, world)
    const wanted = Object.keys(ACTIONS).filter((name) =>
      name === 'list' ? flags.isSet(name) : flags.text(name) !== '',
    )
    if (wanted.length > 1) throw new UsageError('Only one of -install, -use, -remove, or -list allowed')
    if (wanted.length === 0) throw new UsageError('', 'help')
    const [name] = wanted
    return atAgent(flags, world, (client) =>
      act(ACTIONS[name], { key: flags.text(name), isList: name === 'list' }, client, flags, world),
    )
  },
}

/** `keys rotate [key]`: every step waits for every member; who does not confirm is named, and the same key goes on later. */
async function rotate(flags: Flags, world: CliWorld): Promise<number> {
  return atAgent(flags, world, async (client) => {
    const grace = Number(flags.duration('grace', GRACE) / 1_000_000n)
    const call = client.rotateKeys(flags.args[1] ?? '', grace)
    const { removed, step, silent, key } = readRotation(await attemptOurs('Error rotating keys', call))
    const isDone = step === ''
    const text = isDone
      ? `==> All members use the new key; ${removed} old keys removed.`
      : `==> Stopped at the step ${step}: no confirmation from ${silent.join(', ')}.\nEverybody still understands everybody. Go on with: folkmoot keys rotate ${key}`
    report(flags, world, text, { removed, stopped_at: step, silent, key: isDone ? '' : key })
    return isDone ? 0 : 1
  })
}

async function act(
  { progress, success, failure, run }: Action,
  { key, isList }: { key: string; isList: boolean },
  client: RpcClient,
  flags: Flags,
  world: CliWorld,
): Promise<number> {
  const format = formatOf(flags)
  const say = (line: string) => {
    if (format === 'text') world.out(`${line}\n`)
  }
  const tell = (outcome: RpcKeys | undefined, error: string) => {
    if (format === 'json') world.out(`${goJson(shown(outcome, error))}\n`)
  }
  say(`==> ${progress}`)
  try {
    const outcome = await run(client, key)
    say(`==> ${success}`)
    if (isList) say(`\n${keyTable(outcome)}`)
    tell(outcome, '')
    return 0
  } catch (error) {
    if (!(error instanceof RpcError)) throw new UsageError(`${failure}: ${messageOf(error)}`)
    const outcome = error.body === undefined ? undefined : readKeys(error.body)
    const failed = sortedByKey(Object.entries(outcome?.messages ?? {}))
    tell(outcome, error.message)
    if (failed.length > 0) say(columns(failed.map(([node, message]) => `failed: | ${node} | ${message}`)))
    say(`\n${failure}: ${error.message}`)
    return 1
  }
}

function keyTable({ keys: held, numNodes }: RpcKeys): string {
  return columns(sortedByKey(held ?? []).map(([key, count]) => `${key} | [${count}/${numNodes}]`))
}

function shown(outcome: RpcKeys | undefined, error: string): unknown {
  return {
    error,
    nodes: outcome?.numNodes ?? 0,
    responses: outcome?.numResp ?? 0,
    errors: outcome?.numErr ?? 0,
    keys: Object.fromEntries(sortedByKey(outcome?.keys ?? [])),
    messages: Object.fromEntries(sortedByKey(Object.entries(outcome?.messages ?? {}))),
  }
}

export const keygen: Command = {
  summary: 'Generates a new encryption key',
  usage: 'keygen',
  about: 'Prints a new random key of 32 bytes, for -encrypt and for keys -install.',
  flags: { format: FORMAT_FLAG },
  async run(flags, world) {
    const key = Buffer.from(world.randomBytes(32)).toString('base64')
    world.out(flags.text('format') === 'json' ? `${goJson({ key })}\n` : `${key}\n`)
    return 0
  },
}
