/**
 * A simulation for the tests of a host: a pool of real clusters in virtual time, over a network that can be cut. Time passes only where the test
 * says so, in `advance`, `until` and `settled`; between two events all promises that can go on do.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { ClusterOptions } from 'folkmoot'
import { SeededRandom } from '../../src/actors/random.ts'
import { parseDuration } from '../../src/cli/durations.ts'
import { InvalidArgument } from '../../src/errors/errors.ts'
import { SimulationBroken, SimulationTimeout } from '../../src/errors/simulation.ts'
import { HostThread } from '../../src/simulator/facade.ts'
import { InvariantBroken } from '../../src/simulator/invariants.ts'
import { CALM, type Cut, type Weather } from '../../src/simulator/network.ts'
import { VirtualTimers } from '../../src/simulator/timers.ts'
import { World } from '../../src/simulator/world.ts'
import { install } from './globals.ts'
import { type Life, nodeOf, type Program, processOn, type SimulatedProcess } from './process.ts'

/** A time in milliseconds, or as text: `'250ms'`, `'10s'`, `'1m30s'`. */
export type Duration = number | string

export interface SimulationOptions {
  /** All chance comes from it: the same seed and the same test give the same run. Default 1. */
  seed?: number
  /** Processes that are started at once. Default 3. */
  nodes?: number
  /** Options of every cluster. The simulation decides on names and addresses itself; files are those of simulated disks. */
  options?: ClusterOptions
  /** What every process runs. Default nothing. */
  program?: Program
  /** Whether processes that are started join those that run. Default `joined`. */
  pool?: 'joined' | 'apart'
  /** Default: nothing is lost, and a way takes 0.1 to 1 ms. */
  weather?: Partial<Weather>
  /** What `Date` shows when it begins. Default the first of January 2026, UTC. */
  startAt?: Date | number
}

const DEFAULT_START = Date.UTC(2026, 0, 1)
const DEFAULT_LIMIT = 300_000
/** Events after which the process may turn to something else, such as the heartbeat of a test runner. */
const BREATH = 10_000
/** Stays real, whatever is put in its place. */
const { setImmediate: nextRealTurn } = globalThis

/** Virtual time is one for the whole process. */
let running: Simulation | undefined

/**
 * Starts a simulation: puts virtual time in place of the real one, starts its processes and resolves when all of them see each other. Rejects
 * with InvalidArgument while another one runs, and as `Cluster.create` does.
 */
export async function simulate(options: SimulationOptions = {}): Promise<Simulation> {
  if (running !== undefined) throw new InvalidArgument('simulate: another simulation runs in this process')
  const { nodes = 3 } = options
  if (!Number.isInteger(nodes) || nodes < 0)
    throw new InvalidArgument(`simulate: nodes must be a whole number from 0, not ${nodes}`)
  const simulation = begun(options)
  running = simulation
  try {
    await simulation.start(nodes)
    if (options.pool !== 'apart') await simulation.until(() => simulation.isOneView)
    return simulation
  } catch (error) {
    await simulation.end()
    throw error
  }
}

let begun: (options: SimulationOptions) => Simulation

/** A running simulation, as `simulate` gives it. */
export class Simulation {
  static {
    begun = (options) => new Simulation(options)
  }

  readonly seed: number
  readonly #options: SimulationOptions
  readonly #world: World
  readonly #timers: VirtualTimers
  readonly #random: SeededRandom
  readonly #processes: SimulatedProcess[] = []
  readonly #where = new AsyncLocalStorage<Life>()
  /** The test itself. */
  readonly #outside: Life
  readonly #startAt: number
  readonly #takeOut: () => void
  #isPassing = false
  #hasRun = false
  /** Things of the real world that are under way. */
  #holds = 0
  #failure: { error: unknown } | undefined

  private constructor(options: SimulationOptions) {
    const { seed = 1, weather, startAt = DEFAULT_START } = options
    this.seed = seed
    this.#options = options
    this.#startAt = Number(startAt)
    this.#world = new World({ seed, weather: { ...CALM, ...weather } })
    this.#timers = new VirtualTimers(this.#world.schedule)
    // Not the stream that the world forks its own from.
    this.#random = new SeededRandom(seed ^ 0x51a71e55)
    this.#outside = { thread: this.#thread(() => this.#outside), clockError: 0 }
    const chance = this.#random.fork()
    this.#takeOut = install({
      timers: this.#timers,
      thread: () => this.#here.thread,
      now: () => this.now,
      date: () => this.#date() + this.#here.clockError,
      random: () => chance.next(),
    })
  }

  /** All processes in the order of their start, those that were killed too. */
  get nodes(): readonly SimulatedProcess[] {
    return this.#processes
  }

  /** Virtual milliseconds since the beginning. */
  get now(): number {
    return this.#world.now
  }

  /** A number that differs as soon as anything differs that any member saw, in what or when: two runs are alike when theirs are. */
  get hash(): number {
    return this.#world.hash
  }

  /** Whether all members that run show exactly each other as alive. */
  get isOneView(): boolean {
    return this.#world.isOneView()
  }

  /** What seeds' host names stand for: IP addresses by name. */
  get names(): Map<string, readonly string[]> {
    return this.#world.names
  }

  /** Starts so many more processes and lets time pass until they run, and have joined where they are to. */
  async start(count: number, options: ClusterOptions = {}): Promise<readonly SimulatedProcess[]> {
    const started = Array.from({ length: count }, () => this.#add())
    await this.settled(Promise.all(started.map((process) => process.boot(options))))
    await this.settled(Promise.all(started.map((process) => this.#enrol(process))))
    return started
  }

  /** Lets so much time pass. Rejects with what code of the host threw meanwhile, and with SimulationBroken. */
  async advance(time: Duration): Promise<void> {
    await this.#pass(this.now + millisecondsOf(time), () => false)
  }

  /**
   * Lets time pass until something holds; resolves with how long that took. It is looked at after all code of the host that ran. Rejects as
   * `advance` does, and with SimulationTimeout. Default limit five minutes.
   */
  async until(condition: () => boolean, limit: Duration = DEFAULT_LIMIT): Promise<number> {
    const from = this.now
    let holds = false
    await this.#pass(from + millisecondsOf(limit), () => {
      holds = condition()
      return holds
    })
    if (holds || condition()) return this.now - from
    throw new SimulationTimeout(
      `until: not within ${limit} of virtual time (seed ${this.seed}): ${condition}`,
    )
  }

  /** Lets time pass until a promise is settled; resolves and rejects as it does. Rejects as `until` does. */
  async settled<Value>(promise: PromiseLike<Value>, limit: Duration = DEFAULT_LIMIT): Promise<Value> {
    let isSettled = false
    const noted = () => {
      isSettled = true
    }
    promise.then(noted, noted)
    await this.#pass(this.now + millisecondsOf(limit), () => isSettled)
    if (isSettled) return promise
    throw new SimulationTimeout(`settled: not within ${limit} of virtual time (seed ${this.seed})`)
  }

  /** Parts groups of processes from each other, both ways. Those in no group are one more. */
  partition(...groups: (readonly SimulatedProcess[])[]): void {
    const named = new Set(groups.flat())
    const all = [...groups, this.#processes.filter((process) => !named.has(process))]
    for (const one of all) {
      for (const other of all) if (one !== other) this.#world.split(nodesOf(one), nodesOf(other))
    }
  }

  /** Stops what goes from one process to another, this way alone: datagrams, or streams too, which need both ways. Default all. */
  cut(from: SimulatedProcess, to: SimulatedProcess, what: Cut = 'all'): void {
    this.#world.network.cut(nodeOf(from), nodeOf(to), what)
  }

  /** Lets everything through again. */
  heal(): void {
    this.#world.network.heal()
  }

  /** What befalls packets from now on; what is left out is calm. */
  set weather(weather: Partial<Weather>) {
    this.#world.network.weather = { ...CALM, ...weather }
  }

  get weather(): Weather {
    return this.#world.network.weather
  }

  /** Ends all processes where they are and gives the real time back. Idempotent. */
  async end(): Promise<void> {
    if (running !== this) return
    for (const process of this.#processes) process.kill()
    this.#outside.thread.end()
    this.#takeOut()
    running = undefined
  }

  /** As `end`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
  }

  get #here(): Life {
    return this.#where.getStore() ?? this.#outside
  }

  #date(): number {
    return this.#startAt + Math.floor(this.now)
  }

  #add(): SimulatedProcess {
    const process: SimulatedProcess = processOn(this.#world.add(), {
      world: this.#world,
      timers: this.#timers,
      random: this.#random.fork(),
      options: this.#options.options ?? {},
      program: this.#options.program ?? (() => undefined),
      thread: (life) => this.#thread(life),
      as: (life, run) => this.#where.run(life, run),
      date: () => this.#date(),
      settled: (promise) => this.settled(promise),
      enrol: (one) => this.#enrol(one),
      failed: (error) => this.#fail(error),
      hold: (promise) => this.#hold(promise),
    })
    this.#processes.push(process)
    return process
  }

  #thread(life: () => Life): HostThread {
    return new HostThread(this.#world.schedule, (task) => {
      this.#hasRun = true
      try {
        this.#where.run(life(), task)
      } catch (error) {
        this.#fail(error)
      }
    })
  }

  async #enrol(process: SimulatedProcess): Promise<unknown> {
    if (this.#options.pool === 'apart' || !process.isUp) return
    const others = this.#processes.filter((other) => other !== process && other.isUp)
    const [first] = others
    if (first === undefined) return
    return process.cluster.join([first.address])
  }

  #hold<Value>(promise: Promise<Value>): Promise<Value> {
    this.#holds += 1
    return promise.finally(() => {
      this.#holds -= 1
    })
  }

  /** The first counts: what follows may follow from it. */
  #fail(error: unknown): void {
    this.#failure ??= { error }
  }

  async #pass(until: number, isOver: () => boolean): Promise<void> {
    if (running !== this) throw new InvalidArgument('the simulation has ended')
    if (this.#isPassing) throw new InvalidArgument('time passes already: wait for the call before')
    this.#isPassing = true
    try {
      await this.#settle()
      for (let events = 1; !isOver() && this.#step(until); events++) {
        if (this.#hasRun || events % BREATH === 0) await this.#settle()
      }
    } finally {
      this.#isPassing = false
    }
  }

  #step(until: number): boolean {
    try {
      return this.#world.schedule.step(until)
    } catch (error) {
      if (error instanceof InvariantBroken) throw new SimulationBroken(this.seed, this.now, error)
      throw error
    }
  }

  /** All promises that can go on do. */
  async #settle(): Promise<void> {
    this.#hasRun = false
    do await new Promise<void>((resolve) => nextRealTurn(resolve))
    while (this.#holds > 0)
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure.error
  }
}

function nodesOf(processes: readonly SimulatedProcess[]) {
  return processes.map(nodeOf)
}

function millisecondsOf(time: Duration): number {
  const milliseconds = typeof time === 'string' ? Number(parseDuration(time)) / 1e6 : time
  if (typeof milliseconds === 'number' && milliseconds >= 0) return milliseconds
  throw new InvalidArgument(`a time must be milliseconds from 0, or a text as '10s', not ${time}`)
}
