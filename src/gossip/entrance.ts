/**
 * The way into a pool: joins that the host asks for, and those that we try by ourselves. What the host joined with success is kept for
 * the day on which we are alone.
 */
import type { Envelope, Outlet, Random } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import type { FoundPlace, GossipCommand, Joined, SeedOutcome, Self, ToDetector } from '../actors/mail.ts'
import type { Connection, NameConflict } from '../actors/notices.ts'
import { type FolkmootError, JoinFailed, JoinRefused, JoinUnconfirmed } from '../errors/errors.ts'
import { toPlain } from '../errors/plain.ts'
import type { Settings } from '../options/options.ts'
import { formatIp } from '../wire/address.ts'
import type { Claim } from '../wire/claim.ts'
import { Confirmations, type Verdict } from './confirmations.ts'
import type { Reason } from './exchange.ts'
import { type JoinParts, type JoinRequest, Joins } from './joins.ts'
import type { MemberTable } from './members.ts'
import type { OwnListing } from './own-listing.ts'
import type { Merged } from './push-pull.ts'
import { Rejoin } from './rejoin.ts'
import type { Voice } from './voice.ts'

export interface EntranceParts extends JoinParts {
  table: MemberTable
  own: OwnListing
  detector: Outlet<ToDetector>
  voice: Voice
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
  readonly #confirmations: Confirmations

  constructor(settings: Settings, parts: EntranceParts) {
    const { table, random, counters } = parts
    this.#parts = parts
    const seeds = settings.requireNodeNames ? 'named' : 'any'
    this.#joins = new Joins(settings.bindIp, settings.tcpTimeout, parts, seeds)
    this.#confirmations = new Confirmations(settings.probeInterval, {
      ...parts,
      isAlone: () => table.active <= 1,
      greet: (number, place) =>
        parts.detector.tell({ type: 'greet', number, name: this.#nameFor(settings, place), ...place }),
    })
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

  /** The host's join: reaching somebody is announced, reaching nobody is an error with all outcomes. Answered once it is known to be true. */
  join(id: number, { seeds, ignoreOldEvents, ticket = 0 }: JoinCommand): void {
    const oldEvents = ignoreOldEvents ? 'ignore' : 'deliver'
    const waiting = this.#confirmations.open(ticket, oldEvents)
    const done = (outcomes: SeedOutcome[]) => {
      if (!outcomes.some(({ reached }) => reached)) {
        this.#confirmations.drop(waiting)
        this.#parts.reply(id, { ok: false, error: toPlain(unreached(outcomes)) })
        return
      }
      this.#parts.announce()
      this.#confirmations.settle(waiting, (verdict) => this.#settled(id, seeds, outcomes, verdict))
    }
    const reached: JoinRequest['reached'] = (place, listing) => {
      this.#confirmations.reached(waiting, place, listing)
    }
    this.#joins.start(ticket, { seeds, oldEvents, reached, done })
  }

  #settled(id: number, seeds: readonly string[], outcomes: SeedOutcome[], verdict: Verdict): void {
    // What is only in doubt may be true, or become so.
    if (verdict.kind !== 'refused') this.#rejoin.remember(seeds, this.#parts.now())
    const error = errorOf(verdict, outcomes)
    if (error !== undefined) return this.#parts.reply(id, { ok: false, error: toPlain(error) })
    const reached = outcomes.filter((outcome) => outcome.reached).length
    this.#parts.reply(id, { ok: true, value: { reached, outcomes }, after: this.#parts.through() })
  }

  /** A message came in a packet; `claim` where it says that somebody is alive. */
  heard(claim: Claim | undefined): void {
    if (!this.#confirmations.isOpen) return
    const isOurs = claim !== undefined && this.#parts.own.isOurWord(claim)
    this.#confirmations.heard(isOurs ? 'ours' : 'another')
  }

  greeted(number: number): void {
    this.#confirmations.greeted(number)
  }

  /** A peer exchanged its state with us. A newcomer is shown that we hold it: its join waits for that. */
  served({ newcomer, listing }: Merged, reason: Reason): void {
    if (newcomer >= 0) this.#parts.voice.aliveTo(newcomer, newcomer)
    this.#confirmations.served(reason, listing)
  }

  conflict(conflict: NameConflict): void {
    this.#confirmations.conflict(conflict)
  }

  /** Whether old events are ignored at the moment, whoever brings them. */
  get ignoresOldEvents(): boolean {
    return this.#joins.ignoresOldEvents
  }

  cancel(ticket: number): void {
    this.#joins.cancel(ticket)
    this.#confirmations.cancel(ticket)
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
    return Math.min(this.#joins.wakeAt, this.#rejoin.wakeAt, this.#confirmations.wakeAt)
  }

  wake(): void {
    this.#joins.wake()
    this.#confirmations.wake()
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

  /** Whom a greeting names: nobody, unless all must be named. */
  #nameFor({ requireNodeNames }: Settings, { ip, port }: FoundPlace): Uint8Array {
    const { table } = this.#parts
    if (!requireNodeNames) return NOBODY
    for (let row = 0; row < table.rowCount; row++) {
      const isThere = table.isUsed(row) && table.port[row] === port && formatIp(table.address(row)) === ip
      if (isThere) return table.name(row).slice()
    }
    return NOBODY
  }
}

const NOBODY = new Uint8Array(0)

/** Nobody was reached: if somebody was there and refused us, that is the reason. */
function unreached(outcomes: SeedOutcome[]): FolkmootError {
  const refused = outcomes.find(({ refusal }) => refusal !== undefined)
  if (refused?.refusal === undefined) return new JoinFailed(outcomes)
  const detail = outcomes.map(({ seed, error }) => `${seed} (${error})`).join(', ')
  return new JoinRefused(refused.refusal, detail, outcomes)
}

function errorOf(verdict: Verdict, outcomes: SeedOutcome[]): FolkmootError | undefined {
  switch (verdict.kind) {
    case 'held':
      return undefined
    case 'refused':
      return new JoinRefused(verdict.reason, verdict.detail, outcomes)
    case 'unconfirmed':
      return new JoinUnconfirmed(verdict.reason, verdict.detail, outcomes)
  }
}
