/**
 * Real `serf agent` processes for the tests: started on loopback addresses and ports nobody else uses, asked through
 * the real `serf` command, and gone when the test is over, however it ends.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { tieToUs } from '../../bench/kit/children.ts'
import { eventually } from '../eventually.ts'

export { eventually, tieToUs }

const installed = spawnSync('serf', ['version']).error === undefined
const LACKING = 'no `serf` on this machine'

/**
 * For the `skip` option of a test. Without `serf` on the PATH interop tests are skipped, and `test/run.ts` says so
 * loudly; in CI nothing is skipped, so its absence is a failure there.
 */
export const withoutSerf: string | false =
  installed || process.env.CI !== undefined ? false : `${LACKING}: the tests against real agents were SKIPPED`

/** A member as `serf members -detailed -format=json` prints it. */
export interface SerfMember {
  name: string
  /** `ip:port` */
  addr: string
  port: number
  tags: Record<string, string>
  status: 'alive' | 'leaving' | 'left' | 'failed'
  protocol: { min: number; max: number; version: number }
}

/** What `serf monitor` shows of a user event. */
export interface SeenEvent {
  name: string
  payload: string
  coalesce: boolean
}

// Addresses

let lastHost = 0

/** A loopback address of this process's own: test files that run side by side cannot meet. */
export function freshIp(): string {
  lastHost++
  return `127.${1 + ((process.pid >> 8) % 250)}.${process.pid & 255}.${lastHost}`
}

/** A port that is free on `ip` for TCP and UDP, at this moment. */
export async function freePort(ip: string): Promise<number> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const server = createServer().listen(0, ip)
    await once(server, 'listening')
    const address = server.address()
    const port = address !== null && typeof address === 'object' ? address.port : 0
    const socket = createSocket('udp4')
    const bound = new Promise<'free' | 'taken'>((resolve) => {
      socket.once('error', () => resolve('taken'))
      socket.bind(port, ip, () => resolve('free'))
    })
    const outcome = await bound
    await new Promise<void>((resolve) => socket.close(() => resolve()))
    await new Promise<void>((resolve) => server.close(() => resolve()))
    if (outcome === 'free') return port
  }
  throw new Error(`no port is free on ${ip} for both TCP and UDP`)
}

// The agent

export interface AgentOptions {
  name: string
  tags?: Record<string, string>
  /** Serf's own names; the default here is `local`, the fastest. */
  profile?: 'lan' | 'wan' | 'local'
  /** The agent's default is on. */
  compression?: 'on' | 'off'
  /** `ip:port` to give to others instead of its own, such as a relay's. */
  advertise?: string
  bind?: string
  /** A key in base64; without one the agent speaks plain. */
  encrypt?: string
  /** Files that it keeps. */
  snapshot?: string
  keyringFile?: string
  /** In the form of the agent's `-event-handler` flag. */
  eventHandlers?: string[]
}

const serf = promisify(execFile)

/** One running agent. Every question goes through the real command line. */
export class SerfAgent {
  readonly name: string
  /** `ip:port` of its gossip. */
  readonly address: string
  readonly rpc: string
  /** All it printed so far, debug lines included. */
  log = ''
  readonly #child: ChildProcess

  private constructor(name: string, address: string, rpc: string, child: ChildProcess) {
    this.name = name
    this.address = address
    this.rpc = rpc
    this.#child = child
    const keep = (text: string) => {
      this.log += text
    }
    child.stdout?.setEncoding('utf8').on('data', keep)
    child.stderr?.setEncoding('utf8').on('data', keep)
  }

  /** Starts an agent and waits until its RPC answers. It is stopped after `t`. */
  static async start(t: Pick<TestContext, 'after'>, options: AgentOptions): Promise<SerfAgent> {
    if (!installed) throw new Error(LACKING)
    const ip = freshIp()
    const bind = options.bind ?? `${ip}:${await freePort(ip)}`
    const rpc = `${ip}:${await freePort(ip)}`
    const child = spawn('serf', flags(options, bind, rpc), { stdio: ['ignore', 'pipe', 'pipe'] })
    tieToUs(child)
    const agent = new SerfAgent(options.name, bind, rpc, child)
    child.once('error', (error) => {
      agent.log += `could not start: ${error.message}`
    })
    t.after(() => agent.kill9())
    await eventually(`RPC of ${options.name} answers; its log: ${agent.log}`, async () => {
      if (!agent.isRunning) throw new Error(`agent ${options.name} ended:\n${agent.log}`)
      return agent.members().catch(() => undefined)
    })
    return agent
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined
  }

  async #run(command: string, ...args: string[]): Promise<string> {
    const { stdout } = await serf('serf', [command, `-rpc-addr=${this.rpc}`, ...args], { timeout: 30_000 })
    return stdout
  }

  /** `serf members -detailed`, the judge on the Go side. */
  async members(): Promise<SerfMember[]> {
    const { members } = JSON.parse(await this.#run('members', '-detailed', '-format=json'))
    return members
  }

  async member(name: string): Promise<SerfMember | undefined> {
    return (await this.members()).find((member) => member.name === name)
  }

  /** Waits until this agent lists `name` with `status`. */
  async sees(name: string, status: SerfMember['status'], within = 20_000): Promise<SerfMember> {
    return eventually(
      `${this.name} lists ${name} as ${status}`,
      async () => {
        const member = await this.member(name)
        return member?.status === status && member
      },
      { within },
    )
  }

  async join(address: string): Promise<void> {
    await this.#run('join', address)
  }

  async event(name: string, payload: string, { coalesce }: { coalesce: boolean }): Promise<void> {
    await this.#run('event', `-coalesce=${coalesce}`, name, payload)
  }

  /** `serf query`, with its own flags: who acknowledged, and each answer as text. */
  async query(
    ...args: string[]
  ): Promise<{ Acks: string[] | null; Responses: Record<string, string> | null }> {
    return JSON.parse(await this.#run('query', '-format=json', ...args))
  }

  /** `serf force-leave`, with `-prune` where wanted. */
  async forceLeave(name: string, afterwards: 'keep' | 'prune'): Promise<void> {
    await this.#run('force-leave', ...(afterwards === 'prune' ? ['-prune'] : []), name)
  }

  async setTag(key: string, value: string): Promise<void> {
    await this.#run('tags', '-set', `${key}=${value}`)
  }

  async deleteTag(key: string): Promise<void> {
    await this.#run('tags', '-delete', key)
  }

  /** `serf keys -list`: how many members hold each key. */
  async keys(): Promise<Record<string, number>> {
    // One query, of which an answer may get lost: then the command fails.
    const list = () => this.#run('keys', '-list').catch(() => undefined)
    const text = await eventually(`all members tell ${this.name} their keys`, list, { within: 40_000 })
    const shown = text.matchAll(/(\S+=) +\[(\d+)\/\d+\]/g)
    return Object.fromEntries([...shown].map(([, key, count]) => [key, Number(count)]))
  }

  /** One step of a rotation, said again when somebody's answer was lost; how often it was. Every step may be done twice. */
  async changeKey(step: 'install' | 'use' | 'remove', key: string): Promise<number> {
    let attempts = 0
    await eventually(`all members ${step} a key for ${this.name}`, () => {
      attempts += 1
      return this.#run('keys', `-${step}`, key).catch(() => undefined)
    })
    return attempts - 1
  }

  /** Leaves gracefully; the process ends. */
  async leave(): Promise<void> {
    await this.#run('leave')
    await eventually(`${this.name} ends after its leave`, () => !this.isRunning)
  }

  /** Ends it as a crash or a power loss would. */
  async kill9(): Promise<void> {
    if (!this.isRunning) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }

  /** Follows the agent's user events with `serf monitor` until the test ends. */
  async monitor(t: Pick<TestContext, 'after'>): Promise<Monitor> {
    const child = spawn('serf', ['monitor', `-rpc-addr=${this.rpc}`, '-log-level=DEBUG'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    tieToUs(child)
    t.after(() => child.kill('SIGKILL'))
    const monitor = new Monitor(child)
    // It subscribes to events first and to the log then: the log's first line means that both stand.
    await eventually(`the monitor of ${this.name} is attached`, () => monitor.isAttached)
    return monitor
  }
}

function flags(options: AgentOptions, bind: string, rpc: string): string[] {
  const {
    name,
    tags = {},
    profile = 'local',
    compression = 'on',
    eventHandlers = [],
    advertise,
    encrypt,
    snapshot,
    keyringFile,
  } = options
  return [
    'agent',
    `-node=${name}`,
    `-bind=${bind}`,
    `-rpc-addr=${rpc}`,
    `-profile=${profile}`,
    '-log-level=debug',
    ...(advertise === undefined ? [] : [`-advertise=${advertise}`]),
    ...(snapshot === undefined ? [] : [`-snapshot=${snapshot}`]),
    ...(keyringFile === undefined ? [] : [`-keyring-file=${keyringFile}`]),
    ...(encrypt === undefined ? [] : [`-encrypt=${encrypt}`]),
    ...(compression === 'off' ? ['-disable-compression'] : []),
    ...Object.entries(tags).map(([key, value]) => `-tag=${key}=${value}`),
    ...eventHandlers.map((handler) => `-event-handler=${handler}`),
  ]
}

/**
 * The output of `serf monitor`, read as it grows. Its fields come in any order; strings are quoted as in Go, payloads
 * are lists of hex bytes.
 *
 *     Event Info:
 *             Name: "deploy"
 *             Payload: []byte{0x76, 0x31}
 *             Coalesce: false
 *             Event: "user"
 */
export class Monitor {
  #text = ''

  constructor(child: ChildProcess) {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text
    })
  }

  get isAttached(): boolean {
    return this.#text.length > 0
  }

  get userEvents(): SeenEvent[] {
    return this.#text
      .split('Event Info:')
      .filter((block) => block.includes('Event: "user"'))
      .map((block) => ({
        name: /Name: "(.*)"/.exec(block)?.[1] ?? '',
        payload: Buffer.from(
          [...(/Payload: (.*)/.exec(block)?.[1] ?? '').matchAll(/0x([0-9a-f]+)/g)].map(([, hex]) =>
            Number.parseInt(hex, 16),
          ),
        ).toString(),
        coalesce: /Coalesce: true/.test(block),
      }))
  }

  sees(name: string, within = 15_000): Promise<SeenEvent> {
    return eventually(
      `the agent's monitor shows event ${name}`,
      () => this.userEvents.find((event) => event.name === name),
      {
        within,
      },
    )
  }
}
