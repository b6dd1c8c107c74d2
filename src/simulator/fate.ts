/**
 * What befalls a pool: plays single faults, and takes all of them back for the calm. A fault that cannot happen to whom it is meant for, such as
 * the death of somebody dead, does nothing and is not counted.
 */
import type { ClusterOptions } from '../options/options.ts'
import { writeKeyRequest } from '../wire/keys.ts'
import { FORGER, forgedPackets } from './forgery.ts'
import { InvariantBroken } from './invariants.ts'
import { CALM } from './network.ts'
import type { SimulatedNode } from './node.ts'
import type { Fault, Scenario, What } from './scenario.ts'
import type { World } from './world.ts'

const KEYS = [1, 2, 3].map((number) => new Uint8Array(32).fill(number))
/** The one that not everybody has from the start. */
export const EXTRA_KEY = KEYS[2]
const HOUR = 3_600_000
/** A host that leaves ends its process so long after it asked to. */
const LEAVING = 6_000
/** Fewer than this never run by the will of a fault. */
const LEAST_UP = 2
/** A pool in which a vote can have a majority besides the two that dispute. */
const LEAST_VOTERS = 5
const LONGEST_DISPUTE = 120_000

/** Options of all members of a scenario. */
export function optionsOf({ profile, features }: Scenario): ClusterOptions {
  return {
    profile,
    // All have two keys from the start, so that a change of the primary one shuts nobody out who was away.
    ...(features.includes('keys') && { encryptionKeys: KEYS.slice(0, 2) }),
    ...(features.includes('files') && { snapshotPath: 'snapshot', tagsFile: 'tags' }),
    ...(features.includes('files') && features.includes('keys') && { keyringFile: 'keys' }),
    ...(features.includes('coalescing') && { coalescePeriod: 3_000, quiescentPeriod: 1_000 }),
  }
}

export class Fate {
  readonly #world: World
  /** Who plays which part: a member that moved is another node of the same name. */
  readonly #nodes: SimulatedNode[]
  readonly #scenario: Scenario
  readonly #impostors: SimulatedNode[] = []
  readonly fired: Partial<Record<What, number>> = {}
  readonly #counted = new Map<string, number>()
  #events = 0

  constructor(world: World, nodes: SimulatedNode[], scenario: Scenario) {
    this.#world = world
    this.#nodes = nodes
    this.#scenario = scenario
    for (const node of nodes) this.#answer(node)
  }

  /** Branches reached and counters that moved, with those of processes that are gone. */
  get counted(): Map<string, number> {
    for (const node of this.#world.nodes) this.#remember(node)
    const { sometimes } = this.#world.watchers
    for (const [name, count] of Object.entries(sometimes.snapshot())) this.#counted.set(name, count)
    return this.#counted
  }

  befall({ what, node: index, other: number }: Fault): void {
    const node = this.#nodes[index % this.#nodes.length]
    const other = this.#nodes[number % this.#nodes.length]
    this.#obeyVotes()
    const happened = this.#play(what, node, other, number)
    if (happened) this.fired[what] = (this.fired[what] ?? 0) + 1
  }

  /** Takes everything back: all run, nothing is cut, slow or stopped. Those that gave each other up need somebody to bring them together. */
  calm(): void {
    const { network } = this.#world
    network.heal()
    network.weather = CALM
    for (const node of [...this.#nodes, ...this.#impostors]) {
      node.thaw()
      node.slow(0)
      this.#mend(node)
    }
    // Who is about to leave has time to.
    this.#world.run(LEAVING)
    this.#settleNames()
    for (const impostor of this.#impostors) this.#kill(impostor)
    this.#obeyVotes()
    for (const node of this.#nodes) if (!node.isUp) this.#restart(node)
    const [first, ...rest] = this.#nodes
    for (const node of rest) this.#world.join(node, first)
  }

  #play(what: What, node: SimulatedNode, other: SimulatedNode, number: number): boolean {
    switch (what) {
      case 'kill':
        return this.#killOne(node, number)
      case 'restart':
        return !node.isUp && this.#restart(node, number % 2 === 0 ? 'deliver' : 'ignore')
      case 'move':
        return this.#move(node)
      case 'impostor':
        return this.#impersonate(node, other)
      case 'leave':
        return this.#leave(node)
      case 'cut-udp':
      case 'cut':
      case 'split':
      case 'heal':
        return this.#cut(what, node, other)
      case 'freeze':
      case 'thaw':
      case 'slow':
      case 'clock-jump':
      case 'disk':
        return this.#hinder(what, node, number)
      default:
        return node.isUp && this.#say(what, node, other, number)
    }
  }

  #cut(what: 'cut-udp' | 'cut' | 'split' | 'heal', node: SimulatedNode, other: SimulatedNode): boolean {
    const { network } = this.#world
    if (what === 'heal') network.heal()
    else if (node === other) return false
    else if (what === 'cut-udp') network.cut(node, other, 'udp')
    else if (what === 'cut') network.cut(node, other, 'all')
    else {
      const at = 1 + this.#nodes.indexOf(node)
      if (at >= this.#nodes.length) return false
      this.#world.split(this.#nodes.slice(0, at), this.#nodes.slice(at))
    }
    return true
  }

  #hinder(
    what: 'freeze' | 'thaw' | 'slow' | 'clock-jump' | 'disk',
    node: SimulatedNode,
    number: number,
  ): boolean {
    if (what === 'disk') return this.#breakDisk(node, number)
    if (!node.isUp) return false
    if (what === 'freeze') node.freeze()
    else if (what === 'thaw') node.thaw()
    else if (what === 'slow') node.slow((number % 4) * 15)
    else node.clockError += (number - this.#nodes.length / 2) * HOUR
    return true
  }

  #say(what: What, node: SimulatedNode, other: SimulatedNode, number: number): boolean {
    this.#events += 1
    if (what === 'event') this.#world.event(node, `event-${this.#events}`, 'payload')
    else if (what === 'query')
      node.questions.ask({ name: `query-${this.#events}`, requestAck: true, relayFactor: number % 3 })
    else if (what === 'tags') node.command({ type: 'set-tags', tags: { role: `role-${this.#events}` } })
    else if (what === 'force-leave')
      node.command({ type: 'force-leave', name: other.name, prune: number % 2 === 1 })
    else if (what === 'forge') return this.#forge(node, other)
    else return this.#changeKeys(node, number)
    return true
  }

  /** Somebody without a key speaks: of itself, and of the death of another. */
  #forge(node: SimulatedNode, victim: SimulatedNode): boolean {
    if (!this.#scenario.features.includes('keys')) return false
    for (const packet of forgedPackets(victim.name)) node.packet(packet, FORGER.ip, FORGER.port)
    return true
  }

  /** The two that all have take turns as the primary one; a third comes and goes. */
  #changeKeys(node: SimulatedNode, number: number): boolean {
    if (!this.#scenario.features.includes('keys')) return false
    const [name, key] = [
      ['_serf_use-key', KEYS[0]] as const,
      ['_serf_use-key', KEYS[1]] as const,
      ['_serf_install-key', KEYS[2]] as const,
      ['_serf_remove-key', KEYS[2]] as const,
    ][number % 4]
    node.questions.ask({ name, payload: writeKeyRequest(key) })
    return true
  }

  #breakDisk({ disk }: SimulatedNode, number: number): boolean {
    if (!this.#scenario.features.includes('files')) return false
    if (number % 4 === 0) disk.capacity = 200
    else if (number % 4 === 1) disk.mode = 'read-only'
    else if (number % 4 === 2) disk.mode = 'no-new-files'
    else disk.delay = 500
    return true
  }

  #mend({ disk }: SimulatedNode): void {
    disk.capacity = Number.POSITIVE_INFINITY
    disk.mode = 'writable'
    disk.delay = 0
  }

  #maySpareOne(): boolean {
    return this.#nodes.filter(({ isUp }) => isUp).length > LEAST_UP
  }

  #killOne(node: SimulatedNode, number: number): boolean {
    if (!node.isUp || !this.#maySpareOne()) return false
    this.#kill(node)
    if (number % 3 === 0) node.disk.losePower(number % 2 === 0 ? 'gone' : 'zeroed')
    return true
  }

  #kill(node: SimulatedNode): void {
    if (!node.isUp) return
    this.#remember(node)
    node.kill()
  }

  /** A new process joins whoever runs. */
  #restart(node: SimulatedNode, oldEvents: 'deliver' | 'ignore' = 'deliver'): boolean {
    // A member whose files cannot be read does not start at all: that is shown elsewhere.
    this.#mend(node)
    this.#world.boot(node)
    const up = this.#nodes.filter((candidate) => candidate.isUp && candidate !== node)
    if (oldEvents === 'ignore') this.#world.joinLate(node, ...up.slice(0, 8))
    else this.#world.join(node, ...up.slice(0, 8))
    return true
  }

  /** The name goes on at another address. */
  #move(node: SimulatedNode): boolean {
    if (!this.#maySpareOne()) return false
    this.#kill(node)
    const moved = this.#world.startOne({ nodeName: node.name })
    this.#answer(moved)
    this.#nodes[this.#nodes.indexOf(node)] = moved
    const up = this.#nodes.filter((candidate) => candidate.isUp && candidate !== moved)
    this.#world.join(moved, ...up.slice(0, 8))
    return true
  }

  /** Somebody else takes the name of a member that lives. */
  #impersonate(node: SimulatedNode, other: SimulatedNode): boolean {
    if (!node.isUp || !other.isUp || node === other || this.#impostors.length > 0) return false
    const impostor = this.#world.startOne({ nodeName: node.name })
    this.#impostors.push(impostor)
    this.#world.join(impostor, other)
    return true
  }

  /** Two that run under one name do not both stay where there are others to ask: by one exchange of states or the next they hear of each other. */
  #settleNames(): void {
    const voters = this.#nodes.filter(({ isUp }) => isUp).length
    // One that never got into the pool disputes nothing.
    const rivals = () =>
      this.#impostors.filter(
        (impostor) =>
          impostor.isUp &&
          impostor.inStatus('alive').length > 1 &&
          this.#nodes.some(({ isUp, name }) => isUp && name === impostor.name),
      )
    if (voters < LEAST_VOTERS || rivals().length === 0) return
    const isSettled = () => {
      this.#obeyVotes()
      return rivals().length === 0
    }
    if (this.#world.runUntil(isSettled, LONGEST_DISPUTE) < Number.POSITIVE_INFINITY) {
      this.fired.impostor = (this.fired.impostor ?? 0) + 1
      return
    }
    const names = rivals().map(({ name }) => name)
    throw new InvariantBroken('two members of one name never both stay', names.join())
  }

  /** Whoever lost its name in a vote ends, as its host would see to. */
  #obeyVotes(): void {
    for (const node of [...this.#nodes, ...this.#impostors]) {
      if (node.isUp && node.notices.some(({ type }) => type === 'conflict-lost')) this.#kill(node)
    }
  }

  #leave(node: SimulatedNode): boolean {
    if (!node.isUp || !this.#maySpareOne()) return false
    const { inside } = node
    node.command({ type: 'leave' })
    const { schedule } = this.#world
    schedule.at(schedule.now + LEAVING, () => {
      if (node.inside === inside) this.#kill(node)
    })
    return true
  }

  #answer(node: SimulatedNode): void {
    node.questions.answer = () => new TextEncoder().encode(node.name)
  }

  /** What a process counted, before it is gone. */
  #remember(node: SimulatedNode): void {
    for (const [name, count] of Object.entries(node.stats())) {
      if (count > 0) this.#counted.set(name, (this.#counted.get(name) ?? 0) + count)
    }
  }
}
