/**
 * Three real agents and three members of ours in one encrypted pool, each with a snapshot and a keyring file, and what each of the six hears and
 * says: user events, failures, packets that nobody could open. Guests of both kinds come beside them. All of it is watched from the first
 * moment to the last, across restarts.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Cluster, type ClusterOptions } from 'folkmoot'
import { addressOf } from './pool.ts'
import { eventually, freePort, freshIp, SerfAgent } from './serf-agent.ts'

export type Scope = Pick<TestContext, 'after'>

export const keyOf = () => randomBytes(32).toString('base64')

/** The counters of packets and streams of ours that no key opened. */
const UNOPENED = ['drop.decrypt', 'drop.stream-decrypt', 'drop.stream-encrypted', 'drop.stream-unencrypted']
/** What an agent's log says of such. */
const UNOPENED_BY_AGENT = /\[(?:ERR|WARN)\].*crypt/gi
const FAILED_BY_AGENT = /EventMemberFailed: (\S+)/g
/** Everybody is given so long to see what is to be seen. */
const WITHIN = 60_000

export class MixedPool {
  readonly agents: SerfAgent[] = []
  readonly ours: Cluster[] = []
  /** What the pool encrypts with. */
  key = keyOf()
  readonly #scope: Scope
  readonly #folder: string
  /** Every agent that ever ran, for its log. */
  readonly #agentsEver: SerfAgent[] = []
  /** Names of user events that our three heard, in order, by member. */
  readonly #heard = new Map<string, string[]>()
  readonly #failed: string[] = []
  #unopenedBefore = 0

  private constructor(scope: Scope, folder: string) {
    this.#scope = scope
    this.#folder = folder
  }

  /** Starts the six; resolves when all see all. */
  static async start(scope: Scope): Promise<MixedPool> {
    const folder = mkdtempSync(join(tmpdir(), 'folkmoot-'))
    scope.after(() => rmSync(folder, { recursive: true, force: true }))
    const pool = new MixedPool(scope, folder)
    const [agents, ours] = await Promise.all([
      Promise.all(['agent-1', 'agent-2', 'agent-3'].map((name) => pool.agent(name))),
      Promise.all(['folk-1', 'folk-2', 'folk-3'].map((name) => pool.member(name, { threads: 'one' }))),
    ])
    pool.agents.push(...agents)
    pool.ours.push(...ours)
    const [first, ...others] = agents
    await Promise.all(others.map((agent) => agent.join(first.address)))
    await Promise.all(ours.map((member) => member.join([first.address])))
    for (const name of pool.names) await pool.allSee(name, 'alive')
    return pool
  }

  get names(): string[] {
    return [...this.agents.map(({ name }) => name), ...this.ours.map((member) => member.localMember().name)]
  }

  /** A real agent that is not in the pool yet. It writes down the user events that it hears, and answers `who` and `echo`. */
  async agent(name: string, bind?: string): Promise<SerfAgent> {
    const keyringFile = this.#ring(name)
    const place = bind ?? `${freshIp()}`
    const agent = await SerfAgent.start(this.#scope, {
      name,
      // A leave is spread too seldom in the `local` profile: one in ten members of a small pool would miss it.
      profile: 'lan',
      bind: place.includes(':') ? place : `${place}:${await freePort(place)}`,
      snapshot: this.snapshotOf(name),
      keyringFile,
      tags: { kind: 'agent', number: name.replace(/\D/g, '') },
      eventHandlers: [
        `user=echo "$SERF_USER_EVENT" >> ${this.#heardFile(name)}`,
        'query:who=echo $SERF_SELF_NAME',
        'query:echo=wc -c',
      ],
    })
    this.#agentsEver.push(agent)
    return agent
  }

  /** An agent that claims somebody's name, without files of its own. */
  async rivalAgent(name: string): Promise<SerfAgent> {
    const rival = await SerfAgent.start(this.#scope, { name, profile: 'lan', encrypt: this.key })
    this.#agentsEver.push(rival)
    return rival
  }

  /** A member of ours that claims somebody's name, without files of its own. */
  async rivalOfOurs(nodeName: string): Promise<Cluster> {
    const rival = await Cluster.create({
      nodeName,
      bind: `${freshIp()}:0`,
      threads: 'none',
      encryptionKeys: [this.key],
      deadNodeReclaimTime: 0,
    })
    this.#scope.after(() => rival.shutdown())
    return rival
  }

  /** A member of ours that is not in the pool yet, and answers as agents do. */
  async member(nodeName: string, options: ClusterOptions = {}): Promise<Cluster> {
    const member = await Cluster.create({
      nodeName,
      bind: `${freshIp()}:0`,
      threads: 'none',
      // What gossip alone failed to bring to somebody comes with the next of these.
      pushPullInterval: 1_000,
      tags: { kind: 'folk', number: nodeName.replace(/\D/g, '') },
      snapshotPath: this.snapshotOf(nodeName),
      keyringFile: this.#ring(nodeName),
      encryptionKeys: this.keysOf(nodeName),
      ...options,
    })
    this.#scope.after(() => member.shutdown())
    member.on('query', ({ name, payload, respond }) =>
      respond(name === 'echo' ? `${payload.length}` : nodeName),
    )
    member.on('member-failed', ({ members }) => {
      this.#failed.push(...members.map(({ name }) => `${name} by ${nodeName}`))
    })
    const heard = this.#heard.get(nodeName) ?? []
    this.#heard.set(nodeName, heard)
    member.on('user-event', ({ name }) => heard.push(name))
    return member
  }

  snapshotOf(name: string): string {
    return join(this.#folder, `${name}.snapshot`)
  }

  keysOf(name: string): string[] {
    return JSON.parse(readFileSync(this.#ring(name), 'utf8'))
  }

  /** The keyring file; a new member gets one with the key of the pool. */
  #ring(name: string): string {
    const path = join(this.#folder, `${name}.keys`)
    if (!existsSync(path)) writeFileSync(path, JSON.stringify([this.key]))
    return path
  }

  #heardFile(name: string): string {
    return join(this.#folder, `${name}.heard`)
  }

  /** Names of user events that one of the six heard, in order, over all its lives. */
  heardBy(name: string): readonly string[] {
    const file = this.#heardFile(name)
    const ours = this.#heard.get(name)
    if (ours !== undefined) return ours
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
  }

  /** Waits until all six have heard all of these user events. */
  async allHear(events: readonly string[]): Promise<void> {
    for (const name of this.names) {
      const missing = () => events.filter((event) => !this.heardBy(name).includes(event))
      await eventually(`${name} hears all of ${events.length} events`, () => missing().length === 0, {
        within: WITHIN,
      })
    }
  }

  async allSee(name: string, status: 'alive' | 'failed' | 'left', within = WITHIN): Promise<void> {
    const sees = (views: (string | undefined)[]) => views.every((view) => view === status)
    await eventually(`all see ${name} ${status}`, async () => sees(await this.#views(name)), { within })
  }

  /** Waits until nobody lists the member any more. */
  async allForget(name: string): Promise<void> {
    const isGone = (views: (string | undefined)[]) => views.every((view) => view === undefined)
    await eventually(`${name} is forgotten by all`, async () => isGone(await this.#views(name)), {
      within: WITHIN,
    })
  }

  /** How each of the six lists a member; `down` for an agent that restarts at this moment. */
  async #views(name: string): Promise<(string | undefined)[]> {
    const status = (agent: SerfAgent) =>
      agent.member(name).then(
        (member) => member?.status,
        () => 'down',
      )
    return [
      ...this.ours.map((member) => member.member(name)?.status),
      ...(await Promise.all(this.agents.map(status))),
    ]
  }

  /** Kills an agent and starts it again from its files. */
  async restartAgent(index: number): Promise<void> {
    const { name, address } = this.agents[index]
    await this.agents[index].kill9()
    this.agents[index] = await this.agent(name, address)
  }

  /** Ends a member of ours without a leave and starts it again from its files. */
  async restartOurs(index: number): Promise<void> {
    const { name } = this.ours[index].localMember()
    const bind = addressOf(this.ours[index])
    this.#unopenedBefore += await unopenedBy(this.ours[index])
    await this.ours[index].shutdown()
    this.ours[index] = await this.member(name, { bind, threads: 'one' })
  }

  /** `WHO by OBSERVER` for every failure that anybody saw, guests among the observers. */
  get failures(): string[] {
    const byAgents = this.#agentsEver.flatMap(({ name, log }) =>
      [...log.matchAll(FAILED_BY_AGENT)].map(([, who]) => `${who} by ${name}`),
    )
    return [...this.#failed, ...byAgents]
  }

  /** Packets and streams that no key opened, on each side, since the start. */
  async unopened(): Promise<{ ours: number; agents: number }> {
    const counts = await Promise.all(this.ours.map(unopenedBy))
    const lines = this.#agentsEver.map(({ log }) => [...log.matchAll(UNOPENED_BY_AGENT)].length)
    const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0)
    return { ours: sum(counts) + this.#unopenedBefore, agents: sum(lines) }
  }
}

async function unopenedBy(member: Cluster): Promise<number> {
  const { detector, gossip } = await member.stats()
  const count = (counters: Readonly<Record<string, number>>, name: string) => counters[name] ?? 0
  return UNOPENED.reduce((sum, name) => sum + count(detector, name) + count(gossip, name), 0)
}
