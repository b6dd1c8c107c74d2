/** The simulator: the same actors in virtual time over a seeded network. What hosts import as `folkmoot/simulator` stands on it, in `workers/simulator/`. */
export { type ChaosOptions, type ChaosReport, chaos, play, ScenarioFailed, SMALL_POOLS } from './chaos.ts'
export type { Transition } from './host.ts'
export { InvariantBroken } from './invariants.ts'
export { CALM, type Cut, DELAYS, type Delays, type Weather } from './network.ts'
export { SimulatedNode } from './node.ts'
export type { Reply } from './reply.ts'
export {
  type Bounds,
  FAULTS,
  type Fault,
  FEATURES,
  parse,
  print,
  type Scenario,
  scenarioOf,
} from './scenario.ts'
export { shrink } from './shrink.ts'
export { World, type WorldOptions } from './world.ts'
