/**
 * Shrinking: the smallest scenario found that still fails. Faults are left out in ever smaller groups, then members, then time; what remains
 * is tried again until nothing more can be left out.
 */
import type { Fault, Scenario } from './scenario.ts'

/** Plays at most so many scenarios on the way. */
const MOST_TRIALS = 400

/** `fails` plays a scenario and says whether it still fails in the way that is looked for. */
export function shrink(scenario: Scenario, fails: (scenario: Scenario) => boolean): Scenario {
  let least = scenario
  let trials = 0
  const accepts = (candidate: Scenario): boolean => {
    if (trials >= MOST_TRIALS) return false
    trials += 1
    if (!fails(candidate)) return false
    least = candidate
    return true
  }
  for (let before = ''; before !== JSON.stringify(least); ) {
    before = JSON.stringify(least)
    dropFaults(() => least, accepts)
    dropNodes(() => least, accepts)
    shorten(() => least, accepts)
    simplify(() => least, accepts)
  }
  return least
}

type Accepts = (candidate: Scenario) => boolean

/** Halves, quarters, ... single ones. */
function dropFaults(least: () => Scenario, accepts: Accepts): void {
  for (let size = Math.max(1, least().faults.length >> 1); size >= 1; size >>= 1) {
    for (let from = 0; from < least().faults.length; ) {
      const faults = least().faults.toSpliced(from, size)
      if (!accepts({ ...least(), faults })) from += size
    }
  }
}

function dropNodes(least: () => Scenario, accepts: Accepts): void {
  for (let by = least().nodes >> 1; by >= 1; by >>= 1) {
    for (;;) {
      const nodes = least().nodes - by
      if (nodes < 2) break
      const isThere = ({ node, other }: Fault) => node < nodes && other < nodes
      if (!accepts({ ...least(), nodes, faults: least().faults.filter(isThere) })) break
    }
  }
}

function shorten(least: () => Scenario, accepts: Accepts): void {
  const { faults, chaos } = least()
  const end = (faults.at(-1)?.at ?? 0) + 1
  if (end < chaos) accepts({ ...least(), chaos: end })
  accepts({ ...least(), chaos: chaos >> 1, faults: faults.filter(({ at }) => at < chaos >> 1) })
}

/** Calm weather and fewer parts, each where it fails without. */
function simplify(least: () => Scenario, accepts: Accepts): void {
  for (const part of ['loss', 'duplicates', 'corruption', 'breaks', 'late'] as const) {
    const { weather } = least()
    if ((weather[part] ?? 0) > 0) accepts({ ...least(), weather: { ...weather, [part]: 0 } })
  }
  const { delays, ...evenly } = least().weather
  if (delays !== undefined && delays !== 'uniform') accepts({ ...least(), weather: evenly })
  for (const feature of least().features) {
    accepts({ ...least(), features: least().features.filter((one) => one !== feature) })
  }
}
