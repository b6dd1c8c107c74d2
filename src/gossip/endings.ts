/**
 * How membership ends and how it comes back, in one place for the switchboard: our own leave, leaves that we force on others, members
 * that are forgotten, those that linger, and attempts to reach the failed again. Each is a machine of its own; here they get to know the tables and the time.
 */
import type { Envelope, Outlet, Random } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import type { ToDetector } from '../actors/mail.ts'
import type { Settings } from '../options/options.ts'
import type { Claims } from './claims.ts'
import { Departure } from './departure.ts'
import type { Exchange } from './exchange.ts'
import { type Afterwards, ForceLeaves } from './force-leave.ts'
import { Lingering } from './lingering.ts'
import type { MemberTable } from './members.ts'
import { Reconnect } from './reconnect.ts'
import type { Standing } from './standing.ts'

export interface EndingParts {
  table: MemberTable
  standing: Standing
  claims: Claims
  random: Random
  counters: Counters
  detector: Outlet<ToDetector>
  exchange(ip: string, port: number, exchange: Exchange): void
  /** Sends a message of the Serf layer to one address. */
  send(ip: string, port: number, message: Uint8Array): void
  reply(id: number, envelope: Envelope<unknown>): void
  through(): number
}

export class Endings {
  readonly #parts: EndingParts
  readonly #departure: Departure
  readonly #forceLeaves: ForceLeaves
  readonly #reconnect: Reconnect
  readonly #lingering: Lingering
  #leaveCommands: number[] = []

  constructor(settings: Settings, parts: EndingParts) {
    const { standing, claims, reply, through } = parts
    const othersAlive = () => standing.census().othersAlive
    this.#parts = parts
    this.#departure = new Departure(settings, {
      othersAlive,
      announceLeave: (now, finished) => {
        const message = standing.announceLeave(now, finished)
        parts.detector.tell({ type: 'farewell', bytes: message.slice() })
      },
      bury: (now, finished) => claims.leave(now, finished),
      left: (told) => this.#left(told),
    })
    this.#forceLeaves = new ForceLeaves(settings.broadcastTimeout, {
      find: (name) => standing.find(name),
      statusOf: (name) => standing.statusOf(name),
      othersAlive,
      announce: (row, afterwards, now, finished) => standing.forceLeave(row, afterwards, now, finished),
      reply,
      through,
    })
    this.#reconnect = new Reconnect(settings.reconnectInterval, {
      ...parts,
      census: () => standing.census(),
    })
    this.#lingering = new Lingering(settings, parts)
  }

  begin(selfName: string, now: number): void {
    this.#forceLeaves.begin(selfName, now)
    this.#reconnect.begin(now)
    this.#lingering.begin(now)
  }

  get wakeAt(): number {
    return Math.min(
      this.#departure.wakeAt,
      this.#forceLeaves.wakeAt,
      this.#reconnect.wakeAt,
      this.#lingering.wakeAt,
      this.#parts.standing.reaper.wakeAt,
    )
  }

  wake(now: number): void {
    this.#departure.wake(now)
    this.#forceLeaves.wake(now)
    this.#reconnect.wake(now)
    this.#lingering.wake(now)
    this.#parts.standing.reaper.wake(now)
  }

  /** Answered when we have left; a second call joins the first. */
  leave(id: number, now: number): void {
    this.#leaveCommands.push(id)
    if (this.#departure.phase === 'left') return this.#left(this.#departure.toldSoFar)
    this.leaveUnasked(now)
  }

  /** As `leave`, by nobody's command. */
  leaveUnasked(now: number): void {
    this.#reconnect.stop()
    this.#lingering.stop()
    if (this.#departure.phase === 'staying') this.#departure.start(now)
  }

  /** So many peers have acknowledged a packet with our leave. */
  told(count: number, awaited: number): void {
    this.#departure.told(count, awaited)
  }

  forceLeave(id: number, name: string, afterwards: Afterwards, now: number): void {
    this.#forceLeaves.start(id, name, afterwards, now)
  }

  #left(told: number): void {
    const { reply, through } = this.#parts
    for (const id of this.#leaveCommands) reply(id, { ok: true, value: { told }, after: through() })
    this.#leaveCommands = []
  }
}
