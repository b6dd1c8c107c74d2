/**
 * A pool of three real agents and three of ours that is kept busy by both command lines at random: members join, leave and come back, events,
 * queries, tags, keys. At the end everybody must say the same of everybody, and nobody who was up may ever have been called failed.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { freshIp } from '../interop/serf-agent.ts'
import { AgentProcess, type Kind, type Ran } from './processes.ts'

const KINDS: readonly Kind[] = ['ours', 'real']
/** Whoever left is given so long to be seen as left before it counts as a wrong word when somebody calls it failed. */
const SETTLED = 60_000

/** Mulberry32: a run can be had again by its seed, as far as processes allow. */
function dice(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Place {
  kind: Kind
  name: string
  ip: string
  agent: AgentProcess
  isUp: boolean
}

export interface MixedOutcome {
  commands: Record<string, number>
  queries: { asked: number; expected: number; acked: number }
  /** Steps of rotations that somebody did not confirm in time and that were said again. */
  keysAgain: number
  wronglyFailed: string[]
  megabytesOfOurs: number[]
}

export class MixedPool {
  readonly #random: () => number
  readonly #places: Place[] = []
  readonly #ends: (() => Promise<void>)[] = []
  readonly #scope = { after: (end: () => Promise<void>) => this.#ends.push(end) }
  readonly #commands: Record<string, number> = {}
  readonly #queries = { asked: 0, expected: 0, acked: 0 }
  readonly #wronglyFailed: string[] = []
  #key: string
  #keysAgain = 0
  #isOver = false

  constructor(seed: number) {
    this.#random = dice(seed)
    this.#key = this.#newKey()
  }

  /** Starts the six, keeps them busy for so many milliseconds, and compares. */
  async run(ms: number): Promise<MixedOutcome> {
    try {
      for (let i = 0; i < 6; i++) {
        const kind = KINDS[i % 2]
        const name = `${kind}-${i >> 1}`
        const ip = freshIp()
        this.#places.push({ kind, name, ip, agent: await this.#start(kind, name, ip), isUp: true })
      }
      await this.#isAgreed()
      const endsAt = performance.now() + ms
      const isTime = () => !this.#isOver && performance.now() < endsAt
      await Promise.all([this.#talk(isTime), this.#shuffle(isTime)])
      await this.#isAgreed()
      return {
        commands: this.#commands,
        queries: this.#queries,
        keysAgain: this.#keysAgain,
        wronglyFailed: this.#wronglyFailed,
        megabytesOfOurs: this.#places
          .filter(({ kind }) => kind === 'ours')
          .map(({ agent }) => memoryOf(agent)),
      }
    } finally {
      await Promise.all(this.#ends.map((end) => end()))
    }
  }

  async #start(kind: Kind, name: string, ip: string): Promise<AgentProcess> {
    const seeds = this.#up().filter((place) => place.name !== name)
    const agent = await AgentProcess.start(
      this.#scope,
      kind,
      name,
      [
        `-encrypt=${this.#key}`,
        '-tag=round=0',
        '-event-handler=query:load=echo $SERF_SELF_NAME',
        ...seeds.slice(0, 1).map((seed) => `-join=${seed.ip}`),
      ],
      ip,
    )
    agent.child.stdout?.on('data', (text: string) => this.#listen(name, text))
    return agent
  }

  /** Who is up must never be called failed by anybody. */
  #listen(by: string, text: string): void {
    for (const [, who] of text.matchAll(/EventMemberFailed: (\S+)/g)) {
      if (this.#places.some(({ name, isUp }) => name === who && isUp))
        this.#wronglyFailed.push(`${who} by ${by}`)
    }
  }

  #up(): Place[] {
    return this.#places.filter(({ isUp }) => isUp)
  }

  #one<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random() * items.length)]
  }

  #newKey(): string {
    return Buffer.from(Array.from({ length: 32 }, () => Math.floor(this.#random() * 256))).toString('base64')
  }

  /**
   * A step of a rotation. It is a query, which gossip may fail to bring to everybody (about one in sixty in a pool of six); every step may be
   * done twice, so whoever hears that somebody was silent says it again, as an operator would.
   */
  async #keys(...args: string[]): Promise<Ran> {
    for (let attempt = 1; attempt < 5; attempt++) {
      const { agent, cli, ran } = await this.#try('keys', ...args)
      if (ran.exit === 0) return ran
      const isSilence = /\b[0-5]\/6 nodes reported success/.test(ran.stdout)
      assert.ok(isSilence, `keys ${args.join(' ')} by ${cli} at ${agent.name}:\n${ran.stdout}${ran.stderr}`)
      this.#keysAgain += 1
    }
    return this.#command('keys', ...args)
  }

  /** A command by one of the command lines at one of the agents. */
  async #try(command: string, ...args: string[]): Promise<{ agent: AgentProcess; cli: Kind; ran: Ran }> {
    const { agent } = this.#one(this.#up())
    const cli = this.#one(KINDS)
    const ran = await agent.command(cli, command, ...args)
    const pair = `${command}: ${cli} to ${agent.kind}`
    this.#commands[pair] = (this.#commands[pair] ?? 0) + 1
    return { agent, cli, ran }
  }

  /** One that must succeed. */
  async #command(command: string, ...args: string[]): Promise<Ran> {
    const { agent, cli, ran } = await this.#try(command, ...args)
    const pair = `${command}: ${cli} to ${agent.kind}`
    assert.equal(
      ran.exit,
      0,
      `${pair}, ${args.join(' ')}\n${ran.stdout}${ran.stderr}\n${agent.output.slice(-4_000)}`,
    )
    return ran
  }

  /** What disturbs nobody: events, queries, tags, lists, joins of who is there. */
  async #talk(isTime: () => boolean): Promise<void> {
    const says: (() => Promise<unknown>)[] = [
      () => this.#command('event', `e${Math.floor(this.#random() * 5)}`, 'payload'),
      () => this.#command('event', '-coalesce=false', 'deploy'),
      () => this.#query(),
      () => this.#command('tags', '-set', `round=${Math.floor(this.#random() * 100)}`, '-delete', 'nothing'),
      () => this.#command('members', '-detailed'),
      () => this.#command('join', this.#one(this.#up()).ip),
      () => this.#command('info'),
    ]
    while (isTime()) {
      // A leave may begin while a command runs at the leaving agent: commands and leaves take turns.
      await this.#turn(this.#one(says))
      await sleep(50)
    }
  }

  async #query(): Promise<void> {
    const expected = this.#up().length
    const { stdout } = await this.#command('query', '-timeout=2s', '-format=json', 'load')
    const { Acks }: { Acks: string[] | null } = JSON.parse(stdout)
    this.#queries.asked += 1
    this.#queries.expected += expected
    this.#queries.acked += Acks?.length ?? 0
  }

  /** What changes the pool: who leaves and comes back, and its keys. */
  async #shuffle(isTime: () => boolean): Promise<void> {
    while (isTime()) {
      if (this.#random() < 0.5) await this.#turn(() => this.#leaveAndComeBack())
      else await this.#turn(() => this.#rotate())
      await sleep(3_000)
    }
  }

  async #leaveAndComeBack(): Promise<void> {
    const place = this.#one(this.#places)
    place.isUp = false
    const cli = this.#one(KINDS)
    const { exit, stdout } = await place.agent.command(cli, 'leave')
    assert.equal(exit, 0, `${cli} at ${place.name}: ${stdout}\n${place.agent.output.slice(-4_000)}`)
    this.#commands[`leave: ${cli} to ${place.kind}`] =
      (this.#commands[`leave: ${cli} to ${place.kind}`] ?? 0) + 1
    await place.agent.ended()
    await sleep(this.#random() * 4_000)
    place.agent = await this.#start(place.kind, place.name, place.ip)
    place.isUp = true
    await this.#isAgreed()
  }

  /** The three steps of a rotation, each by whoever comes. */
  async #rotate(): Promise<void> {
    const next = this.#newKey()
    await this.#keys('-install', next)
    await this.#keys('-use', next)
    await this.#keys('-remove', this.#key)
    this.#key = next
    const { stdout } = await this.#keys('-list')
    assert.ok(stdout.includes(`${next}  [6/6]`) && stdout.match(/\[/g)?.length === 1, stdout)
  }

  #last: Promise<unknown> = Promise.resolve()

  /** One after another; whoever fails ends the run. */
  #turn(action: () => Promise<unknown>): Promise<unknown> {
    const next = this.#last.then(action).catch((error: unknown) => {
      this.#isOver = true
      throw error
    })
    this.#last = next.catch(() => undefined)
    return next
  }

  /** All six are alive in the eyes of each, and both command lines print the same of each agent. */
  async #isAgreed(): Promise<void> {
    let views: string[] = []
    for (const startedAt = performance.now(); performance.now() - startedAt < SETTLED; await sleep(500)) {
      views = await Promise.all(
        this.#up().flatMap(({ agent }) =>
          KINDS.map(async (cli) => viewOf(await agent.command(cli, 'members'))),
        ),
      )
      const alive = views[0].match(/ alive /g)?.length
      if (alive === this.#up().length && new Set(views).size === 1) return
    }
    assert.fail(`no one view:\n${[...new Set(views)].join('\n--\n')}`)
  }
}

/** Lines and columns in any order: the original keeps none. */
function viewOf({ stdout }: Ran): string {
  return stdout
    .split('\n')
    .map((line) => line.trim().replace(/ +/g, ' '))
    .sort()
    .join('\n')
}

function memoryOf(agent: AgentProcess): number {
  if (process.platform !== 'linux') return 0
  const status = readFileSync(`/proc/${agent.child.pid}/status`, 'utf8')
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024)
}
