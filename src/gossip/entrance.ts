/**
 * The way into a pool: joins that the host asks for, and those that we try by ourselves. What the host joined with success is kept for
 * the day on which we are alone.
 */
import type { Envelope, Random } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import type { FoundPlace, GossipCommand, Joined, Self } from '../actors/mail.ts'
import type { Connection } from '../actors/notices.ts'
import { JoinFailed } from '../errors/errors.ts'
import { toPlain } from '../errors/plain.ts'
import type { Settings } from '../options/options.ts'
import { type JoinParts, Joins } from './joins.ts'
import type { MemberTable } from './members.ts'
import { Rejoin } from './rejoin.ts'

export interface EntranceParts extends JoinParts {
  table: MemberTable
  random: Random
  counters: Counters
  /** Tells the pool that we are here. */
  announce(): void
  /** We are alone and about to try our seeds. */
  alone(): void
  reply(id: number, envelope: Envelope<Joined>): void
  /** Number of the last fact, for replies. */
  through(): number
}

type JoinCommand = GossipCommand & { type: 'join' }

/** The gauge `folkmoot.connection`. */
const CONNECTIONS: Record<Connection, number> = { isolated: 0, joining: 1, joined: 2 }

export class Entrance {
  readonly #parts: EntranceParts
  readonly #joins: Joins
  readonly #rejoin: Rejoin

  constructor(settings: Settings, parts: EntranceParts) {
    const { table, random, counters } = parts
    this.#parts = parts
    const seeds = settings.requireNodeNames ? 'named' : 'any'
    this.#joins = new Joins(settings.bindIp, settings.tcpTimeout, parts, seeds)
    this.#rejoin = new Rejoin(settings.rejoin, {
      table,
      random,
      counters,
      join: (request) => this.#joins.start(0, request),
      announce: () => parts.announce(),
      alone: () => parts.alone(),
    })
  }

  begin(self: Self): void {
    this.#joins.begin(self)
    this.#rejoin.begin(this.#parts.now())
  }

  /** We are at another address by now. */
  moved(self: Self): void {
    this.#joins.begin(self)
  }

  /** The host's join: reaching somebody is announced, reaching nobody is an error with all outcomes. */
  join(id: number, { seeds, ignoreOldEvents, ticket = 0 }: JoinCommand): void {
    const done: Parameters<Joins['start']>[1]['done'] = (outcomes) => {
      const reached = outcomes.filter((outcome) => outcome.reached).length
      if (reached === 0) {
        this.#parts.reply(id, { ok: false, error: toPlain(new JoinFailed(outcomes)) })
        return
      }
      this.#rejoin.remember(seeds, this.#parts.now())
      this.#parts.announce()
      this.#parts.reply(id, { ok: true, value: { reached, outcomes }, after: this.#parts.through() })
    }
    const oldEvents = ignoreOldEvents ? 'ignore' : 'deliver'
    this.#joins.start(ticket, { seeds, oldEvents, done })
  }

  /** Whether old events are ignored at the moment, whoever brings them. */
  get ignoresOldEvents(): boolean {
    return this.#joins.ignoresOldEvents
  }

  cancel(ticket: number): void {
    this.#joins.cancel(ticket)
  }

  /** Members of an earlier life, as `[name/]host[:port]`: tried until anybody was reached. */
  recall(places: readonly string[]): void {
    this.#rejoin.recall(places, this.#parts.now())
  }

  /** Seeds that the host joined before a crash. */
  remember(seeds: readonly string[]): void {
    this.#rejoin.remember(seeds, this.#parts.now())
  }

  resolved(lookup: number, places: readonly FoundPlace[], error: string): void {
    this.#joins.resolved(lookup, places, error)
  }

  /** We leave: nobody is tried any more. */
  shut(): void {
    this.#rejoin.stop()
  }

  get wakeAt(): number {
    return Math.min(this.#joins.wakeAt, this.#rejoin.wakeAt)
  }

  wake(): void {
    this.#joins.wake()
    this.#rejoin.wake(this.#parts.now())
  }

  get connection(): Connection {
    return this.#rejoin.connection
  }

  get gauges(): Record<string, number> {
    return {
      joins: this.#joins.size,
      'folkmoot.connection': CONNECTIONS[this.connection],
    }
  }
}
