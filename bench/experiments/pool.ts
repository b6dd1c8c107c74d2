/** Pools for experiments in virtual time: formed, at rest, and counted. */
import { retransmitLimit } from '../../src/gossip/formulas.ts'
import type { Numbers } from '../../src/options/numbers.ts'
import { type SimulatedNode, type Transition, World, type WorldOptions } from '../../src/simulator/index.ts'

export interface Pool {
  world: World
  nodes: SimulatedNode[]
}

/** Longest time in which a pool forms: what gossip misses the second push/pull brings. */
const FORMING = 600_000
const LOOK = 500
const QUIET = 10_000
/** Alives that fit a packet. */
const ALIVES_A_PACKET = 12

/** Members from which on a pool begins acquainted: to form takes the square of them. */
const ACQUAINTED_FROM = 512

/** A pool in which all know each other and nobody has anything left to say. */
export function restingPool(count: number, options: WorldOptions): Pool {
  const world = new World({ handling: 'share', hosts: 'light', ...options })
  const isLarge = count >= ACQUAINTED_FROM
  const nodes = isLarge ? world.acquainted(count) : world.pool(count)
  const isFormed = () => nodes.every(({ inside }) => inside?.gossip.table.active === count)
  if (world.runLookingEach(LOOK, isFormed, FORMING) > FORMING)
    throw new Error(`a pool of ${count} did not form in ${FORMING} ms`)
  world.run(isLarge ? QUIET : quietAfter(count, nodes[0].settings))
  world.transitions.length = 0
  return { world, nodes }
}

/** Milliseconds after which the news of so many joins have been sent as often as they will be (protocol page 1, section 7.15). */
export function quietAfter(count: number, settings: Numbers): number {
  const { gossipInterval, gossipNodes, retransmitMult } = settings
  const packets = (count * retransmitLimit(retransmitMult, count)) / ALIVES_A_PACKET
  return QUIET + (packets / gossipNodes) * gossipInterval
}

export const isFailure = ({ kind }: Transition) => kind === 'failed'

/** One of the values, nearest by rank: unlike an interpolated one it is right where some are `Infinity`, for what never came. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** As far as a meter looks: so many members in a world. */
interface Counted {
  world: World
  nodes: { length: number }
}

/** Messages and bytes of a stretch of time, by member and second. */
export class Meter {
  readonly #pool: Counted
  readonly #from: number
  readonly #before: Record<string, number>

  constructor(pool: Counted) {
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

/** A share that is known at a time, for plots. */
export interface Step {
  at: number
  share: number
}

/** When each share of `of` was reached, as the median over several runs of times in order. */
export function curve(runs: readonly (readonly number[])[], of: number): Step[] {
  const longest = Math.max(...runs.map(({ length }) => length))
  return Array.from({ length: longest }, (_, i) => ({
    at: quantile(
      runs.map((times) => times[i] ?? Number.POSITIVE_INFINITY),
      0.5,
    ),
    share: (i + 1) / of,
  })).filter(({ at }) => Number.isFinite(at))
}
