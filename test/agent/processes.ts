/** Agents and command lines as processes, ours and the real ones side by side, on addresses nobody else uses. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, freshIp, tieToUs } from '../interop/serf-agent.ts'

export const OUR_CLI = join(import.meta.dirname, '..', '..', 'workers', 'cli', 'main.js')

/** Which program: ours or the real `serf`. */
export type Kind = 'ours' | 'real'

export interface Ran {
  stdout: string
  stderr: string
  exit: number | null
}

function programOf(kind: Kind): [string, string[]] {
  return kind === 'real' ? ['serf', []] : [process.execPath, [OUR_CLI]]
}

/** Environment without the variables that both command lines look at. */
function cleanEnv(env: Record<string, string>): NodeJS.ProcessEnv {
  const { SERF_RPC_ADDR: _addr, SERF_RPC_AUTH: _auth, ...rest } = process.env
  return { ...rest, ...env }
}

/** Runs a command line to its end. */
export async function run(
  kind: Kind,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  const [program, first] = programOf(kind)
  const child = spawn(program, [...first, ...args], { env: cleanEnv(env), stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const [exit] = await once(child, 'close')
  return { stdout, stderr, exit: typeof exit === 'number' ? exit : null }
}

/** What a process is bound to: a test, or whoever else ends it. */
export interface Scope {
  after(end: () => Promise<void>): unknown
}

/** A program that runs on, and what it has said. */
export class Running {
  readonly child: ChildProcess
  output = ''

  constructor(kind: Kind, args: readonly string[], env: Record<string, string> = {}) {
    const [program, first] = programOf(kind)
    this.child = spawn(program, [...first, ...args], {
      env: cleanEnv(env),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    tieToUs(this.child)
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
      })
    }
  }

  /** Resolves when the output holds a text. */
  async says(text: string, within = 30_000): Promise<void> {
    for (let waited = 0; !this.output.includes(text); waited += 25) {
      if (waited > within || this.child.exitCode !== null) throw new Error(`no «${text}» in:\n${this.output}`)
      await sleep(25)
    }
  }

  /** The exit status, when it has ended. */
  async ended(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit')
    return this.child.exitCode
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended()
  }
}

export class AgentProcess extends Running {
  readonly kind: Kind
  readonly name: string
  readonly ip: string
  readonly rpc: string

  private constructor(
    { kind, name, ip, env }: { kind: Kind; name: string; ip: string; env: Record<string, string> },
    rpcPort: number,
    args: readonly string[],
  ) {
    const rpc = `${ip}:${rpcPort}`
    super(kind, ['agent', `-node=${name}`, `-bind=${ip}:7946`, `-rpc-addr=${rpc}`, ...args], env)
    this.kind = kind
    this.name = name
    this.ip = ip
    this.rpc = rpc
  }

  /** Starts one that answers its RPC port when the promise resolves, and ends with the test. */
  static async start(
    t: Scope,
    kind: Kind,
    name: string,
    args: readonly string[] = [],
    ip = freshIp(),
    env: Record<string, string> = {},
  ): Promise<AgentProcess> {
    const agent = new AgentProcess({ kind, name, ip, env }, await freePort(ip), args)
    t.after(() => agent.kill())
    await agent.says('Log data will now stream')
    return agent
  }

  /** Runs a command of a command line of either kind against this agent. */
  command(kind: Kind, command: string, ...args: string[]): Promise<Ran> {
    return run(kind, [command, `-rpc-addr=${this.rpc}`, ...args])
  }

  /** A `monitor` of either command line at this agent. */
  monitor(kind: Kind, ...args: string[]): Running {
    return new Running(kind, ['monitor', `-rpc-addr=${this.rpc}`, ...args])
  }
}
