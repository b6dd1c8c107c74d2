/** Pools for experiments in virtual time: formed, at rest, and counted. */
import { type SimulatedNode, type Transition, World, type WorldOptions } from '../../src/simulator/index.ts'

export interface Pool {
  world: World
  nodes: SimulatedNode[]
}

/** Longest time in which a pool forms: what gossip misses the second push/pull brings. */
const FORMING = 600_000
const LOOK = 500
/** Alives that fit a packet. */
const ALIVES_A_PACKET = 12

/** Settings of a pool, as far as experiments look at them; Serf's LAN profile. */
export const LAN = {
  probeInterval: 1_000,
  gossipInterval: 200,
  gossipNodes: 3,
  suspicionMult: 4,
  retransmitMult: 4,
}

/** A pool in which all know each other and nobody has anything left to say. */
export function restingPool(count: number, options: WorldOptions): Pool {
  const world = new World({ handling: 'share', ...options })
  const nodes = world.pool(count)
  for (let waited = 0; nodes.some(({ members }) => members.size < count); waited += LOOK) {
    if (waited > FORMING) throw new Error(`a pool of ${count} did not form in ${FORMING} ms`)
    world.run(LOOK)
  }
  world.run(quietAfter(count))
  world.transitions.length = 0
  return { world, nodes }
}

/** Milliseconds after which the news of so many joins have been sent as often as they will be (protocol page 1, section 7.15). */
export function quietAfter(count: number): number {
  const sends = count * LAN.retransmitMult * Math.ceil(Math.log10(count + 1))
  const perSecond = (LAN.gossipNodes * ALIVES_A_PACKET * 1_000) / LAN.gossipInterval
  return 10_000 + (1_000 * sends) / perSecond
}

export const isFailure = ({ kind }: Transition) => kind === 'failed'

/** The middle, the tail and the end of measured milliseconds; `Infinity` counts as the largest. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Messages and bytes of a stretch of time, by member and second. */
export class Meter {
  readonly #pool: Pool
  readonly #from: number
  readonly #before: Record<string, number>

  constructor(pool: Pool) {
    this.#pool = pool
    this.#from = pool.world.now
    this.#before = pool.world.network.counters.snapshot()
  }

  read(): { datagrams: number; bytes: number } {
    const { world, nodes } = this.#pool
    const memberSeconds = (nodes.length * (world.now - this.#from)) / 1_000
    const now = world.network.counters.snapshot()
    const counted = (name: string) => (now[name] ?? 0) - (this.#before[name] ?? 0)
    return {
      datagrams: counted('sent') / memberSeconds,
      bytes: (counted('bytes') + counted('stream-bytes')) / memberSeconds,
    }
  }
}
