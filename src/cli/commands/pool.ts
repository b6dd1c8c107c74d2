/** The commands that change the pool or our place in it: join, leave, force-leave, tags, event (protocol page 3, sections 2.4 and 2.6). */
import {
  atAgent,
  attempt,
  type Command,
  FORMAT_FLAG,
  RPC_FLAGS,
  report,
  tagsOf,
  UsageError,
} from '../command.ts'
import type { Flags } from '../flags.ts'

const FLAGS = { ...RPC_FLAGS, format: FORMAT_FLAG }

export const join: Command = {
  summary: 'Tell Serf agent to join cluster',
  usage: 'join [options] address ...',
  about: 'Tells a running agent to join the pool of one or more members: host, host:port or name/host:port.',
  flags: { ...FLAGS, replay: { kind: 'bool', help: 'deliver user events from before the join' } },
  async run(flags, world) {
    if (flags.args.length === 0)
      throw new UsageError('At least one address to join must be specified.', 'help')
    const request = { existing: [...flags.args], replay: flags.isSet('replay') }
    return atAgent(flags, world, async (client) => {
      const joined = await attempt('Error joining the cluster', client.join(request))
      const text = `Successfully joined cluster by contacting ${joined} nodes.`
      report(flags, world, text, { joined })
      return 0
    })
  },
}

export const leave: Command = {
  summary: 'Gracefully leaves the Serf cluster and shuts down',
  usage: 'leave [options]',
  about: 'Causes the agent to leave the pool gracefully and to shut down.',
  flags: FLAGS,
  async run(flags, world) {
    return atAgent(flags, world, async (client) => {
      await attempt('Error leaving', client.leave())
      report(flags, world, 'Graceful leave complete', { left: true })
      return 0
    })
  },
}

export const forceLeave: Command = {
  summary: 'Forces a member of the cluster to enter the "left" state',
  usage: 'force-leave [options] name',
  about:
    'Marks a failed member as left, so that nobody tries to reach it any longer. A member that is alive refutes this and comes back.',
  flags: { ...FLAGS, prune: { kind: 'bool', help: 'erase the member altogether' } },
  async run(flags, world) {
    if (flags.args.length !== 1) throw new UsageError('A node name must be specified to force leave.', 'help')
    const request = { node: flags.args[0], prune: flags.isSet('prune') }
    return atAgent(flags, world, async (client) => {
      await attempt('Error force leaving', client.forceLeave(request))
      report(flags, world, '', { node: request.node, pruned: request.prune })
      return 0
    })
  },
}

export const tags: Command = {
  summary: 'Modify tags of a running Serf agent',
  usage: 'tags [options] ...',
  about: 'Modifies the tags of a running agent.',
  flags: {
    ...FLAGS,
    delete: { kind: 'texts', help: 'a tag to delete; may be repeated' },
    set: { kind: 'texts', help: 'a tag to set: key=value; may be repeated' },
  },
  async run(flags, world) {
    if (!flags.has('set') && !flags.has('delete')) throw new UsageError('', 'help')
    return atAgent(flags, world, async (client) => {
      const deleteTags = flags.has('delete') ? [...flags.texts('delete')] : null
      const request = { tags: tagsOf(flags.texts('set')), deleteTags }
      await attempt('Error setting tags', client.tags(request))
      report(flags, world, 'Successfully updated agent tags', request)
      return 0
    })
  },
}

export const event: Command = {
  summary: 'Send a custom event through the Serf cluster',
  usage: 'event [options] name [payload]',
  about: 'Dispatches a user event to all members.',
  flags: {
    ...FLAGS,
    coalesce: {
      kind: 'bool',
      help: 'let members merge events of this name (default true; -coalesce=false switches it off)',
    },
  },
  async run(flags, world) {
    const [name, payload] = namedPayload('event', flags)
    const coalesce = flags.isSet('coalesce', 'on')
    return atAgent(flags, world, async (client) => {
      await attempt('Error sending event', client.event({ name, payload, coalesce }))
      const text = `Event '${name}' dispatched! Coalescing enabled: ${coalesce}`
      report(flags, world, text, { name, coalesce })
      return 0
    })
  },
}

/** The name and the payload of an event or a query; no payload is nil, an empty one is not. */
export function namedPayload(what: 'event' | 'query', { args }: Flags): [string, Uint8Array | null] {
  if (args.length === 0)
    throw new UsageError(`${what === 'event' ? 'An' : 'A'} ${what} name must be specified.`, 'help')
  if (args.length > 2) {
    throw new UsageError(
      'Too many command line arguments. Only a name and payload must be specified.',
      'help',
    )
  }
  return [args[0], args.length === 2 ? new TextEncoder().encode(args[1]) : null]
}
