/**
 * What Lifeguard costs in detection: its paper's threshold experiment at 128 members. Some members become anomalous together and stay so; how long
 * until the first and the last healthy member failed each of them, in five configurations. The pass rule is the ratio of the medians.
 */
import assert from 'node:assert/strict'
import { CONFIGURATIONS, type Latencies, threshold } from '../../bench/experiments/lifeguard.ts'
import { quantile } from '../../bench/experiments/pool.ts'

const MEMBERS = 128
const CONCURRENT = [1, 4, 8, 16]
/** Longer than a suspicion that nobody confirms: 5 log10(128) periods, six times. */
const LASTING = 80_000
/** Runs of each number of victims: 29 victims in each five runs. */
const RUNS = 12
const SLOWER = 1.02

export async function prove(seed: number): Promise<unknown> {
  const found = Object.entries(CONFIGURATIONS).map(([name, options]) => {
    const all: Latencies = { first: [], full: [], missed: 0 }
    for (const concurrent of CONCURRENT)
      for (let run = 0; run < RUNS; run++) {
        const anomalies = { concurrent, lasting: LASTING, pausing: 0, length: LASTING }
        const one = threshold({ seed: seed + run, members: MEMBERS, options, anomalies })
        all.first.push(...one.first)
        all.full.push(...one.full)
        all.missed += one.missed
      }
    const told = { first: quantiles(all.first), full: quantiles(all.full), missed: all.missed }
    console.error(`${name}: ${JSON.stringify(told)}`)
    return [name, told] as const
  })
  const { SWIM: swim, Lifeguard: lifeguard } = Object.fromEntries(found)
  assert.equal(swim.missed + lifeguard.missed, 0, 'anomalous members that were not failed by all')
  assert.ok(lifeguard.first.median <= SLOWER * swim.first.median, 'first detection')
  assert.ok(lifeguard.full.median <= SLOWER * swim.full.median, 'full dissemination')
  return {
    members: MEMBERS,
    victims: RUNS * CONCURRENT.reduce((sum, count) => sum + count),
    found: Object.fromEntries(found),
  }
}

function quantiles(times: readonly number[]) {
  const at = (q: number) => Math.round(quantile(times, q))
  return { median: at(0.5), p99: at(0.99), 'p99.9': at(0.999) }
}
