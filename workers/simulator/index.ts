/** `folkmoot/simulator`: pools of real clusters in virtual time, for the tests of those who use them. */
export { SimulationBroken, SimulationTimeout } from '../../src/errors/simulation.ts'
export type { Cut, Delays, Weather } from '../../src/simulator/network.ts'
export type { FaultyDisk, Program, SimulatedProcess } from './process.ts'
export { type Duration, type Simulation, type SimulationOptions, simulate } from './simulation.ts'
