/** What an agent says of itself and of the way to others: info, rtt, version (protocol page 3, sections 2.2, 2.7 and 2.8). */
import type { RpcClient } from '../../agent/rpc/client.ts'
import type { RpcCoordinate } from '../../agent/rpc/records.ts'
import { atAgent, attempt, type Command, FORMAT_FLAG, RPC_FLAGS, report, UsageError } from '../command.ts'
import { goJson, goQuoted, sortedByKey, trimmed } from '../text.ts'

/** Serf's protocol versions that we speak, newest and oldest. */
const PROTOCOL = { newest: 5, oldest: 2 }

export const info: Command = {
  summary: 'Provides debugging information for operators',
  usage: 'info [options]',
  about: 'Prints what an agent says of itself, its process, its pool and its event handlers.',
  flags: { ...RPC_FLAGS, format: FORMAT_FLAG },
  async run(flags, world) {
    return atAgent(flags, world, async (client) => {
      const stats = await attempt('Error querying agent', client.stats())
      const groups = sortedByKey(Object.entries(stats)).map(
        ([group, values]): [string, [string, string][]] => [group, sortedByKey(Object.entries(values))],
      )
      const lines = groups.flatMap(([group, values]) => [
        `${group}:`,
        ...values.map(([key, value]) => `\t${key} = ${value}`),
      ])
      const json = groups.map(([group, values]): [string, unknown] => [group, Object.fromEntries(values)])
      report(flags, world, trimmed(lines.join('\n')), Object.fromEntries(json))
      return 0
    })
  },
}

export const rtt: Command = {
  summary: 'Estimates network round trip time between nodes',
  usage: 'rtt [options] node1 [node2]',
  about:
    "Estimates the round trip time between two members by their network coordinates; without a second name, to the agent's own.",
  flags: { ...RPC_FLAGS, format: FORMAT_FLAG },
  async run(flags, world) {
    return atAgent(flags, world, async (client) => {
      if (flags.args.length < 1 || flags.args.length > 2) {
        throw new UsageError('One or two node names must be specified', 'help')
      }
      const [one] = flags.args
      const other = flags.args[1] ?? (await ownName(client))
      const distance = distanceBetween(await coordinateOf(client, one), await coordinateOf(client, other))
      const ms = (distance * 1000).toFixed(3)
      const text = `Estimated ${one} <-> ${other} rtt: ${ms} ms`
      report(flags, world, text, { from: one, to: other, rtt_ms: Number(ms) })
      return 0
    })
  },
}

async function ownName(client: RpcClient): Promise<string> {
  const stats = await attempt('Error querying agent', client.stats())
  return stats.agent?.name ?? ''
}

async function coordinateOf(client: RpcClient, node: string): Promise<RpcCoordinate> {
  const coordinate = await attempt('Error getting coordinates', client.coordinate(node))
  if (coordinate !== undefined) return coordinate
  throw new UsageError(`Could not find a coordinate for node ${goQuoted(node)}`)
}

/** Seconds, whole nanoseconds of them (protocol page 2, section 4.16). */
function distanceBetween(a: RpcCoordinate, b: RpcCoordinate): number {
  const to = b.vec ?? []
  const length = Math.sqrt(
    (a.vec ?? []).reduce((sum, component, i) => sum + (component - (to[i] ?? 0)) ** 2, 0),
  )
  const raw = length + a.height + b.height
  const adjusted = raw + a.adjustment + b.adjustment
  return Math.trunc((adjusted > 0 ? adjusted : raw) * 1e9) / 1e9
}

/** `version`, of the package that is running. */
export function versionCommand(version: string): Command {
  return {
    summary: 'Prints the Serf version',
    usage: 'version',
    about: 'Prints the version, and the versions of the protocol that are understood.',
    flags: { format: FORMAT_FLAG },
    async run(flags, world) {
      if (flags.text('format') === 'json') {
        world.out(`${goJson({ version, protocol: PROTOCOL.newest, oldest_protocol: PROTOCOL.oldest })}\n`)
        return 0
      }
      world.out(`${version}\nAgent Protocol: ${PROTOCOL.newest} (Understands back to: ${PROTOCOL.oldest})\n`)
      return 0
    },
  }
}
