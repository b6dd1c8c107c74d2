/** The facade between two lives of its actors: a crash ends one, and the members go on into the next. */
import type { ActorExited } from '../errors/errors.ts'
import type { Logger } from '../options/options.ts'
import type { Line } from './line.ts'
import type { Listeners } from './listeners.ts'
import type { Mirror } from './mirror.ts'
import type { OwnQueries } from './queries.ts'

/** What a crash concerns. */
export interface Survivors {
  line: Line
  mirror: Mirror
  listeners: Listeners
  queries: OwnQueries
  logger: Logger | undefined
  protocolVersion: number
}

export class Lives {
  readonly #survivors: Survivors

  constructor(survivors: Survivors) {
    this.#survivors = survivors
  }

  /** What the facade's host is told of. */
  get hooks() {
    return {
      crashed: (death: ActorExited) => this.crashed(death),
      known: () => this.known(),
      restarted: (death: ActorExited) => this.restarted(death),
    }
  }

  /** Who leaves, or has left, has nothing to go on with. */
  crashed(death: ActorExited): 'restart' | 'end' {
    const { line, queries, logger } = this.#survivors
    logger?.error(death.message)
    if (line.state !== 'alive') return 'end'
    line.calls.fail(death)
    queries.end(() => death)
    return 'restart'
  }

  /** The members that are known, packed as facts. */
  known(): Uint8Array {
    const { mirror, listeners, protocolVersion } = this.#survivors
    const pictures = mirror.packed(protocolVersion)
    mirror.renew()
    listeners.orphan()
    return pictures
  }

  /** Told behind all events of the life before, and once the members are those of the new one. */
  async restarted({ actor, cause }: ActorExited): Promise<void> {
    const { mirror, listeners, logger } = this.#survivors
    await mirror.reached(1)
    logger?.warn(`${actor}: restarted`)
    listeners.notice({ type: 'restarted', actor, error: cause })
  }
}
