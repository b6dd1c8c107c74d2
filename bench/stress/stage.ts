/**
 * Where a scenario is played: a pool of ours and of real agents in places of their own, the walls between them, traffic, and the wait for one view
 * everywhere. What happens is written into the story; nothing is judged here.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from '../../src/actors/random.ts'
import { eventually } from '../../test/eventually.ts'
import { memoryOf } from '../kit/cost.ts'
import { Agent } from './agent.ts'
import { heldBy } from './held.ts'
import { Host, Ours } from './ours.ts'
import type { Place, Places } from './places.ts'
import type { Outfit, Player } from './player.ts'
import { type Calm, type Failure, Story } from './story.ts'

/** Whom a scenario wants; where there is no `serf`, members of ours take the agents' places. */
/** What members of a pool are started with. */
export interface Clothes {
  /** A file for each that remembers the pool. */
  files?: 'snapshots' | undefined
  /** A keyring for each that begins with this key. */
  key?: string | undefined
  profile?: 'lan' | 'local'
  /** Milliseconds after which whoever is gone is forgotten. */
  forgetAfter?: number
}

export interface Cast extends Clothes {
  ours: number
  agents: number
}

export interface StageOptions {
  places: Places
  random: SeededRandom
  /** Milliseconds of trouble. */
  trouble: number
  /** Deleted by whoever made it. */
  folder: string
  serf: 'with agents' | 'no serf here'
  /** What the names of its members begin with. Default nothing. */
  prefix?: string
  /** Default a new one. */
  story?: Story
  say(line: string): void
}

const ALL_SEE_ALL = 60_000
const LOOK_EVERY = 250
/** So that the garbage of all threads is collected before one looks. */
const COLLECTING = 500
/** What still waits to be said takes up to three megabytes of a member, and is said in this time. */
const SAYING = 60_000
/** The last, of those that concern a false failure. */
const MOST_EXCUSES = 8
const QUEUES = ['membership_queue', 'intent_queue', 'event_queue', 'query_queue']

export class Stage {
  readonly story: Story
  readonly players: Player[] = []
  readonly places: Places
  readonly random: SeededRandom
  readonly folder: string
  readonly say: (line: string) => void
  /** Names that must be alive nowhere when it is calm. */
  readonly guests = new Set<string>()
  readonly #options: StageOptions
  #inn: Place | undefined

  constructor(options: StageOptions) {
    this.story = options.story ?? new Story()
    this.places = options.places
    this.random = options.random
    this.folder = options.folder
    this.say = options.say
    this.#options = options
    this.story.onSuspicious((failure) => void this.#trace(failure))
  }

  get trouble(): number {
    return this.#options.trouble
  }

  /** A second pool, of which the same story is told. */
  beside(prefix: string): Stage {
    return new Stage({ ...this.#options, prefix, story: this.story, random: this.random.fork() })
  }

  get ours(): Ours[] {
    return this.players.filter((player) => player instanceof Ours)
  }

  /** Starts all, joins them to the first, and waits until all see all. */
  async pool({ ours, agents, ...more }: Cast): Promise<void> {
    const { serf, prefix = '' } = this.#options
    const real = serf === 'with agents' ? agents : 0
    const names = [
      ...Array.from({ length: ours + agents - real }, (_, i) => `${prefix}folk-${i + 1}`),
      ...Array.from({ length: real }, (_, i) => `${prefix}serf-${i + 1}`),
    ]
    // A few at a time: each wants a processor for half a second.
    for (let at = 0; at < names.length; at += 4) {
      const some = names.slice(at, at + 4).map((name) => {
        const outfit = this.outfit(name, more)
        const place = this.places.next()
        return name.startsWith(`${prefix}folk`)
          ? Ours.start(name, place, outfit, this.story)
          : Agent.start('agent', name, place, outfit, this.story)
      })
      this.add(...(await Promise.all(some)))
    }
    await this.assemble()
  }

  outfit(name: string, { files, key, profile = 'lan', forgetAfter }: Clothes): Outfit {
    mkdirSync(this.folder, { recursive: true })
    return {
      profile,
      ...(files === undefined ? {} : { snapshot: join(this.folder, `${name}.snapshot`) }),
      ...(key === undefined ? {} : { keyringFile: this.#ring(name, key) }),
      ...(forgetAfter === undefined ? {} : { forgetAfter, config: this.#forgetful(forgetAfter) }),
    }
  }

  #forgetful(milliseconds: number): string {
    const file = join(this.folder, 'forgetful.json')
    const time = `${milliseconds}ms`
    // Once: another agent may be reading it.
    if (!existsSync(file))
      writeFileSync(file, JSON.stringify({ tombstone_timeout: time, reconnect_timeout: time }))
    return file
  }

  #ring(name: string, key: string): string {
    const file = join(this.folder, `${name}.keys`)
    if (!existsSync(file)) writeFileSync(file, JSON.stringify([key]))
    return file
  }

  add(...players: readonly Player[]): void {
    this.players.push(...players)
    for (const { name } of players) this.story.members.add(name)
  }

  /** A process for members of ours that come and go; all such processes share one place. */
  host(): Promise<Host> {
    this.#inn ??= this.places.next()
    return Host.start(this.#inn, this.story)
  }

  async assemble(): Promise<void> {
    const [first, ...others] = this.players
    await Promise.all(others.map((player) => player.join([first.address])))
    await eventually(
      () => 'all see all before it begins',
      async () => (await this.#differing()).length === 0,
      { within: ALL_SEE_ALL, every: LOOK_EVERY },
    )
    this.say(`${this.players.length} members see each other`)
  }

  /** When the trouble that begins now is to end, on the clock of `performance.now()`. */
  end(): number {
    return performance.now() + this.trouble
  }

  one<Item>(items: readonly Item[]): Item {
    return items[this.random.below(items.length)]
  }

  /** So many of them, no one twice. */
  some<Item>(items: readonly Item[], count: number): Item[] {
    const left = [...items]
    return Array.from({ length: Math.min(count, left.length) }, () => {
      return left.splice(this.random.below(left.length), 1)[0]
    })
  }

  /** A pause between these lengths, ended by `until` at the latest. */
  async pause(from: number, to: number, until = Number.POSITIVE_INFINITY): Promise<void> {
    const length = from + this.random.next() * (to - from)
    await sleep(Math.max(0, Math.min(length, until - performance.now())))
  }

  /** Does a thing at an even rate until then; what comes late is done at once, but no more than a second of it. */
  async evenly(perSecond: number, until: number, act: () => void): Promise<void> {
    let done = 0
    const startedAt = performance.now()
    while (performance.now() < until) {
      const owed = ((performance.now() - startedAt) / 1000) * perSecond
      done = Math.max(done, owed - perSecond)
      for (; done < owed; done++) act()
      await sleep(Math.min(20, 1000 / perSecond))
    }
  }

  /** Numbered user events from those who can speak, until then. */
  events(
    perSecond: number,
    until: number,
    speakers: () => readonly Player[],
    payload = 'x'.repeat(32),
  ): Promise<void> {
    return this.evenly(perSecond, until, () => void this.speak(this.one(speakers()), payload))
  }

  /** Has somebody say the next numbered user event; its number. */
  speak(speaker: Player, payload: string): number {
    const number = this.story.eventsSent
    this.story.eventsSent += 1
    // Who is killed in the middle of a word has not said it.
    speaker.event(`s-${number}`, payload).catch(() => undefined)
    return number
  }

  queries(perSecond: number, until: number, speakers: () => readonly Player[]): Promise<void> {
    return this.evenly(perSecond, until, () => {
      this.story.queriesSent += 1
      this.one(speakers())
        .query('who')
        .then(
          (count) => {
            this.story.answers += count
          },
          () => undefined,
        )
    })
  }

  /** The trouble is over: waits until everybody sees all members alive and no guest, at most for `bound`. */
  async calm(bound: number): Promise<Calm> {
    const from = performance.now()
    let differing = await this.#differing()
    while (differing.length > 0 && performance.now() - from < bound) {
      await sleep(LOOK_EVERY)
      differing = await this.#differing()
    }
    const after = performance.now() - from
    await this.#countSuspicions()
    this.story.settleFailures()
    const calm = { bound, agreedAfter: differing.length === 0 ? after : undefined, differing }
    this.story.calms.push(calm)
    this.say(
      calm.agreedAfter === undefined
        ? `no one view within ${bound} ms: ${differing.slice(0, 5)}`
        : `one view after ${Math.round(after)} ms`,
    )
    return calm
  }

  /** Waits until nothing waits in the queues of ours, so that they are weighed alike in each calm; as long as that may take, and no longer. */
  async silence(): Promise<void> {
    const waiting = async (member: Ours) => {
      const counters = await member.counters().catch((): Record<string, number> => ({}))
      return QUEUES.reduce((sum, queue) => sum + (counters[queue] ?? 0), 0)
    }
    for (const from = performance.now(); performance.now() - from < SAYING; await sleep(4 * LOOK_EVERY)) {
      const all = await Promise.all(this.ours.map(waiting))
      if (all.every((count) => count === 0)) return
    }
  }

  /** Has ours collect garbage, and looks at what everybody holds in memory. */
  async weigh(who: readonly Player[]): Promise<void> {
    for (const { kind, pid } of who) if (kind === 'ours') process.kill(pid, 'SIGUSR2')
    await sleep(COLLECTING)
    for (const { name, kind, pid } of who)
      this.story.sample(name, kind, { bytes: memoryOf(pid).resident, ...heldBy(pid) })
  }

  /** Ours alone count them. Who came back from a snapshot has begun anew. */
  async #countSuspicions(): Promise<void> {
    for (const member of this.ours) {
      const counters = await member.counters().catch((): Record<string, number> => ({}))
      this.story.suspicions.set(member.name, counters['memberlist.msg.suspect'] ?? 0)
    }
  }

  /** Asks those whom it concerns, at once: they remember the last few hundred changes. */
  async #trace(failure: Failure): Promise<void> {
    const { who, by } = failure
    const recall = async (name: string) => {
      const player = this.players.find((one) => one.name === name)
      return player?.recall(who).catch((error: unknown) => [String(error)])
    }
    const [witness, accused] = await Promise.all([recall(by), recall(who)])
    if (witness === undefined) return
    const excuses = this.story.excuses
      .filter((excuse) => excuse.who === undefined || excuse.who.has(who) || excuse.who.has(by))
      .map(({ who: whose, from, until }) => `${[...(whose ?? ['anybody'])]}: ${iso(from)} to ${iso(until)}`)
    this.story.trace({ failure, excuses: excuses.slice(-MOST_EXCUSES), witness, accused: accused ?? [] })
    this.say(`${who} failed by ${by}, and nothing excuses it: ${JSON.stringify(this.story.traces.at(-1))}`)
  }

  async #differing(): Promise<string[]> {
    const views = await Promise.all(this.players.map((player) => this.#oddIn(player)))
    return views.flat()
  }

  async #oddIn(player: Player): Promise<string[]> {
    const view = await player.view().catch((error: unknown) => String(error))
    if (typeof view === 'string') return [`${player.name} does not answer: ${view}`]
    const missed = this.players.filter(({ name }) => view[name] !== 'alive')
    const stayed = Object.keys(view).filter((name) => this.guests.has(name) && view[name] === 'alive')
    return [
      ...missed.map(({ name }) => `${player.name} lists ${name} as ${view[name] ?? 'nobody'}`),
      ...stayed.map((name) => `${player.name} lists ${name} as alive`),
    ]
  }
}

function iso(at: number): string {
  return Number.isFinite(at) ? new Date(at).toISOString() : 'now'
}
