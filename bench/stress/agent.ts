/**
 * A `serf agent` in a process of its own, or ours in its place, spoken to over its RPC. What it hears and whom it calls failed is read from its log, line
 * by line as it comes, and nothing of it is kept.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { RpcClient } from '../../src/agent/rpc/client.ts'
import { dialAgent } from '../../workers/cli/dial.ts'
import { tieToUs } from '../kit/children.ts'
import type { KeyStep, View } from './host.ts'
import type { Place } from './places.ts'
import type { Outfit, Player } from './player.ts'
import { type PlayerKind, type Story, wallClock } from './story.ts'

const PORT = 7946
const RPC_PORT = 7373
const START_PATIENCE = 20_000
const CLI = fileURLToPath(new URL('../../workers/cli/main.js', import.meta.url))
const COLLECT = new URL('./collect.js', import.meta.url).href
const SECOND = 1_000_000_000
/** Lines of its log about members that are kept, for the day on which one is asked for. */
const RECALLED = 400
const OF_MEMBERS = /Suspect|Refuting|Marking|EventMember|Was able to|Failed ping/

export class Agent implements Player {
  readonly name: string
  readonly kind: PlayerKind
  readonly place: Place
  readonly #outfit: Outfit
  readonly #story: Story
  #child: ChildProcess
  #client: RpcClient | undefined
  #life = 0
  readonly #lines: string[] = []

  private constructor(kind: PlayerKind, name: string, place: Place, outfit: Outfit, story: Story) {
    this.kind = kind
    this.name = name
    this.place = place
    this.#outfit = outfit
    this.#story = story
    this.#child = this.#spawn()
  }

  /** Resolves when its RPC answers. */
  static async start(
    kind: PlayerKind,
    name: string,
    place: Place,
    outfit: Outfit,
    story: Story,
  ): Promise<Agent> {
    const agent = new Agent(kind, name, place, outfit, story)
    agent.#client = await agent.#dialled()
    return agent
  }

  get address(): string {
    return `${this.place.ip}:${PORT}`
  }

  get rpc(): string {
    return `${this.place.ip}:${RPC_PORT}`
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  async join(seeds: readonly string[]): Promise<void> {
    const reached = await this.#rpc().join({ existing: [...seeds], replay: false })
    if (reached === 0) throw new Error(`${this.name} reached none of ${seeds}`)
  }

  async view(): Promise<View> {
    return Object.fromEntries((await this.#rpc().members()).map(({ name, status }) => [name, status]))
  }

  event(name: string, payload: string): Promise<void> {
    return this.#rpc().event({ name, payload: Buffer.from(payload), coalesce: false })
  }

  /** Agents answer no query without a handler: what is counted is who acknowledges. */
  async query(name: string): Promise<number> {
    const { feed } = await this.#rpc().query({
      filterNodes: null,
      filterTags: null,
      requestAck: true,
      relayFactor: 0,
      timeout: 2 * SECOND,
      name,
      payload: null,
    })
    let acks = 0
    for await (const { type } of feed) if (type === 'ack') acks += 1
    return acks
  }

  async changeKey(step: KeyStep, key: string): Promise<void> {
    await this.#rpc().changeKey(`${step}-key`, key)
  }

  async keys(): Promise<Record<string, number>> {
    return Object.fromEntries((await this.#rpc().listKeys()).keys ?? [])
  }

  async recall(name: string): Promise<string[]> {
    return this.#lines.filter((line) => line.includes(name))
  }

  async kill(): Promise<void> {
    this.#client?.close()
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }

  async again(): Promise<void> {
    this.#life += 1
    this.#child = this.#spawn()
    this.#client = await this.#dialled()
  }

  #rpc(): RpcClient {
    if (this.#client === undefined) throw new Error(`${this.name} is not there`)
    return this.#client
  }

  #spawn(): ChildProcess {
    const { snapshot, keyringFile, profile = 'lan', config } = this.#outfit
    const flags = [
      `-node=${this.name}`,
      `-bind=${this.address}`,
      `-rpc-addr=${this.rpc}`,
      `-profile=${profile}`,
      ...(snapshot === undefined ? [] : [`-snapshot=${snapshot}`]),
      ...(keyringFile === undefined ? [] : [`-keyring-file=${keyringFile}`]),
      ...(config === undefined ? [] : [`-config-file=${config}`]),
    ]
    const program =
      this.kind === 'agent' ? ['serf'] : [process.execPath, '--expose-gc', '--import', COLLECT, CLI]
    const [command, ...rest] = [...this.place.prefix, ...program, 'agent', ...flags]
    const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
    tieToUs(child)
    const life = this.#life === 0 ? this.name : `${this.name}, life ${this.#life + 1}`
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.#read(life, line))
    }
    return child
  }

  #read(life: string, line: string): void {
    if (OF_MEMBERS.test(line)) this.#lines.push(line)
    if (this.#lines.length > RECALLED) this.#lines.shift()
    const failed = /EventMemberFailed: (\S+)/.exec(line)
    if (failed !== null) this.#story.failed({ who: failed[1], by: this.name, at: wallClock() })
    const heard = /Received event: user-event: s-(\d+)/.exec(line)
    if (heard !== null) this.#story.hear(life, Number(heard[1]))
  }

  async #dialled(): Promise<RpcClient> {
    const endsAt = performance.now() + START_PATIENCE
    for (;;) {
      try {
        return await dialAgent(this.rpc, '')
      } catch (error) {
        if (performance.now() > endsAt || this.#child.exitCode !== null) throw error
        await sleep(50)
      }
    }
  }
}
