/**
 * The agent's process: start-up in the original's order, the console, signals, and the exit status (protocol page 3, sections 3.1 to 3.8).
 * Everything that decides something is in the agent; here are its sockets, its clock, its processes.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { arch, availableParallelism, hostname, platform } from 'node:os'
import { Agent } from '../../src/agent/agent.ts'
import { type AgentConfig, configure } from '../../src/agent/config.ts'
import { ConfigError } from '../../src/agent/layers.ts'
import { type Level, LogBook } from '../../src/agent/log-book.ts'
import { UsageError } from '../../src/cli/command.ts'
import type { Flags } from '../../src/cli/flags.ts'
import { Cluster } from '../../src/cluster/cluster.ts'
import { Console } from './console.ts'
import { HttpListener } from './http.ts'
import { checkFiles, placed } from './preflight.ts'
import { processGauges } from './process-gauges.ts'
import { RpcListener } from './rpc-listener.ts'
import { runScript } from './shell.ts'
import { syslog } from './syslog.ts'
import { telemetry } from './telemetry.ts'

/** How long a graceful leave may take before the agent gives up on it, as the original. */
const GRACE = 3_000

/** Runs an agent until it ends; resolves with the exit status. */
export async function runAgent(flags: Flags): Promise<number> {
  // A signal that nobody listens to opens Node's inspector: SIGUSR1 belongs to us from the first moment.
  const process_ = new AgentProcess(flags)
  return process_.run()
}

class AgentProcess {
  readonly #flags: Flags
  readonly #console = new Console()
  readonly #closing: (() => void | Promise<void>)[] = []

  constructor(flags: Flags) {
    this.#flags = flags
    process.on('SIGUSR1', () => undefined)
  }

  async run(): Promise<number> {
    const config = this.#configured()
    if (config === undefined) return 1
    this.#notify(config)
    if (config.levelProblem !== '') return 1
    if (!(await this.#checked(() => placed(config, (text) => this.#console.say(text))))) return 1
    const book = new LogBook(config.level, () => new Date())
    const flush = this.#console.show(book, config.logFormat)
    if (config.syslogFacility !== '') this.#closing.push(syslog(book, config.syslogFacility))
    const agent = await this.#started(config, book)
    if (agent === undefined) return this.#over(1)
    if (!(await this.#joined(agent, config))) {
      await agent.shutdown()
      return this.#over(1)
    }
    this.#console.say('\nLog data will now stream in as it occurs:\n')
    flush()
    const retried = this.#retryJoin(agent, config)
    const status = await Promise.race([this.#signalled(agent, config), agent.ended.then(statusOf), retried])
    await agent.shutdown()
    return this.#over(status)
  }

  #configured(): AgentConfig | undefined {
    try {
      return configure(this.#flags, files, hostname())
    } catch (error) {
      if (!(error instanceof ConfigError) && !(error instanceof UsageError)) throw error
      this.#console.say(error.message)
      return undefined
    }
  }

  /** Says what was found wrong; false then. */
  async #checked(check: () => void | Promise<void>): Promise<boolean> {
    try {
      await check()
      return true
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      this.#console.say(error.message)
      return false
    }
  }

  /** The member and its listeners. The RPC port is open before the member is, and its clients wait for it. */
  async #started(config: AgentConfig, book: LogBook): Promise<Agent | undefined> {
    this.#console.say('Starting Serf agent...')
    if (!(await this.#checked(() => checkFiles(config, (text) => book.log('INFO', text))))) return undefined
    const listener = new RpcListener((text) => book.log('ERR', text))
    const { host, port } = placeOf(config.rpcAddr)
    const listening = listener.listen(host, port).then(
      () => '',
      (error: Error) => rpcFailure(config.rpcAddr, error),
    )
    let cluster: Cluster
    try {
      cluster = await Cluster.create({ ...config.cluster, logger: loggerOf(book) })
    } catch (error) {
      await listening
      await listener.close()
      this.#console.say(startFailure(error))
      return undefined
    }
    const agent = new Agent(cluster, config, book, world)
    book.log('INFO', 'agent: Serf agent starting')
    const failure = await listening
    if (failure !== '') {
      this.#console.say(`Error starting RPC listener: ${failure}`)
      await cluster.shutdown()
      return undefined
    }
    this.#console.say('Starting Serf agent RPC...')
    listener.open(agent)
    this.#closing.push(() => listener.close())
    if (!(await this.#extras(agent, cluster, config, book))) {
      await cluster.shutdown()
      return undefined
    }
    this.#console.banner(config)
    return agent
  }

  /** What is only there when it is asked for. */
  async #extras(agent: Agent, cluster: Cluster, config: AgentConfig, book: LogBook): Promise<boolean> {
    this.#closing.push(telemetry(config, () => agent.metrics()))
    try {
      if (config.httpAddr !== '') {
        const http = await HttpListener.start(placeOf(config.httpAddr), cluster, agent, config.expect)
        this.#closing.push(() => http.close())
      }
      if (config.discover !== '') {
        // The one dependency of the agent alone, loaded when it is asked for.
        const { MdnsDiscovery } = await import('./mdns.ts')
        const mdns = await MdnsDiscovery.start(config, cluster, agent, (level: Level, text) =>
          book.log(level, text),
        )
        this.#closing.push(() => mdns.close())
      }
      return true
    } catch (error) {
      this.#console.say(error instanceof Error ? error.message : String(error))
      return false
    }
  }

  async #joined(agent: Agent, config: AgentConfig): Promise<boolean> {
    if (config.startJoin.length === 0) return true
    const replay = config.replay === 'replay'
    this.#console.say(`Joining cluster...(replay: ${replay})`)
    const { joined, error } = await agent.join({ existing: [...config.startJoin], replay })
    if (joined === 0) this.#console.say(error)
    else this.#console.detail(`Join completed. Synced with ${joined} initial agents`)
    return joined > 0
  }

  /** Never settles unless the attempts run out. */
  #retryJoin(agent: Agent, config: AgentConfig): Promise<number> {
    return new Promise((resolve) => {
      if (config.retryJoin.length === 0) return
      const replay = config.replay === 'replay'
      let attempts = 0
      const attempt = async () => {
        agent.log('INFO', `agent: Joining cluster...(replay: ${replay})`)
        const { joined, error } = await agent.join({ existing: [...config.retryJoin], replay })
        if (joined > 0)
          return agent.log('INFO', `agent: Join completed. Synced with ${joined} initial agents`)
        attempts += 1
        if (config.retryMax > 0 && attempts > config.retryMax) {
          agent.log('ERR', 'agent: maximum retry join attempts made, exiting')
          return resolve(1)
        }
        agent.log('WARN', `agent: Join failed: ${error}, retrying in ${config.retryInterval / 1000}s`)
        const timer = setTimeout(() => void attempt(), config.retryInterval)
        this.#closing.push(() => clearTimeout(timer))
      }
      void attempt()
    })
  }

  /** Resolves with the exit status when a signal ends the agent. */
  #signalled(agent: Agent, config: AgentConfig): Promise<number> {
    return new Promise((resolve) => {
      let isLeaving = false
      const on = (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP', name: string) => {
        process.on(signal, () => {
          // The second ends it at once, and without a word.
          if (isLeaving) return resolve(1)
          this.#console.say(`Caught signal: ${name}`)
          if (signal === 'SIGHUP') return void this.#reload(agent)
          const isGraceful = signal === 'SIGINT' ? !config.skipLeaveOnInterrupt : config.leaveOnTerminate
          if (!isGraceful) return resolve(1)
          isLeaving = true
          this.#console.say('Gracefully shutting down agent...')
          setTimeout(() => resolve(1), GRACE).unref()
          agent.leave().then(
            () => resolve(0),
            () => resolve(1),
          )
        })
      }
      on('SIGINT', 'interrupt')
      on('SIGTERM', 'terminated')
      on('SIGHUP', 'hangup')
    })
  }

  async #reload(agent: Agent): Promise<void> {
    this.#console.say('Reloading configuration...')
    const config = this.#configured()
    if (config === undefined) return this.#console.say('Failed to reload configs')
    this.#notify(config)
    try {
      await agent.reload(config)
    } catch (error) {
      this.#console.say(`Failed to update tags: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  #notify({ notices, levelProblem }: AgentConfig): void {
    for (const notice of notices) this.#console.say(notice)
    if (levelProblem !== '') this.#console.say(levelProblem)
  }

  async #over(status: number): Promise<number> {
    for (const close of this.#closing.reverse()) await close()
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1']) process.removeAllListeners(signal)
    return status
  }
}

const files = {
  read: (path: string) => {
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
      throw isMissing ? new Error(`open ${path}: no such file or directory`) : error
    }
  },
  list: (path: string) =>
    statSync(path, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(path) : undefined,
}

const world = {
  run: runScript,
  now: () => performance.now(),
  date: () => Date.now(),
  later: (ms: number, call: () => void) => {
    const timer = setTimeout(call, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
  isSame: (one: string, other: string) => timingSafeEqual(digest(one), digest(other)),
  runtime: () => ({
    os: platform(),
    arch: arch() === 'x64' ? 'amd64' : arch(),
    version: process.version,
    max_procs: String(availableParallelism()),
    cpu_count: String(availableParallelism()),
    goroutines: '0',
  }),
  gauges: processGauges,
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

function loggerOf(book: LogBook) {
  return {
    debug: (text: string) => book.log('DEBUG', text),
    info: (text: string) => book.log('INFO', text),
    warn: (text: string) => book.log('WARN', text),
    error: (text: string) => book.log('ERR', text),
  }
}

function statusOf(end: 'left' | 'shut-down' | 'lost'): number {
  return end === 'lost' ? 1 : 0
}

function placeOf(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) }
}

function rpcFailure(address: string, error: Error): string {
  if (!/:\d+$/.test(address)) return `listen tcp: address ${address}: missing port in address`
  const code = 'code' in error ? error.code : ''
  if (code === 'EADDRINUSE') return `listen tcp ${address}: bind: address already in use`
  if (code === 'EADDRNOTAVAIL') return `listen tcp ${address}: bind: cannot assign requested address`
  if (code === 'ENOTFOUND') return `listen tcp: lookup ${placeOf(address).host}: no such host`
  return `listen tcp ${address}: ${error.message}`
}

const SETUP = /tags file|keyring|snapshot/i

function startFailure(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return SETUP.test(message)
    ? `Failed to setup the Serf agent: ${message}`
    : `Failed to start the Serf agent: Error creating Serf: ${message}`
}
