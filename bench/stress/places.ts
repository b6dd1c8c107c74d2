/**
 * Where the players of a scenario live: in network namespaces behind a bridge with a firewall, where there is root, or on loopback addresses that
 * nobody else uses. The process that plays sits on the bridge itself, so that it reaches everybody whatever walls stand between them.
 */
import { spawnSync } from 'node:child_process'
import { freshIp } from '../../test/interop/serf-agent.ts'
import { type Berth, rulesOf, type Wall } from '../../test/netns/harbour.ts'

/** One address, and what a command line begins with that is to run there. */
export interface Place extends Berth {
  prefix: string[]
}

/** Places that were made beforehand; no berths and no address for none. */
export interface Harboured {
  own: string
  berths: readonly Berth[]
}

export class Places {
  /** Of the process that plays: for sockets of its own. */
  readonly own: string
  readonly #berths: readonly Berth[]
  #taken = 0
  /** Walls by who wants them. */
  readonly #walls = new Map<string, readonly Wall[]>()

  /** No berths: all on loopback. */
  constructor({ own, berths }: Harboured) {
    this.own = own === '' ? freshIp() : own
    this.#berths = berths
  }

  get hasWalls(): boolean {
    return this.#berths.length > 0
  }

  next(): Place {
    if (!this.hasWalls) return { namespace: '', ip: freshIp(), prefix: [] }
    const berth = this.#berths.at(this.#taken)
    if (berth === undefined) throw new Error(`there are only ${this.#berths.length} places`)
    this.#taken += 1
    return { ...berth, prefix: ['ip', 'netns', 'exec', berth.namespace] }
  }

  /** The walls that `who` wants from now on, in place of those it had; none to take them down. */
  wall(who: string, walls: readonly Wall[]): void {
    if (walls.length > 0) this.#walls.set(who, walls)
    else this.#walls.delete(who)
    const { status, stderr } = spawnSync('nft', ['-f', '-'], {
      input: rulesOf([...this.#walls.values()].flat()),
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`nft: ${stderr}`)
  }
}

/** Nothing passes between these and those, in either direction. */
export function between(these: readonly Berth[], those: readonly Berth[]): Wall[] {
  return these.flatMap((from) =>
    those.flatMap((to) => [
      { from, to },
      { from: to, to: from },
    ]),
  )
}
