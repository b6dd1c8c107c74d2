/** Commands that only our agents answer: why, doctor. */
import { readFindings, readHistory } from '../../agent/extras.ts'
import { attempt, type Command, connect, FORMAT_FLAG, formatOf, RPC_FLAGS, UsageError } from '../command.ts'
import { columns, goJson } from '../text.ts'

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
    const client = await connect(flags, world)
    try {
      const [name = ''] = flags.args
      const entries = readHistory(
        await attemptOurs('Error asking why', client.extra('why', { field: 'Node', text: name })),
      )
      if (formatOf(flags) === 'json') world.out(`${goJson({ history: entries })}\n`)
      else if (entries.length === 0)
        world.out(name === '' ? 'Nothing has happened yet.\n' : `Nothing is remembered of ${name}.\n`)
      else {
        const rows = entries.map(({ name: who, change, incarnation, accuser, confirmations, ago }) => {
          const by = accuser === '' ? '' : `by ${accuser}`
          const confirmed = confirmations === 0 ? '' : `confirmed by ${confirmations} more`
          return [
            `${(ago / 1000).toFixed(1)} s ago`,
            who,
            change,
            `incarnation ${incarnation}`,
            by,
            confirmed,
          ].join('|')
        })
        world.out(`${columns(rows)}\n`)
      }
      return 0
    } finally {
      client.close()
    }
  },
}

export const doctor: Command = {
  summary: 'Looks for what is wrong in the pool',
  usage: 'doctor [options]',
  about:
    'Checks UDP both ways, members, versions, keys and clocks, as the agent sees them. Exit status 1 when there is a problem.',
  flags: { ...RPC_FLAGS, format: FORMAT_FLAG },
  async run(flags, world) {
    const client = await connect(flags, world)
    try {
      const findings = readFindings(await attemptOurs('Error asking the doctor', client.extra('doctor')))
      if (formatOf(flags) === 'json') world.out(`${goJson({ findings })}\n`)
      else world.out(`${columns(findings.map(({ level, about, text }) => `${level}|${about}|${text}`))}\n`)
      return findings.some(({ level }) => level === 'problem') ? 1 : 0
    } finally {
      client.close()
    }
  },
}
