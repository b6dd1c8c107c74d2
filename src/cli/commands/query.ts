/** `query` and `reachability`: questions to the pool, answered one by one (protocol page 3, sections 2.5 and 2.9). */
import type { RpcClient } from '../../agent/rpc/client.ts'
import type { QueryRequest } from '../../agent/rpc/records.ts'
import {
  atAgent,
  attempt,
  type CliWorld,
  type Command,
  FORMAT_FLAG,
  formatOf,
  RPC_FLAGS,
  tagsOf,
  UsageError,
} from '../command.ts'
import type { Flags } from '../flags.ts'
import { goJson, sortedByKey } from '../text.ts'
import { namedPayload } from './pool.ts'

const TEXT = new TextDecoder()

export const query: Command = {
  summary: 'Send a query to the Serf cluster',
  usage: 'query [options] name [payload]',
  about: 'Dispatches a query to the members and prints their acks and responses as they come.',
  flags: {
    ...RPC_FLAGS,
    format: FORMAT_FLAG,
    'no-ack': { kind: 'bool', help: 'ask for no acks' },
    node: { kind: 'texts', help: 'only this member; may be repeated' },
    'relay-factor': { kind: 'int', help: 'how many members pass each answer on as well (0 to 255)' },
    tag: { kind: 'texts', help: 'only members whose tag matches: key=regexp; may be repeated' },
    timeout: { kind: 'duration', help: 'how long answers are waited for (default: by the size of the pool)' },
  },
  async run(flags, world) {
    const filterTags = tagsOf(flags.texts('tag'))
    const [name, payload] = namedPayload('query', flags)
    const relayFactor = flags.int('relay-factor', 0)
    if (relayFactor < 0 || relayFactor > 255) throw new UsageError('Relay factor must be between 0 and 255')
    const nodes = flags.texts('node')
    const request: QueryRequest = {
      filterNodes: nodes.length === 0 ? null : [...nodes],
      filterTags,
      requestAck: !flags.isSet('no-ack'),
      relayFactor,
      timeout: flags.duration('timeout', 0n),
      name,
      payload,
    }
    return atAgent(flags, world, (client) => ask(client, request, flags, world))
  },
}

async function ask(client: RpcClient, request: QueryRequest, flags: Flags, world: CliWorld): Promise<number> {
  const format = flags.text('format', 'text')
  if (format !== 'text' && format !== 'json') throw new UsageError(`Invalid format: ${format}`)
  const { feed } = await attempt('Error sending query', client.query(request))
  const isText = formatOf(flags) === 'text'
  if (isText) world.out(`Query '${request.name}' dispatched\n`)
  let isInterrupted = false
  const release = world.onInterrupt(() => {
    isInterrupted = true
    void feed.return()
  })
  const acks: string[] = []
  const responses = new Map<string, string>()
  for await (const { type, from, payload } of feed) {
    if (type === 'ack') {
      acks.push(from)
      if (isText) world.out(`Ack from '${from}'\n`)
    } else if (type === 'response') {
      const text = TEXT.decode(payload ?? new Uint8Array(0))
      responses.set(from, text)
      if (isText) world.out(`Response from '${from}': ${text.replace(/\n$/, '')}\n`)
    }
  }
  release()
  if (isInterrupted) return 1
  if (!isText) {
    const json = {
      Acks: acks.length === 0 ? null : acks,
      Responses: Object.fromEntries(sortedByKey(responses)),
    }
    world.out(`${goJson(json)}\n`)
    return 0
  }
  if (request.requestAck) world.out(`Total Acks: ${acks.length}\n`)
  world.out(`Total Responses: ${responses.size}\n`)
  return 0
}

const TIPS = `Troubleshooting tips:
* Ensure that the bind addr:port is accessible by all other nodes
* If an advertise address is set, ensure it routes to the bind address
* Check that no nodes are behind a NAT
* If nodes are behind firewalls or iptables, check that Serf traffic is permitted (UDP and TCP)
* Verify networking equipment is functional`

const LOST = 'This could mean gossip packets are being lost due to a misconfiguration or unreliable network.'
const MISJUDGED =
  'This could mean members are wrongly taken for failed, by misconfiguration or an unreliable network.'

export const reachability: Command = {
  summary: 'Test network reachability of the Serf cluster',
  usage: 'reachability [options]',
  about: 'Asks every live member for an ack and compares who answered with who should have.',
  flags: {
    ...RPC_FLAGS,
    format: FORMAT_FLAG,
    verbose: { kind: 'bool', help: 'name each member as its ack comes' },
  },
  run: (flags, world) => atAgent(flags, world, (client) => reach(client, flags, world)),
}

async function reach(client: RpcClient, flags: Flags, world: CliWorld): Promise<number> {
  const isText = formatOf(flags) === 'text'
  const say = (line: string) => {
    if (isText) world.out(`${line}\n`)
  }
  const members = await attempt('Error getting members', client.members())
  const live = new Set(members.filter(({ status }) => status === 'alive').map(({ name }) => name))
  say(`Total members: ${members.length}, live members: ${live.size}`)
  say('Starting reachability test...')
  const startedAt = world.now()
  const ping = { filterNodes: null, filterTags: null, requestAck: true, relayFactor: 0, timeout: 0 }
  const { feed } = await attempt(
    'Error sending query',
    client.query({ ...ping, name: '_serf_ping', payload: null }),
  )
  let isInterrupted = false
  const release = world.onInterrupt(() => {
    isInterrupted = true
    void feed.return()
  })
  const acked = new Set<string>()
  let lastAt = startedAt
  let duplicates = 0
  for await (const { type, from } of feed) {
    if (type !== 'ack') continue
    lastAt = world.now()
    if (acked.has(from)) {
      duplicates += 1
      say(`Duplicate response from '${from}'`)
    }
    acked.add(from)
    if (flags.isSet('verbose')) say(`\tAck from '${from}'`)
  }
  release()
  if (isInterrupted) {
    say('Test interrupted')
    return 1
  }
  if (flags.isSet('verbose')) {
    const seconds = (ms: number) => (ms / 1000).toFixed(2)
    say(
      `Query time: ${seconds(world.now() - startedAt)} sec, time to last response: ${seconds(lastAt - startedAt)} sec`,
    )
  }
  const missing = [...live].filter((name) => !acked.has(name))
  const unexpected = [...acked].filter((name) => !live.has(name))
  if (!isText)
    world.out(
      `${goJson({ members: members.length, live: live.size, acks: [...acked], missing, unexpected })}\n`,
    )
  return verdict({ missing, unexpected, duplicates, live: live.size, acked: acked.size }, say)
}

interface Reached {
  missing: string[]
  unexpected: string[]
  duplicates: number
  live: number
  acked: number
}

function verdict(reached: Reached, say: (line: string) => void): number {
  if (reached.duplicates > 0) say('Duplicate responses mean that the names of members are not unique.')
  if (reached.acked === reached.live) {
    if (reached.duplicates > 0) return 1
    say('Successfully contacted all live nodes')
    return 0
  }
  const [headline, names, why] =
    reached.acked < reached.live
      ? ['Received less acks than live nodes! Missing acks from:', reached.missing, LOST]
      : ['Received more acks than live nodes! Acks from non-live nodes:', reached.unexpected, MISJUDGED]
  say(headline)
  for (const name of names) say(`\t${name}`)
  say(`${why}\n\n${TIPS}`)
  return 1
}
