/** The task that piscina runs on each core: seeds of the chaos scenario, one after the other. */
import { type ChaosReport, chaos } from '../src/simulator/index.ts'

export default function simulate(seeds: readonly number[]): ChaosReport[] {
  return seeds.map((seed) => chaos({ seed }))
}
