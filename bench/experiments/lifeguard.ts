/**
 * The experiments of the Lifeguard paper (arXiv 1707.00788): some members cannot send or receive for a while, again and again, though their
 * timers run; how many members are failed that are healthy? SWIM is the same code with Lifeguard's parts switched off.
 *
 *     part            what it does                                           switched off by
 *     LHA-Probe       a member in poor health waits longer for its answers   awarenessMaxMultiplier 1
 *     LHA-Suspicion   a suspicion is long until others confirm it            suspicionMaxTimeoutMult 1
 *     buddy           who pings a suspect tells it so                        buddy false
 */
import type { ClusterOptions } from '../../src/options/options.ts'
import type { SimulatedNode } from '../../src/simulator/index.ts'
import { isFailure, Meter, type Pool, restingPool } from './pool.ts'

/** Those of the paper: a suspicion of 5 log n, six times as long while nobody confirms it. */
const PAPER: ClusterOptions = { suspicionMult: 5, suspicionMaxTimeoutMult: 6 }
const WITHOUT: ClusterOptions = { awarenessMaxMultiplier: 1, suspicionMaxTimeoutMult: 1, buddy: false }

export type Configuration = 'SWIM' | 'LHA-Probe' | 'LHA-Suspicion' | 'Buddy' | 'Lifeguard'

export const CONFIGURATIONS: Record<Configuration, ClusterOptions> = {
  SWIM: { ...PAPER, ...WITHOUT },
  'LHA-Probe': { ...PAPER, ...WITHOUT, awarenessMaxMultiplier: 8 },
  'LHA-Suspicion': { ...PAPER, ...WITHOUT, suspicionMaxTimeoutMult: 6 },
  Buddy: { ...PAPER, ...WITHOUT, buddy: true },
  Lifeguard: PAPER,
}

/** An interval experiment: so many members are anomalous for `lasting` milliseconds, then well for `pausing`, for `length` in all. */
export interface Anomalies {
  concurrent: number
  lasting: number
  pausing: number
  length: number
}

export interface FalsePositives {
  /** Failures told by any member of members that were never anomalous. */
  all: number
  /** Those told by members that were never anomalous themselves. */
  atHealthy: number
  /** Failures of anomalous members: correct in this sense, and the proof that the anomaly bites. */
  ofAnomalous: number
  /** Datagrams and bytes of the whole run, all members together. */
  datagrams: number
  bytes: number
}

export interface IntervalOptions {
  seed: number
  members: number
  options: ClusterOptions
  anomalies: Anomalies
  /** 0 to 1. Default 0. */
  loss?: number
}

/** A seed is one choice of victims and one run. */
export function interval({ seed, members, options, anomalies, loss = 0 }: IntervalOptions): FalsePositives {
  const pool = restingPool(members, { seed, options, keep: isFailure })
  const { world, nodes } = pool
  world.network.weather = { ...world.network.weather, loss }
  const victims = new Set<string>()
  while (victims.size < anomalies.concurrent) victims.add(nodes[world.faults.below(members)].name)
  const meter = new Meter(pool)
  suffer(pool, victims, anomalies)
  const wrong = world.transitions.filter(({ name }) => !victims.has(name))
  const { datagrams, bytes } = meter.read()
  const memberSeconds = (members * anomalies.length) / 1_000
  return {
    all: wrong.length,
    atHealthy: wrong.filter(({ observer }) => !victims.has(observer)).length,
    ofAnomalous: world.transitions.length - wrong.length,
    datagrams: datagrams * memberSeconds,
    bytes: bytes * memberSeconds,
  }
}

export interface Latencies {
  /** Milliseconds from the beginning of an anomaly until the first healthy member failed its victim, one for each victim that was failed by all. */
  first: number[]
  /** And until the last did. */
  full: number[]
  /** Victims that not every healthy member failed in time. */
  missed: number
}

/** A threshold experiment: so many members become anomalous together, once, for so long that they ought to be failed. */
export function threshold({ seed, members, options, anomalies }: IntervalOptions): Latencies {
  const pool = restingPool(members, { seed, options, keep: isFailure })
  const { world, nodes } = pool
  const victims = new Set<SimulatedNode>()
  while (victims.size < anomalies.concurrent) victims.add(nodes[world.faults.below(members)])
  world.run(world.faults.next() * nodes[0].settings.probeInterval)
  const from = world.now
  for (const victim of victims) world.network.gates.shut(victim)
  world.run(anomalies.lasting)
  const healthy = new Set(nodes.filter((node) => !victims.has(node)).map(({ name }) => name))
  const found: Latencies = { first: [], full: [], missed: 0 }
  for (const { name } of victims) {
    const told = world.transitions.filter((seen) => seen.name === name && healthy.has(seen.observer))
    if (new Set(told.map(({ observer }) => observer)).size < healthy.size) found.missed += 1
    else {
      const times = told.map(({ at }) => at - from)
      found.first.push(Math.min(...times))
      found.full.push(Math.max(...times))
    }
  }
  return found
}

function suffer({ world, nodes }: Pool, victims: ReadonlySet<string>, anomalies: Anomalies): void {
  const { lasting, pausing, length } = anomalies
  const anomalous = nodes.filter(({ name }) => victims.has(name))
  const endsAt = world.now + length
  while (world.now < endsAt) {
    for (const node of anomalous) world.network.gates.shut(node)
    world.run(Math.min(lasting, endsAt - world.now))
    for (const node of anomalous) world.network.gates.open(node)
    world.run(Math.min(pausing, endsAt - world.now))
  }
}
