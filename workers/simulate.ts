/** The task that piscina runs on each core: seeds of the chaos scenario, one after the other. */
import { type Bounds, type ChaosReport, play, ScenarioFailed, scenarioOf } from '../src/simulator/index.ts'

export interface Shard {
  from: number
  to: number
  bounds: Bounds
}

export interface ShardResult {
  reports: ChaosReport[]
  /** Seeds that failed, with what was broken and the line that repeats it. */
  failures: { seed: number; rule: string; message: string }[]
}

export default function simulate({ from, to, bounds }: Shard): ShardResult {
  const result: ShardResult = { reports: [], failures: [] }
  for (let seed = from; seed <= to; seed++) {
    try {
      result.reports.push(play(scenarioOf(seed, bounds)))
    } catch (error) {
      if (!(error instanceof ScenarioFailed)) throw error
      result.failures.push({ seed, rule: error.rule, message: error.message })
    }
  }
  return result
}
