/** Errors of simulations. They arise in the test that runs one and cross no thread. */
import { FolkmootError } from './errors.ts'

/** What was waited for did not come within the virtual time that it was given. The simulation can go on. */
export class SimulationTimeout extends FolkmootError {
  constructor(message: string) {
    super('ERR_SIMULATION_TIMEOUT', message)
  }
}

/** Something that must always hold did not, such as that a member's incarnation never falls: a bug of this package, with the seed that shows it. */
export class SimulationBroken extends FolkmootError {
  readonly seed: number

  constructor(seed: number, now: number, cause: Error) {
    const where = `seed ${seed}, after ${now.toFixed(1)} ms of virtual time`
    super('ERR_SIMULATION_BROKEN', `${cause.message} (${where})`, { cause })
    this.seed = seed
  }
}
