/** What a command of the command line is, and what the world looks like to it. */
import type { RpcClient } from '../agent/rpc/client.ts'
import type { FlagSpec, Flags } from './flags.ts'
import { goJson } from './text.ts'

/** The process, as a command sees it: nothing else of it is touched. */
export interface CliWorld {
  /** Writes to standard output, where all results and all errors of commands go. */
  out(text: string): void
  /** Writes to standard error: flag errors and help. */
  err(text: string): void
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether standard output is a terminal: colours and live tables are for people only. */
  readonly isTerminal: boolean
  /** Connects and shakes hands. Rejects with a message in Go's words. */
  dial(address: string, authKey: string): Promise<RpcClient>
  randomBytes(count: number): Uint8Array
  /** All bytes of a file; throws with the system's reason. */
  readFile(path: string): Uint8Array
  /** Hears the datagrams that come to `ip:port` until the returned function is called. */
  listenUdp(address: string, packet: (bytes: Uint8Array, from: string) => void): Promise<() => void>
  /** Milliseconds of a monotonic clock. */
  now(): number
  /** Resolves after so many milliseconds, or when interrupted. */
  sleep(ms: number): Promise<void>
  /** Calls back at the first SIGINT from now on, instead of the process's death; the returned function takes that back. */
  onInterrupt(call: () => void): () => void
}

export interface Command {
  /** One line for the overview. */
  readonly summary: string
  /** Usage line and paragraph for the help. */
  readonly usage: string
  readonly about: string
  readonly flags: Readonly<Record<string, FlagSpec>>
  /** Words that may stand behind the command: shells complete them. */
  readonly words?: readonly string[]
  /** Returns the exit status. Errors of the connection may be thrown. */
  run(flags: Flags, world: CliWorld): Promise<number>
}

/** A mistake on the command line: printed as it is, with the command's help behind it where that helps. Exit status 1. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly help: 'help' | 'no-help'

  constructor(message: string, help: 'help' | 'no-help' = 'no-help') {
    super(message)
    this.help = help
  }
}

/** The flags of all commands that talk to an agent. */
export const RPC_FLAGS: Readonly<Record<string, FlagSpec>> = {
  'rpc-addr': { kind: 'text', help: 'RPC address of the agent (default $SERF_RPC_ADDR or 127.0.0.1:7373)' },
  'rpc-auth': { kind: 'text', help: 'RPC auth token of the agent (default $SERF_RPC_AUTH)' },
}

export const FORMAT_FLAG: FlagSpec = { kind: 'text', help: "'text' (default) or 'json'" }

/** Runs `use` with a client of the agent that flags and environment name, and lets go of it whatever comes. */
export async function atAgent<Value>(
  flags: Flags,
  world: CliWorld,
  use: (client: RpcClient) => Promise<Value>,
): Promise<Value> {
  const client = await connect(flags, world)
  try {
    return await use(client)
  } finally {
    client.close()
  }
}

/** The flag wins over the environment. */
async function connect(flags: Flags, { env, dial }: CliWorld): Promise<RpcClient> {
  const address = flags.text('rpc-addr', env.SERF_RPC_ADDR || '127.0.0.1:7373')
  try {
    return await dial(address, flags.text('rpc-auth', env.SERF_RPC_AUTH ?? ''))
  } catch (error) {
    throw new UsageError(`Error connecting to Serf agent: ${messageOf(error)}`)
  }
}

/** Runs a call to the agent; its failure becomes a line that begins with what was tried. */
export async function attempt<Value>(what: string, call: Promise<Value>): Promise<Value> {
  try {
    return await call
  } catch (error) {
    throw new UsageError(`${what}: ${messageOf(error)}`)
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** `key=value` of repeated flags. The value may hold further «=». */
export function tagsOf(texts: readonly string[]): Record<string, string> {
  const tags: Record<string, string> = Object.create(null)
  for (const text of texts) {
    const equals = text.indexOf('=')
    if (equals < 1) throw new UsageError(`Error: Invalid tag: '${text}'`)
    tags[text.slice(0, equals)] = text.slice(equals + 1)
  }
  return tags
}

/** How a command has to print what it has to say. */
export function formatOf(flags: Flags): 'text' | 'json' {
  const format = flags.text('format', 'text')
  if (format === 'text' || format === 'json') return format
  throw new UsageError(`Encoding error: Invalid output format ${JSON.stringify(format)}`)
}

/** Prints an outcome in the form that is asked for; an empty text is none. */
export function report(flags: Flags, world: CliWorld, text: string, json: unknown): void {
  const said = formatOf(flags) === 'json' ? goJson(json) : text
  if (said !== '') world.out(`${said}\n`)
}
