/** Members of ours as hosts have them: one process with one member in threads of its own, or with many members in one thread. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ClusterOptions } from 'folkmoot'
import { Answers } from '../kit/answers.ts'
import { tieToUs } from '../kit/children.ts'
import type { HostAnswer, HostNews, HostOrder, KeyStep, View } from './host.ts'
import type { Place } from './places.ts'
import type { Outfit, Player } from './player.ts'
import type { Story } from './story.ts'

const PROGRAM = fileURLToPath(new URL('./host.js', import.meta.url))
const COLLECT = new URL('./collect.js', import.meta.url).href
const FLAGS = ['--expose-gc', '--import', COLLECT]

/** A host program with no member yet. */
export class Host {
  readonly place: Place
  readonly #child: ChildProcess
  readonly #answers: Answers<HostAnswer>
  /** Names of listeners, as the story knows them. */
  readonly #lives = new Map<string, string>()

  private constructor(place: Place, child: ChildProcess, story: Story) {
    this.place = place
    this.#child = child
    this.#answers = new Answers(child, 'a host')
    child.on('message', (said: HostAnswer | HostNews) => {
      if ('id' in said) this.#answers.answered(said)
      else this.#told(said, story)
    })
  }

  static async start(place: Place, story: Story): Promise<Host> {
    const child =
      place.prefix.length === 0
        ? fork(PROGRAM, [], { execArgv: FLAGS })
        : fork(PROGRAM, [], {
            execPath: place.prefix[0],
            execArgv: [...place.prefix.slice(1), process.execPath, ...FLAGS],
          })
    tieToUs(child)
    const host = new Host(place, child, story)
    await host.#answers.started()
    return host
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  ask(order: HostOrder): Promise<HostAnswer> {
    return this.#answers.ask(order)
  }

  /** `life`: under which name the story keeps what this member hears. */
  async member(options: ClusterOptions & { nodeName: string }, life: string): Promise<string> {
    this.#lives.set(options.nodeName, life)
    const { address = '' } = await this.ask({ type: 'start', options })
    return address
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
  }

  #told({ failures, events, mishaps }: HostNews, story: Story): void {
    story.mishaps.push(...mishaps)
    for (const failure of failures) story.failed(failure)
    for (const { by, name } of events) {
      if (name.startsWith('s-')) story.hear(this.#lives.get(by) ?? by, Number(name.slice(2)))
    }
  }
}

export class Ours implements Player {
  readonly kind = 'ours'
  readonly name: string
  readonly place: Place
  address = ''
  readonly #options: ClusterOptions
  readonly #story: Story
  #host: Host
  #life = 0

  private constructor(name: string, host: Host, options: ClusterOptions, story: Story) {
    this.name = name
    this.place = host.place
    this.#host = host
    this.#options = options
    this.#story = story
  }

  /** A member in threads of its own, in a process of its own. */
  static async start(name: string, place: Place, outfit: Outfit, story: Story): Promise<Ours> {
    const host = await Host.start(place, story)
    return Ours.on(host, name, outfit, story, { bind: `${place.ip}:7946` })
  }

  /** A member in a process that is there. `life`: how often there was one of this name before. */
  static async on(
    host: Host,
    name: string,
    outfit: Outfit,
    story: Story,
    more: ClusterOptions,
    life = 0,
  ): Promise<Ours> {
    const { snapshot, keyringFile, profile = 'lan', forgetAfter } = outfit
    const options: ClusterOptions = {
      profile,
      ...(snapshot === undefined ? {} : { snapshotPath: snapshot }),
      ...(keyringFile === undefined ? {} : { keyringFile }),
      ...(forgetAfter === undefined ? {} : { tombstoneTimeout: forgetAfter, reconnectTimeout: forgetAfter }),
      ...more,
    }
    const member = new Ours(name, host, options, story)
    member.#life = life
    await member.#begin()
    return member
  }

  get pid(): number {
    return this.#host.pid
  }

  /** As the story knows it. */
  get life(): string {
    return this.#life === 0 ? this.name : `${this.name}, life ${this.#life + 1}`
  }

  async join(seeds: readonly string[]): Promise<void> {
    await this.#host.ask({ type: 'join', who: this.name, seeds })
  }

  async view(): Promise<View> {
    return (await this.#host.ask({ type: 'view', who: this.name })).view ?? {}
  }

  async event(name: string, payload: string): Promise<void> {
    await this.#host.ask({ type: 'event', who: this.name, name, payload })
  }

  async query(name: string): Promise<number> {
    return (await this.#host.ask({ type: 'query', who: this.name, name })).count ?? 0
  }

  async changeKey(step: KeyStep, key: string): Promise<void> {
    await this.#host.ask({ type: 'key', who: this.name, step, key })
  }

  async keys(): Promise<Record<string, number>> {
    return (await this.#host.ask({ type: 'keys', who: this.name })).keys ?? {}
  }

  async counters(): Promise<Record<string, number>> {
    return (await this.#host.ask({ type: 'counters', who: this.name })).counters ?? {}
  }

  async recall(name: string): Promise<string[]> {
    return (await this.#host.ask({ type: 'recall', who: this.name, name })).lines ?? []
  }

  /** Begins to read events, and never goes on. */
  async deafen(): Promise<void> {
    await this.#host.ask({ type: 'deafen', who: this.name })
  }

  /** How many events the deaf listener is told that it has lost. */
  async lagged(): Promise<number> {
    return (await this.#host.ask({ type: 'lagged', who: this.name })).count ?? 0
  }

  /** Of one in a process with others. */
  async go(how: 'leave' | 'vanish'): Promise<void> {
    await this.#host.ask({ type: 'go', who: this.name, how })
  }

  kill(): Promise<void> {
    return this.#host.kill()
  }

  async again(): Promise<void> {
    this.#life += 1
    this.#host = await Host.start(this.place, this.#story)
    await this.#begin()
  }

  async #begin(): Promise<void> {
    this.address = await this.#host.member({ ...this.#options, nodeName: this.name }, this.life)
  }
}
