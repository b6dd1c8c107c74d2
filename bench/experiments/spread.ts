/**
 * How long one user event takes to reach all members, against two bounds. The epidemic formula, a logistic curve, begins with less than one
 * informed member and halves the rate: an outer bound. Rounds of push gossip with fan-out f need log_(f+1) n and ln(n)/f more for the last
 * member; three more rounds are slack for ticks that do not fall together.
 */
import assert from 'node:assert/strict'
import { retransmitLimit } from '../../src/gossip/formulas.ts'
import type { Numbers } from '../../src/options/numbers.ts'
import type { ClusterOptions } from '../../src/options/options.ts'
import { curve, Meter, type Pool, quantile, restingPool, type Step } from './pool.ts'

export interface Spread {
  members: number
  loss: number
  events: number
  /** Milliseconds until half, 99% and all of the members that heard of it at all by gossip had heard of it; medians over the events. */
  half: number
  most: number
  all: number
  /** Of the events, in how many rounds the slowest hundredth was complete. */
  allRoundsP99: number
  /** log_(f+1) n + ln(n)/f + 3, with the loss taken from the fan-out. */
  allowedRounds: number
  /** Milliseconds in which the epidemic formula has 50% and 99.99%. */
  formulaHalf: number
  formulaAll: number
  /** Share of deliveries that gossip missed, and e^-k, which it may. */
  missed: number
  missable: number
  /** By member and second, probes and all. */
  datagrams: number
  bytes: number
  curve: Step[]
}

/** So long an event may take before a delivery counts as missed by gossip. */
const GOSSIP_ENDS = 8_000

export interface SpreadOptions {
  seed: number
  members: number
  /** 0 to 1. */
  loss: number
  events: number
  options?: ClusterOptions
}

export function spread({ seed, members, loss, events, options = {} }: SpreadOptions): Spread {
  const pool = restingPool(members, { seed, options, keep: ({ kind }) => kind === 'user' })
  pool.world.network.weather = { ...pool.world.network.weather, loss }
  const meter = new Meter(pool)
  const times = Array.from({ length: events }, (_, i) => one(pool, `event-${i}`))
  return spreadOf({ members, loss, events, settings: pool.nodes[0].settings }, times, meter.read())
}

/** What the times say in which members heard of each event, in order, and nobody later than gossip ends. */
export function spreadOf(
  of: { members: number; loss: number; events: number; settings: Numbers },
  times: readonly (readonly number[])[],
  load: { datagrams: number; bytes: number },
): Spread {
  const { members, loss, events } = of
  const { gossipInterval, gossipNodes, retransmitMult } = of.settings
  const heard = times.flat().length
  const complete = times.map((ones) => ones.at(-1) ?? Number.NaN)
  const fanout = gossipNodes * (1 - loss)
  const copies = retransmitLimit(retransmitMult, members) * (1 - loss)
  return {
    members,
    loss,
    events,
    half: quantile(
      times.map((ones) => quantile(ones, 0.5)),
      0.5,
    ),
    most: quantile(
      times.map((ones) => quantile(ones, 0.99)),
      0.5,
    ),
    all: quantile(complete, 0.5),
    allRoundsP99: quantile(complete, 0.99) / gossipInterval,
    allowedRounds: Math.log(members) / Math.log(fanout + 1) + Math.log(members) / fanout + 3,
    formulaHalf: epidemic(members, fanout, 0.5) * gossipInterval,
    formulaAll: epidemic(members, fanout, 0.9999) * gossipInterval,
    missed: 1 - heard / (members * events),
    missable: Math.exp(-copies),
    ...load,
    curve: curve(times, members),
  }
}

/** Sends one event; milliseconds until each member heard of it, in order. */
function one({ world, nodes }: Pool, name: string): number[] {
  // At any moment of the ticks.
  world.run(world.faults.next() * nodes[0].settings.gossipInterval)
  world.transitions.length = 0
  const from = world.now
  world.event(nodes[world.faults.below(nodes.length)], name)
  world.run(GOSSIP_ENDS)
  return world.transitions.filter((seen) => seen.name === name).map(({ at }) => at - from)
}

/** Whole rounds until a share is informed: i(r) = 1 / (1 + (n+1) e^(-b n r)) with b n half of the packets that a member sends and that arrive. */
export function epidemic(members: number, fanout: number, share: number): number {
  return Math.ceil(Math.log((members + 1) / (1 / share - 1)) / (fanout * 0.5))
}

/** Throws where a spread is slower than the formulas allow. */
export function judged({
  members,
  loss,
  half,
  all,
  formulaHalf,
  formulaAll,
  allRoundsP99,
  allowedRounds,
}: Spread): void {
  const where = `${members} members, loss ${loss}`
  assert.ok(half <= formulaHalf, `${where}: half in ${half} ms, formula ${formulaHalf} ms`)
  assert.ok(all <= formulaAll, `${where}: all in ${all} ms, formula ${formulaAll} ms`)
  assert.ok(allRoundsP99 <= allowedRounds, `${where}: ${allRoundsP99} rounds of ${allowedRounds}`)
}
