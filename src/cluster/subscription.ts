/**
 * Events as an async iterator. Each has a policy, which says what becomes of events that it has no room for:
 *
 *     latest-per-member   member events fold: who reads slowly hears of each member what became of it, in at most two events, and none is
 *                         lost; of all others the oldest are dropped
 *     drop-oldest         the oldest are dropped, whatever they are
 *     lossless            nothing is dropped: the iterator ends with SubscriptionOverflow
 *
 * What is dropped is announced by one `lagged` event, with the members as they are right where the reader goes on.
 */
import { SubscriptionOverflow } from '../errors/delivery.ts'
import { InvalidArgument } from '../errors/errors.ts'
import { refuseUnknown } from '../options/arguments.ts'
import type { ClusterEvent, ClusterEventType, MemberEvent } from './events.ts'
import { FoldedMembers, overlaid } from './folded-members.ts'
import type { Member } from './member.ts'
import type { Kept } from './told.ts'

export type DeliveryPolicy = 'latest-per-member' | 'drop-oldest' | 'lossless'

export interface EventsOptions {
  /** Only these; default all. Who loses events that it reads is always told, with `lagged`. */
  types?: readonly ClusterEventType[]
  /** Ends the iteration. */
  signal?: AbortSignal
  /** Events that may wait for a slow reader, folded ones not counted. Default 4,096. */
  buffer?: number
  /** What becomes of events beyond it. Default `latest-per-member`. */
  policy?: DeliveryPolicy
  /**
   * Whether the first event is `members`, with all that are there: every change of them after that follows, and none that is in it already.
   * Default: yes if `types` is left out or has `members` in it.
   */
  initial?: 'members' | 'none'
}

const DEFAULT_BUFFER = 4_096
const MEMBER_TYPES = ['member-join', 'member-leave', 'member-failed', 'member-update', 'member-reap'] as const
/** A type that is missing here does not compile. */
const ALL_TYPES: Readonly<Record<ClusterEventType, true>> = {
  'member-join': true,
  'member-leave': true,
  'member-failed': true,
  'member-update': true,
  'member-reap': true,
  members: true,
  'user-event': true,
  query: true,
  lagged: true,
  'name-conflict': true,
  'member-restart': true,
  'conflict-lost': true,
  'conflict-unresolved': true,
  'member-refused': true,
  'disk-error': true,
  connection: true,
  'host-stall': true,
  'host-recovered': true,
  restarted: true,
  'handler-failed': true,
}
const POLICIES: readonly string[] = [
  'latest-per-member',
  'drop-oldest',
  'lossless',
] satisfies DeliveryPolicy[]

interface Waiting {
  event: ClusterEvent
  /** How the members of the event were known before it. */
  before: readonly Kept[]
  order: number
}

interface Reader {
  resolve(result: IteratorResult<ClusterEvent>): void
  reject(error: unknown): void
}

/** Where an iterator stands among the others. */
export interface Company {
  /** All members as the events so far left them. */
  members(): readonly Member[]
  /** Hears once that nothing more is wanted. */
  ended(iterator: EventIterator): void
}

export class EventIterator implements AsyncIterableIterator<ClusterEvent> {
  readonly policy: DeliveryPolicy
  readonly #types: ReadonlySet<ClusterEventType> | undefined
  readonly #bound: number
  readonly #company: Company
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = () => this.close()
  readonly #readers: Reader[] = []
  /** Read before all others, and never dropped. */
  #first: ClusterEvent | undefined
  #waiting: Waiting[] = []
  readonly #folded = new FoldedMembers()
  #order = 0
  #lost = 0
  #isOverflown = false
  #isDone = false

  /** Throws InvalidArgument for options that are not what they may be. */
  constructor(options: EventsOptions, company: Company) {
    refuseBad(options)
    const { types, signal, buffer = DEFAULT_BUFFER, policy = 'latest-per-member' } = options
    this.#types = types === undefined ? undefined : new Set(types)
    this.#bound = buffer
    this.policy = policy
    this.#company = company
    this.#signal = signal
    const { initial = types === undefined || types.includes('members') ? 'members' : 'none' } = options
    if (initial === 'members' && !signal?.aborted)
      this.#first = { type: 'members', members: company.members() }
    if (signal?.aborted) this.close()
    else signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Whether nothing may be kept from it. */
  get isLossless(): boolean {
    return this.policy === 'lossless' && !this.#isOverflown && !this.#isDone
  }

  wants(type: ClusterEventType): boolean {
    return !this.#isDone && (this.#types === undefined || this.#types.has(type))
  }

  push(event: ClusterEvent, before: readonly Kept[]): void {
    if (this.#isOverflown) this.#lost += 1
    else if (this.#readers.length > 0) this.#give(event)
    else if (this.policy === 'latest-per-member' && isMemberEvent(event)) this.#fold(event, before)
    else this.#add(event, before)
  }

  /** Events were lost on the way here: user events and queries dropped, those of members folded. */
  thinned(dropped: number, folded: number): void {
    const lost = this.wants('user-event') || this.wants('query') ? dropped : 0
    const changed = this.policy === 'lossless' && this.#wantsMembers ? folded : 0
    this.#lose(lost + changed)
  }

  /** Events of so many members are lost for good: they were with actors that crashed. */
  missed(members: number): void {
    if (!this.#wantsMembers) return
    if (this.policy !== 'lossless') {
      // What waits does not lead to what comes next: the reader begins anew.
      this.#folded.clear()
      this.#waiting = this.#waiting.filter(({ event }) => !isMemberEvent(event))
    }
    this.#lose(members)
  }

  get #wantsMembers(): boolean {
    return MEMBER_TYPES.some((type) => this.wants(type))
  }

  #lose(count: number): void {
    if (count === 0) return
    this.#lost += count
    if (this.policy === 'lossless') this.#overflow()
    // Somebody may wait while events are lost.
    else if (this.#readers.length > 0) this.#give(this.#lagged())
  }

  next(): Promise<IteratorResult<ClusterEvent>> {
    const first = this.#first
    this.#first = undefined
    if (first !== undefined) return Promise.resolve({ done: false, value: first })
    if (this.#lost > 0 && !this.#isOverflown) return Promise.resolve({ done: false, value: this.#lagged() })
    const value = this.#take()
    if (value !== undefined) return Promise.resolve({ done: false, value })
    if (this.#isOverflown && !this.#isDone) return Promise.reject(this.#failure())
    if (this.#isDone) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }))
  }

  return(): Promise<IteratorResult<ClusterEvent>> {
    this.#first = undefined
    this.#waiting = []
    this.#folded.clear()
    this.close()
    return Promise.resolve({ done: true, value: undefined })
  }

  /** Nothing more will come; what waits can still be read. */
  close(): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
    for (const { resolve } of this.#readers.splice(0)) resolve({ done: true, value: undefined })
    this.#company.ended(this)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #give(event: ClusterEvent): void {
    this.#readers.shift()?.resolve({ done: false, value: event })
  }

  #fold(event: MemberEvent, before: readonly Kept[]): void {
    this.#order += 1
    this.#folded.add(event, before, this.#order)
  }

  #add(event: ClusterEvent, before: readonly Kept[]): void {
    if (this.policy === 'lossless' && this.#waiting.length >= this.#bound) {
      this.#lost += 1
      this.#overflow()
      return
    }
    this.#order += 1
    this.#waiting.push({ event, before, order: this.#order })
    if (this.#waiting.length <= this.#bound) return
    this.#waiting.shift()
    this.#lost += 1
  }

  /** The oldest that waits. */
  #take(): ClusterEvent | undefined {
    const [next] = this.#waiting
    if (this.#folded.oldest < (next?.order ?? Number.POSITIVE_INFINITY)) return this.#folded.take()
    this.#waiting.shift()
    return next?.event
  }

  /** The members as the reader knows them once it has heard this: as told to all, but for what waits here. */
  #lagged(): ClusterEvent {
    const count = this.#lost
    this.#lost = 0
    const known = this.#folded.known()
    for (const { event, before } of this.#waiting) {
      if (!isMemberEvent(event)) continue
      for (const [i, { name }] of event.members.entries()) if (!known.has(name)) known.set(name, before[i])
    }
    return { type: 'lagged', count, members: overlaid(this.#company.members(), known) }
  }

  /** What waits can be read, then comes the error; until it is read, what would have come is counted. */
  #overflow(): void {
    this.#isOverflown = true
    const [reader] = this.#readers.splice(0, 1)
    reader?.reject(this.#failure())
  }

  #failure(): SubscriptionOverflow {
    const error = new SubscriptionOverflow(this.#lost)
    this.close()
    return error
  }
}

function isMemberEvent(event: ClusterEvent): event is MemberEvent {
  return MEMBER_TYPES.some((type) => type === event.type)
}

function refuseBad(options: EventsOptions): void {
  refuseUnknown('events', options, ['types', 'signal', 'buffer', 'policy', 'initial'])
  const { types, buffer = DEFAULT_BUFFER, policy, initial } = options
  if (!Number.isInteger(buffer) || buffer < 1) {
    throw new InvalidArgument(`events: the buffer must be a whole number from 1, not ${buffer}`)
  }
  if (types !== undefined && !Array.isArray(types)) throw new InvalidArgument('events: types must be a list')
  const unknown = types?.find((type) => !Object.hasOwn(ALL_TYPES, type))
  if (unknown !== undefined) throw new InvalidArgument(`events: there are no events of type ${unknown}`)
  if (policy !== undefined && !POLICIES.includes(policy)) {
    throw new InvalidArgument(`events: there is no policy ${policy}, only ${POLICIES.join(', ')}`)
  }
  if (initial !== undefined && initial !== 'members' && initial !== 'none') {
    throw new InvalidArgument("events: initial must be 'members' or 'none'")
  }
}
