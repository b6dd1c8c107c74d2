/** Commands that only our agents answer: why, doctor. */
import { type HistoryLine, readFindings, readHistory } from '../../agent/rpc/extra-records.ts'
import { atAgent, attempt, type Command, FORMAT_FLAG, RPC_FLAGS, report, UsageError } from '../command.ts'
import { columns } from '../text.ts'

const FOREIGN = 'this agent is not a folkmoot agent, which alone can tell'

/** Runs a call that agents of others refuse, and says so in place of their words. */
export async function attemptOurs<Value>(what: string, call: Promise<Value>): Promise<Value> {
  const known = call.catch((error: unknown) => {
    if (error instanceof Error && error.message === 'Unsupported command') throw new Error(FOREIGN)
    throw error
  })
  return attempt(what, known)
}

export const why: Command = {
  summary: 'Tells why a member is what it is',
  usage: 'why [options] [name]',
  about:
    'Prints the last transitions of a member, or of all: who accused it, who confirmed, at which incarnation, when.',
  flags: { ...RPC_FLAGS, format: FORMAT_FLAG },
  async run(flags, world) {
    if (flags.args.length > 1) throw new UsageError('At most one node name may be given.', 'help')
    const [node = ''] = flags.args
    return atAgent(flags, world, async (client) => {
      const history = readHistory(
        await attemptOurs('Error asking why', client.extra('why', { field: 'Node', text: node })),
      )
      report(flags, world, history.length > 0 ? table(history) : nothing(node), { history })
      return 0
    })
  },
}

function nothing(node: string): string {
  return node === '' ? 'Nothing has happened yet.' : `Nothing is remembered of ${node}.`
}

function table(history: readonly HistoryLine[]): string {
  const rows = history.map(({ name, change, incarnation, accuser, confirmations, ago }) => [
    `${(ago / 1000).toFixed(1)} s ago`,
    name,
    change,
    `incarnation ${incarnation}`,
    accuser === '' ? '' : `by ${accuser}`,
    confirmations === 0 ? '' : `confirmed by ${confirmations} more`,
  ])
  return columns(rows.map((row) => row.join('|')))
}

export const doctor: Command = {
  summary: 'Looks for what is wrong in the pool',
  usage: 'doctor [options]',
  about:
    'Checks UDP both ways, members, versions, keys and clocks, as the agent sees them. Exit status 1 when there is a problem.',
  flags: { ...RPC_FLAGS, format: FORMAT_FLAG },
  async run(flags, world) {
    return atAgent(flags, world, async (client) => {
      const findings = readFindings(await attemptOurs('Error asking the doctor', client.extra('doctor')))
      const rows = findings.map(({ level, about, text }) => `${level}|${about}|${text}`)
      report(flags, world, columns(rows), { findings })
      return findings.some(({ level }) => level === 'problem') ? 1 : 0
    })
  },
}
