/** Members of both kinds in namespaces: ours, and real agents. Each is a process; all are asked in the same way, and are gone when the test is over. */
import { type ChildProcess, execFile, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import type { ClusterOptions, MemberPath, Profile, Stats } from 'folkmoot'
import type { Finding } from '../../src/agent/rpc/extra-records.ts'
import { eventually, tieToUs } from '../interop/serf-agent.ts'
import type { Berth } from './harbour.ts'

const PORT = 7946
const patience = { within: 60_000, every: 500 }

/** What a member of ours is told. */
export interface Order {
  id: number
  join?: string[]
  /** The doctor's findings are wanted too. */
  examine?: true
}

/** What a member of ours answers. */
export interface Word {
  id: number
  /** What became of a join that it was told of: the code and the reason of its error, empty where there was none, and the milliseconds it took. */
  joined?: { code: string; reason: string; after: number } | undefined
  members: { name: string; status: string }[]
  /** Whom it has seen fail so far. */
  failed: string[]
  stats: Stats
  paths: MemberPath[]
  findings: Finding[]
}

/** A member in a namespace, of whichever kind. */
export interface Sailor {
  readonly name: string
  readonly berth: Berth
  /** Tries to reach these; whether that works is seen in the lists. */
  join(others: readonly Sailor[]): Promise<void>
  /** Names of those whom it lists in this status, in order. */
  listed(status: 'alive' | 'failed'): Promise<string[]>
  /** Whom it has seen fail so far. */
  sawFail(): Promise<string[]>
}

function killAfter(t: TestContext, child: ChildProcess): void {
  tieToUs(child)
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  })
}

/** A member of ours, its main thread in sailor.ts. */
export class Ours implements Sailor {
  readonly name: string
  readonly berth: Berth
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (word: Word) => void>()
  #orders = 0

  private constructor(name: string, berth: Berth, child: ChildProcess) {
    this.name = name
    this.berth = berth
    this.#child = child
    child.on('message', (word: Word) => this.#waiting.get(word.id)?.(word))
  }

  static async start(
    t: TestContext,
    berth: Berth,
    name: string,
    options: ClusterOptions = {},
  ): Promise<Ours> {
    const settings = { bind: `${berth.ip}:${PORT}`, profile: 'local', nodeName: name, ...options }
    const child = fork(join(import.meta.dirname, 'sailor.js'), [JSON.stringify(settings)], {
      execPath: 'ip',
      execArgv: ['netns', 'exec', berth.namespace, process.execPath],
    })
    killAfter(t, child)
    await once(child, 'message')
    return new Ours(name, berth, child)
  }

  async join(others: readonly Sailor[]): Promise<void> {
    await this.word({ join: others.map(({ berth }) => `${berth.ip}:${PORT}`) })
  }

  async listed(status: 'alive' | 'failed'): Promise<string[]> {
    const { members } = await this.word()
    return namesOf(members, status)
  }

  async sawFail(): Promise<string[]> {
    return (await this.word()).failed
  }

  /** All that it knows, after it has done what it is told. */
  word(order: Omit<Order, 'id'> = {}): Promise<Word> {
    this.#orders += 1
    const id = this.#orders
    return new Promise((resolve) => {
      this.#waiting.set(id, (word) => {
        this.#waiting.delete(id)
        resolve(word)
      })
      this.#child.send({ ...order, id })
    })
  }
}

const run = promisify(execFile)

/** A real agent, asked through the real command line. */
export class Real implements Sailor {
  readonly name: string
  readonly berth: Berth
  /** All it printed so far. */
  log = ''

  private constructor(name: string, berth: Berth, child: ChildProcess) {
    this.name = name
    this.berth = berth
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.log += text
      })
    }
  }

  static async start(t: TestContext, berth: Berth, name: string, profile: Profile = 'local'): Promise<Real> {
    const flags = [`-node=${name}`, `-bind=${berth.ip}:${PORT}`, `-profile=${profile}`, '-log-level=debug']
    const child = spawn('ip', ['netns', 'exec', berth.namespace, 'serf', 'agent', ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    killAfter(t, child)
    const agent = new Real(name, berth, child)
    await eventually(
      `${name} answers; its log: ${agent.log}`,
      () => agent.listed('alive').catch(() => undefined),
      patience,
    )
    return agent
  }

  async join(others: readonly Sailor[]): Promise<void> {
    await this.#serf('join', ...others.map(({ berth }) => `${berth.ip}:${PORT}`)).catch(() => undefined)
  }

  async listed(status: 'alive' | 'failed'): Promise<string[]> {
    const { members }: { members: Word['members'] | null } = JSON.parse(
      await this.#serf('members', '-format=json'),
    )
    return namesOf(members ?? [], status)
  }

  async sawFail(): Promise<string[]> {
    return [...this.log.matchAll(/EventMemberFailed: (\S+)/g)].map(([, name]) => name)
  }

  async #serf(command: string, ...args: string[]): Promise<string> {
    const words = ['netns', 'exec', this.berth.namespace, 'serf', command, ...args]
    return (await run('ip', words, { timeout: 30_000 })).stdout
  }
}

function namesOf(members: Word['members'], wanted: string): string[] {
  return members
    .filter(({ status }) => status === wanted)
    .map(({ name }) => name)
    .sort()
}

/** Waits until each of these lists all of them alive; those who do not yet join the others once more, where they are asked to. */
export async function allAlive(crew: readonly Sailor[], effort: 'join' | 'wait'): Promise<void> {
  const names = crew
    .map(({ name }) => name)
    .sort()
    .join()
  await eventually(
    `${names} alive everywhere`,
    async () => {
      const lists = await Promise.all(crew.map((one) => one.listed('alive')))
      const behind = crew.filter((_, i) => lists[i].join() !== names)
      if (effort === 'join') {
        await Promise.all(behind.map((one) => one.join(crew.filter((other) => other !== one))))
      }
      return behind.length === 0
    },
    patience,
  )
}
