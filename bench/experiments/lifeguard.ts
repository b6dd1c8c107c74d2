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
