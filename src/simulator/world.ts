/**
 * A world of simulated members: one virtual time, one network, and every transition that a host sees, checked as it happens. A run is a pure
 * function of its seed and of what is done to the world: the hash over all transitions says so.
 */
import type { Actor } from '../actors/contract.ts'
import type { FoundPlace, ToGossip } from '../actors/mail.ts'
import { SeededRandom } from '../actors/random.ts'
import type { MemberTable } from '../gossip/members.ts'
import type { LeftOut } from '../gossip/push-pull.ts'
import { type ClusterOptions, settle } from '../options/options.ts'
import { acquaint, SETTLING } from './acquaintance.ts'
import type { HostWeight, Transition } from './host.ts'
import { CALM, Network, type Weather } from './network.ts'
import { SimulatedNode } from './node.ts'
import type { Handling } from './post.ts'
import type { Reply } from './reply.ts'
import { Schedule } from './schedule.ts'
import { SharedRecords } from './shared-records.ts'
import { Watchers } from './watchers.ts'

export interface WorldOptions {
  seed: number
  /** Options of every node. Default Serf's LAN profile. */
  options?: ClusterOptions
  weather?: Weather
  /** How mail is handed over: cloned to prove that actors share nothing; shared for speed, and tables are not watched then. Default `clone`. */
  handling?: Handling
  /** Light hosts keep no members, and what they hear is not checked. Default full. */
  hosts?: HostWeight
  /**
   * Whether the states that members exchange are written out whole, as on the wire, or compared in memory and written only where they differ: then what two
   * members hold alike costs a hundredth. Needs `share`. A member whose picture changes while a state is on its way may be missed. Default `written`.
   */
  states?: 'written' | 'compared'
  /** Whether a transition is kept in `transitions`: in large pools all of them would fill the memory. Default all. */
  keep?(transition: Transition): boolean
  /** Puts something between gossip and its mail, to plant a bug. */
  tamper?(actor: Actor<ToGossip>, node: SimulatedNode): Actor<ToGossip>
}

/** Members that join the same one at once. */
const JOINS_EACH = 100

/** Steps of each node between two looks at a condition: looking, which goes over all nodes, is dearer than stepping. */
const LOOK_EVERY = 10

export class World {
  readonly schedule = new Schedule()
  readonly network: Network
  readonly nodes: SimulatedNode[] = []
  readonly transitions: Transition[] = []
  /** What host names stand for, for all nodes: IP addresses by name. */
  readonly names = new Map<string, readonly string[]>()
  readonly #options: WorldOptions
  readonly #records = new SharedRecords()
  readonly #nodeRandom: SeededRandom
  /** What is checked at every transition. */
  readonly watchers = new Watchers(() => this.now)
  /** Chance for faults, apart from that of network and nodes. */
  readonly faults: SeededRandom
  #hash = 0x811c9dc5

  constructor(options: WorldOptions) {
    this.#options = options
    const random = new SeededRandom(options.seed)
    this.network = new Network(this.schedule, random.fork(), options.weather ?? CALM)
    this.faults = random.fork()
    this.#nodeRandom = random.fork()
  }

  get now(): number {
    return this.schedule.now
  }

  /** A number that differs as soon as one transition differs, in what or when. */
  get hash(): number {
    return this.#hash >>> 0
  }

  /** Starts so many more members, each alone. */
  start(count: number): SimulatedNode[] {
    return Array.from({ length: count }, () => this.startOne())
  }

  startOne(options: ClusterOptions = {}): SimulatedNode {
    const node = this.add(options)
    this.boot(node)
    return node
  }

  /** Makes one more node, which does not run yet. */
  add(options: ClusterOptions = {}): SimulatedNode {
    const number = this.nodes.length + 1
    const name = options.nodeName ?? `n${number}`
    const ip = ipOf(number)
    const settings = settle(
      { bind: `${ip}:7946`, ...this.#options.options, ...options, nodeName: name },
      name,
    )
    const node: SimulatedNode = new SimulatedNode(name, ip, settings, {
      schedule: this.schedule,
      network: this.network,
      random: this.#nodeRandom.fork(),
      handling: this.#options.handling ?? 'clone',
      records: this.#options.handling === 'share' ? this.#records : undefined,
      hosts: this.#options.hosts ?? 'full',
      leavesOut: (table, peer) => this.#leftOut(table, peer),
      hear: (transition) => this.#hear(node, transition),
      turned: (turned) => {
        if (this.#options.handling !== 'share') this.watchers.turned(turned)
      },
      resolve: (host) => this.#resolve(host),
      tamper: (actor, tampered) => this.#options.tamper?.(actor, tampered) ?? actor,
    })
    this.nodes.push(node)
    this.network.attach(node)
    return node
  }

  /** Starts a node again that was killed: a new process with the same name and address, and with other options where they are given. */
  boot(node: SimulatedNode, options?: ClusterOptions): void {
    if (options !== undefined) {
      const { name, ip } = node
      node.settings = settle(
        { bind: `${ip}:7946`, ...this.#options.options, ...options, nodeName: name },
        name,
      )
    }
    this.watchers.born(node)
    node.start()
  }

  /** Lets a node join others. */
  join(node: SimulatedNode, ...seeds: SimulatedNode[]): Reply {
    return node.command({ type: 'join', seeds: placesOf(seeds), ignoreOldEvents: false })
  }

  /** The same, but events of before are not heard. */
  joinLate(node: SimulatedNode, ...seeds: SimulatedNode[]): Reply {
    return node.command({ type: 'join', seeds: placesOf(seeds), ignoreOldEvents: true })
  }

  /** Starts a pool: all join the first, and in large ones the next, for a member refuses the 128th push/pull at once. */
  pool(count: number): SimulatedNode[] {
    const nodes = this.start(count)
    for (let i = 1; i < count; i++) this.join(nodes[i], nodes[Math.floor((i - 1) / JOINS_EACH)])
    return nodes
  }

  /**
   * Starts a pool that knows itself from the beginning, at rest once a second has passed: for sizes at which forming it would take longer than what
   * is measured. From 512 members to 16,384, which is what a member takes in from one that it does not know.
   */
  acquainted(count: number): SimulatedNode[] {
    const nodes = this.start(count)
    acquaint(nodes, () => {
      this.run(SETTLING)
      return this.now
    })
    return nodes
  }

  event(node: SimulatedNode, name: string, payload = ''): Reply {
    const bytes = new TextEncoder().encode(payload)
    return node.command({ type: 'user-event', name, payload: bytes, coalesce: false })
  }

  /** Stops what goes between two groups, both ways. */
  split(one: readonly SimulatedNode[], other: readonly SimulatedNode[]): void {
    for (const a of one) {
      for (const b of other) {
        this.network.cut(a, b, 'all')
        this.network.cut(b, a, 'all')
      }
    }
  }

  /** Lets virtual time pass. */
  run(milliseconds: number): void {
    const until = this.now + milliseconds
    while (this.schedule.step(until)) {
      // Everything happens in the steps.
    }
  }

  /** Lets time pass until a condition holds; how long that took, or `Infinity` when it did not within the limit. */
  runUntil(condition: () => boolean, limit: number): number {
    const from = this.now
    const every = LOOK_EVERY * Math.max(2, this.nodes.length)
    for (let steps = 0; ; steps++) {
      if (steps % every === 0 && condition()) return this.now - from
      if (!this.schedule.step(from + limit)) return condition() ? limit : Number.POSITIVE_INFINITY
    }
  }

  /** The same, looking once in so many milliseconds: in a pool of hundreds a look can cost more than thousands of steps. */
  runLookingEach(every: number, condition: () => boolean, limit: number): number {
    const from = this.now
    while (!condition()) {
      if (this.now - from >= limit) return Number.POSITIVE_INFINITY
      this.run(every)
    }
    return this.now - from
  }

  /** Whether all running nodes list exactly each other as alive. */
  isOneView(): boolean {
    const up = this.nodes.filter(({ isUp }) => isUp)
    const names = up
      .map(({ name }) => name)
      .sort()
      .join()
    return up.every((node) => node.inStatus('alive').join() === names)
  }

  /** What one observer saw of one subject: kinds in order. */
  story(observer: SimulatedNode, subject: SimulatedNode): string[] {
    return this.transitions
      .filter((transition) => transition.observer === observer.name && transition.name === subject.name)
      .map(({ kind }) => kind)
  }

  #leftOut(table: MemberTable, ip: string): LeftOut | undefined {
    const { states, handling } = this.#options
    if (states !== 'compared' || handling !== 'share') return undefined
    const other = this.nodes[numberOf(ip) - 1]?.inside?.gossip.table
    return other && ((row) => table.isAlike(other, row))
  }

  #resolve(host: string): { places: FoundPlace[]; error: string } {
    const ips = this.names.get(host)
    if (ips === undefined) return { places: [], error: `no such name: ${host}` }
    return { places: ips.map((ip) => ({ ip, port: 0 })), error: '' }
  }

  #hear(node: SimulatedNode, transition: Transition): void {
    if (this.#options.keep?.(transition) ?? true) this.transitions.push(transition)
    const { at, observer, kind, name, detail, member } = transition
    const text = `${at} ${observer} ${kind} ${name} ${detail} ${member?.status} ${member?.incarnation}\n`
    for (let i = 0; i < text.length; i++) this.#hash = Math.imul(this.#hash ^ text.charCodeAt(i), 0x01000193)
    if (this.#options.hosts !== 'light') this.watchers.heard(node, transition)
  }
}

/** The address of a node by its number, which begins with 1. */
function ipOf(number: number): string {
  return `10.0.${number >> 8}.${number & 255}`
}

function numberOf(ip: string): number {
  const [high, low] = ip.split('.').slice(2).map(Number)
  return high * 256 + low
}

function placesOf(nodes: readonly SimulatedNode[]): string[] {
  return nodes.map(({ ip, port }) => `${ip}:${port}`)
}
