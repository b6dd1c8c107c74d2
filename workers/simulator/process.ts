/** One process of a simulation: a real facade over simulated actors, the program that uses it, and what may befall them. */

import type { Cluster, ClusterOptions } from 'folkmoot'
import type { SeededRandom } from '../../src/actors/random.ts'
import { fillFrom } from '../../src/actors/random.ts'
import { createOn } from '../../src/cluster/cluster.ts'
import type { KeyWorld } from '../../src/cluster/keys.ts'
import { InvalidArgument, InvalidOption } from '../../src/errors/errors.ts'
import { fromPlain } from '../../src/errors/plain.ts'
import { type HostThread, NodeLine } from '../../src/simulator/facade.ts'
import type { SimulatedNode } from '../../src/simulator/node.ts'
import type { VirtualTimers } from '../../src/simulator/timers.ts'
import type { World } from '../../src/simulator/world.ts'
import type { Ground } from '../ground.ts'
import { isTraced, trace } from '../host-traces.ts'
import { simulatedHandlers } from './handlers.ts'

/** One life of a process, from its start to its end. Code runs as part of one. */
export interface Life {
  readonly thread: HostThread
  /** How far its wall clock is ahead, in milliseconds. */
  readonly clockError: number
}

/** What every process runs as soon as its cluster is there. What it throws, or rejects with, fails the simulation. */
export type Program = (cluster: Cluster, process: SimulatedProcess) => unknown

/** What a process needs of its simulation. */
export interface ProcessParts {
  world: World
  timers: VirtualTimers
  random: SeededRandom
  options: ClusterOptions
  program: Program
  /** A thread whose tasks run as part of a life. */
  thread(life: () => Life): HostThread
  /** Runs something as part of a life. */
  as<Value>(life: Life, run: () => Value): Value
  date(): number
  /** Lets time pass until a promise is settled. */
  settled<Value>(promise: Promise<Value>): Promise<Value>
  /** Lets it join those that run, where the simulation does so. */
  enrol(process: SimulatedProcess): Promise<unknown>
  failed(error: unknown): void
  /** Virtual time stands still until a promise is settled that hangs on the real world. */
  hold<Value>(promise: Promise<Value>): Promise<Value>
}

/** A disk that may fail: see `SimulatedProcess.disk`. */
export interface FaultyDisk {
  /** Bytes that all files together may have: a write that does not fit is torn, and fails. Default no end. */
  capacity: number
  /** Whether files can be written, and new ones made. */
  mode: 'writable' | 'no-new-files' | 'read-only'
  /** Milliseconds added to every operation. */
  delay: number
  read(path: string): Uint8Array | undefined
  write(path: string, bytes: Uint8Array): void
}

/** Makes a process, and tells which node of the world it is. Set by the class; not part of what hosts import. */
export let processOn: (node: SimulatedNode, parts: ProcessParts) => SimulatedProcess
export let nodeOf: (process: SimulatedProcess) => SimulatedNode

/** A process with one member in it. It can die and be started again, with the same name, address and disk. */
export class SimulatedProcess {
  static {
    processOn = (node, parts) => new SimulatedProcess(node, parts)
    nodeOf = (process) => process.#node
  }

  readonly name: string
  /** Where it is reached, as `ip:port`: what another one joins. */
  readonly address: string
  /** Where snapshots, keyrings and tags are kept. It outlives the process. */
  readonly disk: FaultyDisk
  readonly #node: SimulatedNode
  readonly #parts: ProcessParts
  #life: Life | undefined
  #cluster: Cluster | undefined

  private constructor(node: SimulatedNode, parts: ProcessParts) {
    this.#node = node
    this.#parts = parts
    this.name = node.name
    this.address = `${node.ip}:${node.port}`
    this.disk = node.disk
  }

  /** Its cluster, the one of its present life. Throws InvalidArgument while it does not run. */
  get cluster(): Cluster {
    if (this.#cluster === undefined) throw new InvalidArgument(`cluster: ${this.name} does not run`)
    return this.#cluster
  }

  /** Whether its actors run: not after `kill()`, nor after a `shutdown()` of its cluster. */
  get isUp(): boolean {
    return this.#node.isUp
  }

  /** Ends it at once, as SIGKILL does: its timers, its promises and its listeners are gone, and a write to disk under way is torn. */
  kill(): void {
    this.#life?.thread.end()
    this.#life = undefined
    this.#cluster = undefined
    if (this.#node.isUp) this.#node.kill()
  }

  /**
   * Starts it again once it was killed, and runs its program; lets time pass until it is a member again. Options are added to those of the
   * simulation. Rejects as `Cluster.create` does, and with InvalidArgument when it runs.
   */
  async restart(options: ClusterOptions = {}): Promise<Cluster> {
    if (this.#life !== undefined) throw new InvalidArgument(`restart: ${this.name} runs`)
    const cluster = await this.#parts.settled(this.boot(options))
    await this.#parts.settled(this.#parts.enrol(this))
    return cluster
  }

  /** Starts it while time passes, which is for the caller to see to: see `Simulation.start`. */
  boot(options: ClusterOptions = {}): Promise<Cluster> {
    const { program, failed } = this.#parts
    const node = this.#node
    const life: Life = {
      thread: this.#parts.thread(() => life),
      get clockError() {
        return node.clockError
      },
    }
    this.#life = life
    const wanted = this.#wanted(options)
    return this.#parts.as(life, async () => {
      try {
        const cluster = await createOn(this.#ground(life.thread), wanted)
        this.#cluster = cluster
        new Promise((resolve) => resolve(program(cluster, this))).catch(failed)
        return cluster
      } catch (error) {
        this.kill()
        throw error
      }
    })
  }

  /** Stops the whole process, as SIGSTOP does: packets wait, nothing runs. */
  pause(): void {
    this.#node.freeze()
    this.#life?.thread.hold('paused')
  }

  resume(): void {
    this.#node.thaw()
    this.#life?.thread.release('paused')
  }

  /** Blocks its main thread, as an endless loop does: the actors in their threads go on, its program does not. */
  block(): void {
    this.#node.stallHost()
    this.#life?.thread.hold('blocked')
  }

  unblock(): void {
    this.#node.freeHost()
    this.#life?.thread.release('blocked')
  }

  /** From now on every turn of each of its actors takes so many milliseconds; 0 for an instant. */
  slow(milliseconds: number): void {
    this.#node.slow(milliseconds)
  }

  /** Moves its wall clock, and with it `Date` for its code, by so many milliseconds. */
  jumpClock(milliseconds: number): void {
    this.#node.clockError += milliseconds
  }

  /** What is to be carried, and where to, is the simulation's business. */
  #wanted(options: ClusterOptions): ClusterOptions {
    const { advertise: _a, threads: _t, workers: _w, ...wanted } = { ...this.#parts.options, ...options }
    if (wanted.transport !== undefined)
      throw new InvalidOption('transport', wanted.transport, 'left out: a simulation has its own')
    if (wanted.admit?.module !== undefined)
      throw new InvalidOption('admit.module', wanted.admit.module, 'left out: a simulation loads no modules')
    return { ...wanted, nodeName: this.name, bind: this.address }
  }

  #ground(thread: HostThread): Ground {
    const { world, timers, random, date, failed, hold } = this.#parts
    const node = this.#node
    const ways = random.fork()
    return {
      place: (settings, host) =>
        new Promise((resolve, reject) => {
          node.settings = settings
          const line = new NodeLine(node, thread, world.schedule, ways)
          node.facade = {
            news: (news) => thread.run(() => host.news(news)),
            query: (mail) => thread.run(() => host.query(mail)),
            log: (actor, level, message) => thread.run(() => host.log(actor, level, message)),
            stalled: (state, stalledFor) => thread.run(() => host.stalled(state, stalledFor)),
            begun: (error) =>
              thread.run(() => (error === undefined ? resolve(line) : reject(fromPlain(error)))),
          }
          world.boot(node)
        }),
      turns: {
        now: () => world.now,
        date: () => date() + node.clockError,
        later: (task) => void timers.next(thread, task),
        raise: failed,
        isTraced,
        trace,
      },
      openHandlers: (module, name) => simulatedHandlers(module, name, { timers, thread, hold }),
      keyHands: {
        sleep: (milliseconds, signal) => sleeping(timers, thread, milliseconds, signal),
        randomKey: () => keyFrom(random),
      },
    }
  }
}

const KEY_BYTES = 32

function keyFrom(random: SeededRandom): Uint8Array {
  const key = new Uint8Array(KEY_BYTES)
  fillFrom(random)(key)
  return key
}

function sleeping(
  timers: VirtualTimers,
  thread: HostThread,
  milliseconds: number,
  signal: AbortSignal | undefined,
): ReturnType<KeyWorld['sleep']> {
  return new Promise((resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
    timers.start(thread, 'once', milliseconds, () => resolve())
  })
}
