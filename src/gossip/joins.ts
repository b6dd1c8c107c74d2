/**
 * Joins: seeds become addresses, each address gets a push/pull, and if one of them worked we say that we are here (protocol page 1, 7.16;
 * page 2, 4.3).
 *
 *     seed --(name)--> look-up --> addresses --> dial --> push/pull --> reached, or why not
 *
 * Ten addresses are dialled at once. One that says nothing for a while no longer counts among the ten, so that a list of addresses
 * behind which nobody answers costs fractions of a second and not a time-out each. Once somebody was reached the others get a moment
 * more, then the join is answered; what is still under way goes on behind it. The original does one address after the other, and one join after the
 * other; here joins of one member run side by side.
 */
import type { FoundPlace, Refusal, SeedOutcome, Self } from '../actors/mail.ts'
import { formatPlace, literalOf, parsePlace } from '../wire/address.ts'
import type { Exchange, Findings, OldEvents } from './exchange.ts'
import { Lookups } from './lookups.ts'
import { ABSENT, type Listing } from './own-listing.ts'

export interface JoinParts {
  /** Starts a push/pull and gives its number. */
  exchange(ip: string, port: number, exchange: Exchange): number
  /** Drops a push/pull that was started; its `done` is not called. */
  cancel(exchange: number): void
  resolve(lookup: number, host: string): void
  /** The time of the turn. */
  now(): number
}

/** Whom to join. */
export interface JoinRequest {
  /** `[name/]host[:port]` each. */
  seeds: readonly string[]
  oldEvents: OldEvents
  /** Asked once all names are resolved, to dial some of the addresses only; without it each is dialled as soon as it is known. */
  choose?(places: readonly FoundPlace[]): readonly FoundPlace[]
  /** Hears of each place that exchanged its state with us, and how that showed ourselves. */
  reached?(place: FoundPlace, listing: Listing): void
  /** Hears once, with a copy: what became of each seed until then. */
  done(outcomes: SeedOutcome[]): void
}

interface Dial {
  readonly place: FoundPlace
  /** The seeds that stand for this place. */
  readonly outcomes: SeedOutcome[]
  /** Which of its seed's addresses it is. Every seed's first is dialled before anybody's second. */
  readonly rank: number
  exchange: number
  startedAt: number
  state: 'waiting' | 'open' | 'reached' | 'failed' | 'left-out'
}

interface Join {
  readonly ticket: number
  readonly request: JoinRequest
  readonly outcomes: SeedOutcome[]
  readonly errors: Map<SeedOutcome, string[]>
  /** By address and port: seeds that stand for the same place share the dial. */
  readonly dials: Map<string, Dial>
  resolving: number
  firstContactAt: number
  isAnswered: boolean
}

/** Push/pulls of one join that run at once, not counting those that have been silent for a while. */
const MOST_FRESH = 10
/** How long a dial counts among them: several round trips over the longest wires, so whoever is there has answered. */
const FRESH = 300
/** Push/pulls of one join that run at once, counting all: they hold sockets. The rest waits. */
const MOST_OPEN = 64
/** Why an address was left out of a join that leads back to ourselves. */
const OWN_ADDRESS = 'that is our own address'

/** How long the other seeds get after somebody was reached. */
const GRACE = 1_000
/** Places of one join; those beyond it are left out, and their seeds say so. */
const MOST_PLACES = 1_024

export class Joins {
  readonly #parts: JoinParts
  readonly #lookups: Lookups
  readonly #families: 'IPv4' | 'IPv6' | 'both'
  readonly #joins = new Set<Join>()
  #self: Self = { name: '', ip: '', port: 0, bindPort: 0 }
  readonly #isBoundToAll: boolean
  readonly #mustBeNamed: boolean

  /** `bindIp` says which family our packets can be of; `timeout` in milliseconds bounds a look-up; `seeds` says whether they need names. */
  constructor(bindIp: string, timeout: number, parts: JoinParts, seeds: 'any' | 'named' = 'any') {
    this.#parts = parts
    this.#mustBeNamed = seeds === 'named'
    this.#lookups = new Lookups(timeout, (lookup, host) => parts.resolve(lookup, host))
    this.#families = bindIp === '::' ? 'both' : bindIp.includes(':') ? 'IPv6' : 'IPv4'
    this.#isBoundToAll = bindIp === '::' || bindIp === '0.0.0.0'
  }

  begin(self: Self): void {
    this.#self = self
  }

  get #now(): number {
    return this.#parts.now()
  }

  /** How many joins are under way. */
  get size(): number {
    return this.#joins.size
  }

  /** Whether one is under way whose host wants no old events. */
  get ignoresOldEvents(): boolean {
    for (const { request } of this.#joins) if (request.oldEvents === 'ignore') return true
    return false
  }

  /** Starts a join; `ticket` is what `cancel` calls it by, 0 for none. */
  start(ticket: number, request: JoinRequest): void {
    const outcomes: SeedOutcome[] = request.seeds.map((seed) => ({
      seed,
      addresses: [],
      reached: false,
      own: false,
      error: '',
    }))
    const join: Join = {
      ticket,
      request,
      outcomes,
      errors: new Map(),
      dials: new Map(),
      resolving: 0,
      firstContactAt: Number.POSITIVE_INFINITY,
      isAnswered: false,
    }
    this.#joins.add(join)
    for (const outcome of outcomes) this.#locate(join, outcome)
    this.#advance(join)
  }

  /** Gives a join up: nothing is dialled any more, what is under way is dropped, and it is answered at once. */
  cancel(ticket: number): void {
    for (const join of this.#joins) {
      if (join.ticket !== ticket || ticket === 0) continue
      for (const dial of join.dials.values()) {
        if (dial.state === 'open') this.#parts.cancel(dial.exchange)
        if (dial.state === 'open' || dial.state === 'waiting') this.#fail(join, dial, 'the join was given up')
      }
      this.#answer(join)
      this.#joins.delete(join)
    }
  }

  resolved(lookup: number, places: readonly FoundPlace[], error: string): void {
    this.#lookups.resolved(lookup, places, error, this.#now)
  }

  get wakeAt(): number {
    let next = this.#lookups.wakeAt
    for (const join of this.#joins) next = Math.min(next, this.#nextAt(join))
    return next
  }

  wake(): void {
    this.#lookups.wake(this.#now)
    for (const join of this.#joins) this.#advance(join)
  }

  #nextAt(join: Join): number {
    const graceEndsAt = join.isAnswered ? Number.POSITIVE_INFINITY : join.firstContactAt + GRACE
    const dials = [...join.dials.values()]
    if (!dials.some(({ state }) => state === 'waiting')) return graceEndsAt
    const open = dials.filter(({ state }) => state === 'open')
    if (open.length >= MOST_OPEN) return graceEndsAt
    const fresh = open.filter(({ startedAt }) => startedAt + FRESH > this.#now)
    if (fresh.length < MOST_FRESH && this.#mayDial(join)) return this.#now
    return Math.min(graceEndsAt, ...fresh.map(({ startedAt }) => startedAt + FRESH))
  }

  #locate(join: Join, outcome: SeedOutcome): void {
    const place = parsePlace(outcome.seed)
    if (place === undefined || place.port === 0) {
      note(join, outcome, 'not an address: expected [name/]host[:port]')
      return
    }
    if (this.#mustBeNamed && place.nodeName === '') {
      note(join, outcome, 'requireNodeNames is on: expected name/host[:port]')
      return
    }
    const port = place.port ?? this.#self.bindPort
    if (place.ip !== '') {
      this.#add(join, outcome, { ip: place.ip, port })
      return
    }
    join.resolving += 1
    this.#lookups.ask(place.host, this.#now, (places, error) => {
      if (!this.#joins.has(join)) return
      join.resolving -= 1
      if (places.length === 0) note(join, outcome, error === '' ? 'the name has no address' : error)
      for (const found of places) {
        // The port that an SRV record names, unless the seed itself insists on one.
        const foundPort = found.port === 0 || place.port !== undefined ? port : found.port
        this.#add(join, outcome, { ip: literalOf(found.ip), port: foundPort })
      }
      this.#advance(join)
    })
  }

  #add(join: Join, outcome: SeedOutcome, place: FoundPlace): void {
    const text = formatPlace(place.ip, place.port)
    if (place.ip === '') return
    if (outcome.addresses.includes(text)) return
    outcome.addresses.push(text)
    const objection = this.#objection(place)
    const dial = join.dials.get(text)
    if (objection === OWN_ADDRESS) outcome.own = true
    if (objection !== '') note(join, outcome, `${text}: ${objection}`)
    else if (dial !== undefined) {
      dial.outcomes.push(outcome)
      if (dial.state === 'reached') outcome.reached = true
    } else if (join.dials.size >= MOST_PLACES) note(join, outcome, `${text}: one address too many`)
    else
      join.dials.set(text, {
        place,
        outcomes: [outcome],
        rank: outcome.addresses.length,
        exchange: 0,
        startedAt: 0,
        state: 'waiting',
      })
  }

  /** Why a place should not be dialled; empty when it should. */
  #objection({ ip, port }: FoundPlace): string {
    if (this.#isOurs(ip, port)) return OWN_ADDRESS
    // TCP would get through and packets never would: a member that can be joined and not be probed.
    const family = ip.includes(':') ? 'IPv6' : 'IPv4'
    if (this.#families !== 'both' && this.#families !== family)
      return `we are bound to ${this.#families} only`
    return ''
  }

  #isOurs(ip: string, port: number): boolean {
    const self = this.#self
    if (ip === self.ip && port === self.port) return true
    if (port !== self.bindPort) return false
    if (self.boundIps?.includes(ip)) return true
    return this.#isBoundToAll && (ip === '::1' || ip.startsWith('127.'))
  }

  #advance(join: Join): void {
    this.#choose(join)
    const dials = [...join.dials.values()]
    const open = dials.filter(({ state }) => state === 'open')
    let fresh = open.filter(({ startedAt }) => startedAt + FRESH > this.#now).length
    let room = MOST_OPEN - open.length
    for (const dial of dials.toSorted((a, b) => a.rank - b.rank)) {
      if (fresh >= MOST_FRESH || room <= 0) break
      if (dial.state !== 'waiting' || !this.#mayDial(join)) continue
      fresh += 1
      room -= 1
      this.#dial(join, dial)
    }
    this.#conclude(join)
  }

  #mayDial(join: Join): boolean {
    return join.request.choose === undefined || join.resolving === 0
  }

  /** Leaves out what the request does not want, once all is known. */
  #choose(join: Join): void {
    const { choose } = join.request
    const waiting = [...join.dials.values()].filter(({ state }) => state === 'waiting')
    if (choose === undefined || join.resolving > 0 || waiting.length === 0) return
    const chosen = new Set(choose(waiting.map(({ place }) => place)))
    for (const dial of waiting) if (!chosen.has(dial.place)) dial.state = 'left-out'
  }

  #dial(join: Join, dial: Dial): void {
    const { ip, port } = dial.place
    dial.state = 'open'
    dial.startedAt = this.#now
    const done = (error: string, { listing = ABSENT, refusal }: Findings) => {
      if (dial.state !== 'open') return
      if (error === '') this.#reach(join, dial, listing)
      else this.#fail(join, dial, error, refusal)
      this.#advance(join)
    }
    dial.exchange = this.#parts.exchange(ip, port, {
      reason: 'join',
      oldEvents: join.request.oldEvents,
      done,
    })
  }

  #reach(join: Join, dial: Dial, listing: Listing): void {
    dial.state = 'reached'
    join.firstContactAt = Math.min(join.firstContactAt, this.#now)
    for (const outcome of dial.outcomes) outcome.reached = true
    join.request.reached?.(dial.place, listing)
  }

  #fail(join: Join, dial: Dial, error: string, refusal?: Refusal): void {
    dial.state = 'failed'
    const { ip, port } = dial.place
    for (const outcome of dial.outcomes) {
      note(join, outcome, `${formatPlace(ip, port)}: ${error}`)
      if (refusal !== undefined) outcome.refusal ??= refusal
    }
  }

  #conclude(join: Join): void {
    const isUnderWay =
      join.resolving > 0 ||
      [...join.dials.values()].some(({ state }) => state === 'waiting' || state === 'open')
    if (isUnderWay && this.#now < join.firstContactAt + GRACE) return
    this.#answer(join)
    if (!isUnderWay) this.#joins.delete(join)
  }

  #answer(join: Join): void {
    if (join.isAnswered) return
    join.isAnswered = true
    const outcomes = join.outcomes.map((outcome) => ({
      ...outcome,
      addresses: [...outcome.addresses],
      error: outcome.reached ? '' : (join.errors.get(outcome)?.join('; ') ?? 'no answer yet'),
    }))
    join.request.done(outcomes)
  }
}

function note(join: Join, outcome: SeedOutcome, error: string): void {
  const errors = join.errors.get(outcome)
  if (errors === undefined) join.errors.set(outcome, [error])
  else errors.push(error)
}
