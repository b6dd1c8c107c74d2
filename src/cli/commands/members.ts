/** `members`: who is in the pool, as the agent sees it (protocol page 3, section 2.3). */
import { hostPort, type RpcMember } from '../../agent/rpc/records.ts'
import {
  atAgent,
  attempt,
  type CliWorld,
  type Command,
  FORMAT_FLAG,
  formatOf,
  RPC_FLAGS,
  tagsOf,
} from '../command.ts'
import type { Flags } from '../flags.ts'
import { columns, goJson, sortedByKey } from '../text.ts'

/** Between two looks of the live table. */
const WATCH_EVERY = 1_000

export const members: Command = {
  summary: 'Lists the members of a Serf cluster',
  usage: 'members [options]',
  about: 'Outputs the members that a running agent knows.',
  flags: {
    ...RPC_FLAGS,
    detailed: { kind: 'bool', help: 'also show protocol versions (text only)' },
    format: FORMAT_FLAG,
    name: { kind: 'text', help: 'only members whose name matches this regular expression' },
    role: { kind: 'text', help: 'deprecated: the same as -tag role=...' },
    status: { kind: 'text', help: 'only members whose status matches this regular expression' },
    tag: { kind: 'texts', help: 'only members whose tag matches: key=regexp; may be repeated' },
    watch: { kind: 'bool', help: 'keep a live table on the terminal until interrupted' },
  },
  async run(flags, world) {
    const tags = tagsOf(flags.texts('tag'))
    if (flags.text('role') !== '') {
      world.out("Deprecation warning: 'Role' has been replaced with 'Tags'\n")
      tags.role = flags.text('role')
    }
    const filter = { tags, status: flags.text('status'), name: flags.text('name') }
    return atAgent(flags, world, async (client) => {
      const look = () => attempt('Error retrieving members', client.membersFiltered(filter))
      if (flags.isSet('watch')) return watch(look, flags, world)
      const found = await look()
      // An empty table is an empty line.
      world.out(formatOf(flags) === 'json' ? `${asJson(found)}\n` : `${asText(found, flags)}\n`)
      return 0
    })
  },
}

async function watch(look: () => Promise<RpcMember[]>, flags: Flags, world: CliWorld): Promise<number> {
  let isOver = false
  const release = world.onInterrupt(() => {
    isOver = true
  })
  try {
    while (!isOver) {
      const table = asText(
        (await look()).sort((a, b) => (a.name < b.name ? -1 : 1)),
        flags,
      )
      // On a terminal each table replaces the one before it; elsewhere they follow each other.
      world.out(world.isTerminal ? `\u001b[H\u001b[2J${table}\n` : `${table}\n`)
      await world.sleep(WATCH_EVERY)
    }
    return 0
  } finally {
    release()
  }
}

function asText(found: readonly RpcMember[], flags: Flags): string {
  const rows = found.map((member) => {
    const tags = Object.entries(member.tags).map(([name, value]) => `${name}=${value}`)
    const row = [member.name, hostPort(member), member.status, tags.join(',')]
    if (flags.isSet('detailed')) {
      row.push(`Protocol Version: ${member.delegateCur}`)
      row.push(`Available Protocol Range: [${member.delegateMin}, ${member.delegateMax}]`)
    }
    return row.join('|')
  })
  return columns(rows)
}

function asJson(found: readonly RpcMember[]): string {
  const members = found.map((member) => ({
    name: member.name,
    addr: hostPort(member),
    port: member.port,
    tags: Object.fromEntries(sortedByKey(Object.entries(member.tags))),
    status: member.status,
    protocol: { max: member.delegateMax, min: member.delegateMin, version: member.delegateCur },
  }))
  return goJson({ members: members.length === 0 ? null : members })
}
