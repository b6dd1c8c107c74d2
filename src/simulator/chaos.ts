/**
 * Chaos, then calm: for a while a pool suffers faults by chance, then they stop, and all that run must hold one view again within a time
 * that follows from the protocol. The scenario is data, so that it can be printed with its seed.
 */
import type { Actor } from '../actors/contract.ts'
import type { ToGossip } from '../actors/mail.ts'
import { suspicionMin } from '../gossip/formulas.ts'
import type { SimulatedNode } from './node.ts'
import { World } from './world.ts'

/** What happened in a run; the counts prove that the faults fired. */
export interface ChaosReport {
  seed: number
  nodes: number
  hash: number
  lost: number
  duplicated: number
  cut: number
  kills: number
  restarts: number
  events: number
  deliveries: number
  /** Milliseconds of calm until there was one view. */
  healedIn: number
}

export interface ChaosOptions {
  seed: number
  /** Puts something between gossip and its mail, to plant a bug. */
  tamper?(actor: Actor<ToGossip>, node: SimulatedNode): Actor<ToGossip>
}

const CHAOS = 60_000
const FAULT_EVERY = 3_000
const LONGEST_CALM = 240_000

/** Runs the scenario of a seed. Throws InvariantBroken, or an Error when the pool does not heal; the message names the seed. */
export function chaos({ seed, tamper }: ChaosOptions): ChaosReport {
  const world = new World({ seed, options: { profile: 'local' }, ...(tamper && { tamper }) })
  const run = new Chaos(world)
  try {
    return run.report(seed, run.play())
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`seed ${seed}, ${world.nodes.length} nodes: ${reason}`, { cause: error })
  }
}

class Chaos {
  readonly #world: World
  readonly #nodes: SimulatedNode[]
  #kills = 0
  #restarts = 0
  #events = 0

  constructor(world: World) {
    this.#world = world
    this.#nodes = world.pool(3 + world.faults.below(10))
  }

  /** Returns how long healing took. */
  play(): number {
    const world = this.#world
    const { faults, network } = world
    world.run(10_000)
    network.weather = {
      loss: faults.next() * 0.25,
      duplicates: faults.next() * 0.15,
      delay: [0.1, 1 + faults.next() * 60],
    }
    for (let at = 0; at < CHAOS; at += FAULT_EVERY) {
      this.#fault()
      world.run(FAULT_EVERY)
    }
    return this.#calm()
  }

  report(seed: number, healedIn: number): ChaosReport {
    const { counters } = this.#world.network
    return {
      seed,
      nodes: this.#nodes.length,
      hash: this.#world.hash,
      lost: counters.get('lost'),
      duplicated: counters.get('duplicated'),
      cut: counters.get('cut'),
      kills: this.#kills,
      restarts: this.#restarts,
      events: this.#events,
      deliveries: this.#world.transitions.filter(({ kind }) => kind === 'user').length,
      healedIn,
    }
  }

  #pick(): SimulatedNode {
    return this.#nodes[this.#world.faults.below(this.#nodes.length)]
  }

  #fault(): void {
    const world = this.#world
    const node = this.#pick()
    const other = this.#pick()
    switch (world.faults.below(6)) {
      case 0:
        return this.#killOrRestart(node)
      case 1:
        return world.network.cut(node, other, 'udp')
      case 2:
        return world.split([node], [other])
      case 3:
        return world.network.heal()
      default:
        if (!node.isUp) return
        this.#events += 1
        world.event(node, `event-${this.#events}`, 'payload')
    }
  }

  #killOrRestart(node: SimulatedNode): void {
    if (node.isUp && this.#nodes.filter(({ isUp }) => isUp).length > 2) {
      node.kill()
      this.#kills += 1
    } else if (!node.isUp) this.#restart(node)
  }

  /** A new process joins whoever runs. */
  #restart(node: SimulatedNode): void {
    this.#restarts += 1
    this.#world.boot(node)
    const up = this.#nodes.filter((candidate) => candidate.isUp && candidate !== node)
    this.#world.join(node, ...up)
  }

  #calm(): number {
    const world = this.#world
    world.network.heal()
    world.network.weather = { loss: 0, duplicates: 0, delay: [0.1, 1] }
    for (const node of this.#nodes) if (!node.isUp) this.#restart(node)
    // Halves that gave each other up need somebody to bring them together: reconnecting by oneself comes with the Serf layer.
    const [first, ...rest] = this.#nodes
    for (const node of rest) world.join(node, first)
    const healedIn = world.runUntil(() => world.isOneView(), LONGEST_CALM)
    if (healedIn === Number.POSITIVE_INFINITY) throw new Error(`no one view after ${LONGEST_CALM} ms of calm`)
    // And it stays: nobody is accused of what happened in the chaos.
    world.run(6 * suspicionMin(3, this.#nodes.length, 1_000))
    if (!world.isOneView()) throw new Error('the view that had healed fell apart in calm')
    return healedIn
  }
}
