/**
 * Whether a join is true. A push/pull with a member says that it was reached, and no more: it may refuse us without a word, hold another of our
 * name, or live behind a wall that no packet passes. A join is confirmed once a member that was there before is seen to hold us:
 *
 *     reached --> greeting (a ping) --> ack         packets come and go      (only once gossip had its chance)
 *             '-> our own word comes back, or a ping that names us: held          (a join of who was alone: nobody else can know us)
 *             '-> a later push/pull with the same member lists us, and it acknowledges our pings: held
 *     half the patience, and three quarters of it: such a push/pull, if nothing was seen until then
 *     the whole of it, two probe intervals: refused, where the listing is clear; unconfirmed otherwise
 *
 * A member of ours shows a newcomer at once what it holds of it, and a real one gossips it within a round or a few, so that a join between members
 * that understand each other takes less than an interval more.
 */
import type { FoundPlace, Refusal } from '../actors/mail.ts'
import type { NameConflict } from '../actors/notices.ts'
import type { Doubt } from '../errors/errors.ts'
import { formatPlace } from '../wire/address.ts'
import type { Exchange, OldEvents } from './exchange.ts'
import type { Listing } from './own-listing.ts'

export interface ConfirmationParts {
  /** Whether we know of nobody alive besides ourselves. */
  isAlone(): boolean
  exchange(ip: string, port: number, exchange: Exchange): number
  /** Pings whoever is at a place; `greeted` says that it was acknowledged. */
  greet(number: number, place: FoundPlace): void
  now(): number
}

export type Verdict =
  | { kind: 'held' }
  | { kind: 'refused'; reason: Refusal; detail: string }
  | { kind: 'unconfirmed'; reason: Doubt; detail: string }

interface Reached {
  readonly place: FoundPlace
  isAcked: boolean
  /** By its newest state. */
  listing: Listing
  /** States of it that were written after the one with which we were reached. */
  later: number
  error: string
}

/** One join that waits. */
interface Waiting {
  readonly ticket: number
  readonly oldEvents: OldEvents
  /** Whether a word from anybody at all proves that we are held, or only one of those that the join reached. */
  proof: 'anybody' | 'reached'
  readonly reached: Reached[]
  /** A packet of the pool was heard; our word came back in one, or a ping named us; a peer's own push/pull listed us. */
  isHeard: boolean
  isEchoed: boolean
  isListed: boolean
  isExchanging: boolean
  /** Whether it was given more time, since we came late to its verdict. */
  isExtended: boolean
  greetAt: number
  exchangeAt: number
  dueAt: number
  verdict: Verdict | undefined
  tell: ((verdict: Verdict) => void) | undefined
}

/** Patience in probe intervals, and the least in milliseconds, for those whose intervals are shorter than gossip's. */
const INTERVALS = 2
const LEAST_PATIENCE = 1_000
/**
 * Share of the patience until the first greeting. Acks carry broadcasts and each counts as one of the few that a broadcast has: an ack asked for at
 * once would bring our own news back to us instead of on to others, in a small pool every second time. After three rounds of gossip they are out.
 */
const FIRST_GREETING = 0.3
/** Greetings within the patience, until one is acknowledged. */
const GREETINGS = 8
/** Members that one join greets: any of them may confirm it. */
const MOST_REACHED = 3
/** Greetings that are remembered, of all joins together; the oldest goes. */
const MOST_GREETINGS = 256

export class Confirmations {
  readonly #patience: number
  readonly #parts: ConfirmationParts
  readonly #waiting = new Set<Waiting>()
  readonly #greetings = new Map<number, { waiting: Waiting; reached: Reached }>()
  #greeted = 0

  constructor(probeInterval: number, parts: ConfirmationParts) {
    this.#patience = Math.max(INTERVALS * probeInterval, LEAST_PATIENCE)
    this.#parts = parts
  }

  /** Whether anything that is heard may matter. */
  get isOpen(): boolean {
    return this.#waiting.size > 0
  }

  /** A join begins. */
  open(ticket: number, oldEvents: OldEvents): Waiting {
    const proof = this.#parts.isAlone() && !this.isOpen ? 'anybody' : 'reached'
    if (proof === 'reached') this.#trustReachedOnly()
    const waiting: Waiting = {
      ...{ ticket, oldEvents, proof, reached: [], verdict: undefined, tell: undefined },
      ...{ isHeard: false, isEchoed: false, isListed: false, isExchanging: false, isExtended: false },
      ...{ greetAt: Number.POSITIVE_INFINITY, exchangeAt: Number.POSITIVE_INFINITY },
      dueAt: Number.POSITIVE_INFINITY,
    }
    this.#waiting.add(waiting)
    return waiting
  }

  /** A member was reached, and its state showed us so. */
  reached(waiting: Waiting, place: FoundPlace, listing: Listing): void {
    if (waiting.reached.length >= MOST_REACHED || !this.#waiting.has(waiting)) return
    const now = this.#parts.now()
    waiting.reached.push({ place, isAcked: false, listing, later: 0, error: '' })
    if (waiting.dueAt === Number.POSITIVE_INFINITY) {
      waiting.dueAt = now + this.#patience
      waiting.exchangeAt = now + this.#patience / 2
    }
    // Who is of a pool already has no other proof.
    const pause = waiting.proof === 'anybody' ? this.#patience * FIRST_GREETING : 0
    waiting.greetAt = Math.min(waiting.greetAt, now + pause)
    this.#advance(waiting)
  }

  /** Says what became of it, now or as soon as it is known. */
  settle(waiting: Waiting, tell: (verdict: Verdict) => void): void {
    waiting.tell = tell
    if (waiting.verdict !== undefined) this.#conclude(waiting, waiting.verdict)
  }

  /** Nobody was reached, or the host gave up. */
  drop(waiting: Waiting): void {
    this.#waiting.delete(waiting)
    for (const [number, greeting] of this.#greetings)
      if (greeting.waiting === waiting) this.#greetings.delete(number)
  }

  /** The host gave its join up: what was not confirmed until now is not. */
  cancel(ticket: number): void {
    for (const waiting of this.#waiting)
      if (waiting.ticket === ticket && ticket !== 0 && waiting.tell !== undefined)
        this.#conclude(waiting, { kind: 'unconfirmed', reason: 'silent', detail: 'the join was given up' })
  }

  /** A message came in a packet: `ours` when it is our own newest word. */
  heard(what: 'ours' | 'another'): void {
    for (const waiting of this.#waiting) {
      waiting.isHeard = true
      if (what === 'ours') waiting.isEchoed = true
      this.#advance(waiting)
    }
  }

  /** The greeting of this number was acknowledged; 0: somebody pings us by our name. */
  greeted(number: number): void {
    if (number === 0) return this.heard('ours')
    const greeting = this.#greetings.get(number)
    if (greeting === undefined) return
    const { waiting, reached } = greeting
    this.#greetings.delete(number)
    reached.isAcked = true
    // Where many know us already, only its own state says whether this one does.
    const isUnknown = reached.later === 0 && reached.listing.standing !== 'held'
    if (waiting.proof === 'reached' && isUnknown) waiting.exchangeAt = this.#parts.now()
    this.#advance(waiting)
  }

  /** A peer exchanged its state with us of its own accord. Who joins us does not prove that those hold us whom we join. */
  served(reason: 'join' | 'sync', listing: Listing | undefined): void {
    if (reason === 'join') this.#trustReachedOnly()
    if (reason === 'join' || listing === undefined || !isListed(listing)) return
    for (const waiting of this.#waiting) {
      waiting.isListed = true
      this.#advance(waiting)
    }
  }

  /** Another member that bears our name is there and answers. */
  conflict({ about, other }: NameConflict): void {
    if (about !== 'self') return
    for (const waiting of this.#waiting) {
      const place = formatPlace(other.ip, other.port)
      const isTaken = ({ listing }: Reached) => listing.standing === 'elsewhere' && listing.place === place
      if (waiting.reached.some(isTaken)) this.#conclude(waiting, taken(place))
    }
  }

  get wakeAt(): number {
    let next = Number.POSITIVE_INFINITY
    for (const waiting of this.#waiting) next = Math.min(next, nextAt(waiting))
    return next
  }

  wake(): void {
    for (const waiting of this.#waiting) this.#advance(waiting)
  }

  #trustReachedOnly(): void {
    for (const waiting of this.#waiting) waiting.proof = 'reached'
  }

  #advance(waiting: Waiting): void {
    const now = this.#parts.now()
    if (waiting.verdict !== undefined || waiting.reached.length === 0) return
    if (isHeld(waiting)) return this.#conclude(waiting, { kind: 'held' })
    if (now >= waiting.greetAt) this.#greet(waiting, now)
    if (now >= waiting.exchangeAt && !waiting.isExchanging) this.#exchange(waiting, now)
    const isKnown = !waiting.isExchanging || waiting.reached.some(({ later }) => later > 0)
    if (now < waiting.dueAt || !isKnown || this.#isExtended(waiting, now)) return
    this.#conclude(waiting, verdictOf(waiting))
  }

  /** Who comes late to a verdict was stopped, or has no time: what would have confirmed the join may lie unread. It is asked for once more. */
  #isExtended(waiting: Waiting, now: number): boolean {
    if (waiting.isExtended || now < waiting.dueAt + this.#patience / GREETINGS) return false
    waiting.isExtended = true
    waiting.greetAt = now
    waiting.exchangeAt = now
    waiting.dueAt = now + this.#patience / 2
    return true
  }

  #greet(waiting: Waiting, now: number): void {
    waiting.greetAt = now + this.#patience / GREETINGS
    for (const reached of waiting.reached) {
      if (reached.isAcked) continue
      this.#greeted += 1
      this.#greetings.set(this.#greeted, { waiting, reached })
      if (this.#greetings.size > MOST_GREETINGS) this.#greetings.delete(this.#greeted - MOST_GREETINGS)
      this.#parts.greet(this.#greeted, reached.place)
    }
  }

  /** With one that acknowledges, if any does, and with each in turn. */
  #exchange(waiting: Waiting, now: number): void {
    const [reached] = waiting.reached.toSorted(
      (a, b) => a.later - b.later || Number(b.isAcked) - Number(a.isAcked),
    )
    waiting.isExchanging = true
    const half = waiting.dueAt - this.#patience / 2
    waiting.exchangeAt = now < half ? half : now + this.#patience / 4
    const done: Exchange['done'] = (error, { listing }) => {
      waiting.isExchanging = false
      reached.error = error
      if (listing !== undefined) {
        reached.listing = listing
        reached.later += 1
      }
      this.#advance(waiting)
    }
    const { ip, port } = reached.place
    this.#parts.exchange(ip, port, { reason: 'sync', oldEvents: waiting.oldEvents, done })
  }

  #conclude(waiting: Waiting, verdict: Verdict): void {
    waiting.verdict = verdict
    if (waiting.tell === undefined) return
    this.drop(waiting)
    waiting.tell(verdict)
  }
}

export type { Waiting }

function nextAt({ verdict, reached, dueAt, greetAt, exchangeAt, isExchanging }: Waiting): number {
  if (verdict !== undefined || reached.length === 0) return Number.POSITIVE_INFINITY
  // One that is due, and waits for an answer, is woken by that.
  const verdictAt =
    isExchanging && reached.every(({ later }) => later === 0) ? Number.POSITIVE_INFINITY : dueAt
  return Math.min(verdictAt, greetAt, isExchanging ? Number.POSITIVE_INFINITY : exchangeAt)
}

function isListed({ standing }: Listing): boolean {
  return standing === 'held' || standing === 'older'
}

/** A later state that lists us at all is good enough; the first must show our newest word, for an older one is of a life before. */
function isHolding({ listing, later }: Reached): boolean {
  return later > 0 ? isListed(listing) : listing.standing === 'held'
}

function isHeld({ proof, reached, isEchoed, isHeard, isListed: isListedByPeer }: Waiting): boolean {
  if (proof === 'reached') return reached.some((one) => one.isAcked && isHolding(one))
  const isListedSomewhere = isListedByPeer || reached.some(isHolding)
  return isEchoed || (isListedSomewhere && (isHeard || reached.some(({ isAcked }) => isAcked)))
}

function taken(place: string): Verdict {
  return { kind: 'refused', reason: 'name', detail: `our name is taken by the member at ${place}` }
}

/** What to think of a join that nothing has confirmed. */
function verdictOf({ reached }: Waiting): Verdict {
  const texts = ({ place, error }: Reached) => `${formatPlace(place.ip, place.port)}: ${error}`
  const places = reached.map(({ place }) => formatPlace(place.ip, place.port)).join(', ')
  const elsewhere = reached.find(({ listing }) => listing.standing === 'elsewhere')
  if (elsewhere !== undefined) return taken(elsewhere.listing.place)
  if (reached.some(isHolding)) {
    const detail = `no packet comes back from ${places}, although TCP works: is UDP blocked on the way, or our advertised address wrong?`
    return { kind: 'unconfirmed', reason: 'firewall', detail }
  }
  const absent = reached.find(({ listing, later }) => later > 0 && listing.standing === 'absent')
  if (absent !== undefined) {
    const { ip, port } = absent.place
    const detail = `${formatPlace(ip, port)} answers and does not list us: a rule there does not let us in`
    return { kind: 'refused', reason: 'rule', detail }
  }
  const failed = reached.filter(({ error }) => error !== '')
  const detail = failed.length === 0 ? `${places} holds us for gone` : failed.map(texts).join('; ')
  return { kind: 'unconfirmed', reason: 'silent', detail }
}
