/**
 * What a host hears, and how: packed facts become event objects for listeners and iterators. Nothing is decoded that nobody listens to,
 * and no turn of the host's event loop is taken for long.
 */
import { FACT, FactReader } from './actors/facts.ts'
import type { News } from './actors/mail.ts'
import type { Notice } from './actors/notices.ts'
import { queryOf } from './actors/query-facts.ts'
import { InvalidArgument } from './errors.ts'
import { beforeOf, type Member, type MemberBefore, memberOf, textOf } from './member.ts'
import type { HostStallAction } from './options.ts'

export type MemberEventType =
  | 'member-join'
  | 'member-leave'
  | 'member-failed'
  | 'member-update'
  | 'member-reap'

/** Something happened to members. They are shown as they were right after it. */
export interface MemberEvent {
  readonly type: MemberEventType
  readonly members: readonly Member[]
  /**
   * Only in `member-update`: what each member was right before its last change, in the order of `members`. A restart too fast to be noticed
   * is an update with a higher incarnation, and here is what it was before. Undefined where several changes were folded.
   */
  readonly previous?: readonly (MemberBefore | undefined)[]
}

/** A user event from any member, ourselves included; each at most once. */
export interface UserEvent {
  readonly type: 'user-event'
  readonly name: string
  /** The host's own: it may be kept and changed. */
  readonly payload: Uint8Array
  readonly lamportTime: number
  /** Whether the sender allows events of this name to be merged. */
  readonly coalesce: boolean
}

/** A query of any member, ourselves included; each at most once. What is not answered expires. */
export interface QueryEvent {
  readonly type: 'query'
  readonly name: string
  /** The host's own: it may be kept and changed. */
  readonly payload: Uint8Array
  readonly lamportTime: number
  /** Name of the member that asks. */
  readonly source: string
  /** Until when it waits for answers, in milliseconds of `Date.now()`. */
  readonly deadline: number
  /**
   * Answers, once. Rejects with QueryAnswered at the second time, QueryExpired after the deadline, OriginUnnamed, ResponseTooLarge or PacketTooLarge (a
   * shorter answer may still be sent) and RelayTooLarge (the answer was sent, but not over others). In a listener that is async these are only
   * logged.
   */
  respond(payload: Uint8Array | string): Promise<void>
}

/** The host was too slow: so many user events and queries are lost to it. Member events are folded, never lost. */
export interface Lagged {
  readonly type: 'lagged'
  readonly count: number
}

export type {
  ConflictLost,
  ConflictUnresolved,
  DiskError,
  MemberRefused,
  NameConflict,
  Restarted,
} from './actors/notices.ts'

/** The main thread stood still for as long as the option `hostStall` allows, or turns again. Heard once it turns again: both then. */
export interface HostStall {
  readonly type: 'host-stall' | 'host-recovered'
  /** Milliseconds that it stood still so far, or altogether. */
  readonly stalledFor: number
  readonly action: HostStallAction
}

export type ClusterEvent = MemberEvent | HostStall | UserEvent | QueryEvent | Lagged | Notice
export type ClusterEventType = ClusterEvent['type']

/** Who wants events, and takes them. */
export interface Audience {
  /** Whether anybody wants any event at all. */
  readonly isThere: boolean
  wants(type: ClusterEventType): boolean
  hear(event: ClusterEvent): void
  /** Answers the query that is known by these two. */
  respond(lamportTime: number, queryId: number, payload: Uint8Array): Promise<void>
}

/** The host's event loop, as far as it matters here. */
export interface HostTurns {
  /** Milliseconds of a monotonic clock. */
  now(): number
  /** Milliseconds of the wall clock. */
  date(): number
  /** Runs something in a later turn of the loop. */
  later(run: () => void): void
}

const TYPES: Record<number, MemberEventType> = {
  [FACT.memberJoin]: 'member-join',
  [FACT.memberLeave]: 'member-leave',
  [FACT.memberFailed]: 'member-failed',
  [FACT.memberUpdate]: 'member-update',
  [FACT.memberReap]: 'member-reap',
}

/** Longest that listeners are served in one turn of the host's loop, in milliseconds, and the most events. */
const LONGEST_TURN = 5
const MOST_EVENTS = 256

/** Serves news to an audience in slices, and gives credit back when each is done. */
export class Stage {
  readonly #audience: Audience
  readonly #turns: HostTurns
  readonly #taken: (number: number) => void
  readonly #queue: News[] = []
  #isRunning = false
  #isOpen = false
  /** Where the news in front of the queue goes on: index into its runs, records done, offset of the next. */
  #run = 0
  #done = 0
  #at = -1
  /** Members of an event that goes on with the next record. */
  #members: Member[] = []
  #previous: (MemberBefore | undefined)[] = []

  constructor(audience: Audience, turns: HostTurns, taken: (number: number) => void) {
    this.#audience = audience
    this.#turns = turns
    this.#taken = taken
  }

  /** Lets events out; before it they wait, so that listeners added right after the start hear them all. */
  open(): void {
    this.#isOpen = true
    this.#schedule()
  }

  add(news: News): void {
    this.#queue.push(news)
    this.#schedule()
  }

  /** Takes the numbers from what waits: nobody is given credit for it. */
  orphan(): void {
    for (const news of this.#queue) news.number = 0
  }

  /** Drops what waits. */
  close(): void {
    this.#queue.length = 0
    this.#isOpen = false
  }

  #schedule(): void {
    if (this.#isRunning || !this.#isOpen || this.#queue.length === 0) return
    this.#isRunning = true
    this.#turns.later(() => {
      this.#isRunning = false
      this.#serve()
      this.#schedule()
    })
  }

  #serve(): void {
    const startedAt = this.#turns.now()
    let events = 0
    for (let news = this.#queue[0]; news !== undefined; news = this.#queue[0]) {
      if (this.#run === 0 && this.#done === 0) this.#sayLagged(news)
      // Nobody listens: then nothing is looked at.
      if (!this.#audience.isThere) this.#run = news.runs.length
      for (let record = this.#next(news); record !== undefined; record = this.#next(news)) {
        this.#tell(record)
        events += 1
        if (events >= MOST_EVENTS || this.#turns.now() - startedAt > LONGEST_TURN) return
      }
      this.#queue.shift()
      this.#run = 0
      this.#done = 0
      this.#at = -1
      this.#taken(news.number)
    }
  }

  #sayLagged(news: News): void {
    for (const notice of news.notices) this.#audience.hear(notice)
    if (news.lagged > 0) this.#audience.hear({ type: 'lagged', count: news.lagged })
  }

  /** The next record that is an event; undefined at the end of the news. */
  #next(news: News): FactReader | undefined {
    const { runs, buffers } = news
    if (this.#run >= runs.length) return undefined
    const reader = new FactReader(buffers[runs[this.#run]], this.#at < 0 ? runs[this.#run + 1] : this.#at)
    this.#done += 1
    this.#at = reader.at + reader.length
    if (this.#done === runs[this.#run + 2]) {
      this.#run += 3
      this.#done = 0
      this.#at = -1
    }
    return reader
  }

  #tell(record: FactReader): void {
    const type = typeOf(record)
    if (!this.#audience.wants(type)) {
      this.#members = []
      this.#previous = []
      return
    }
    if (type === 'user-event') this.#audience.hear(userEventOf(record))
    else if (type === 'query') this.#audience.hear(queryEventOf(record, this.#turns.date(), this.#audience))
    else this.#tellMember(type, record)
  }

  #tellMember(type: MemberEventType, record: FactReader): void {
    this.#members.push(memberOf(record))
    if (type === 'member-update') this.#previous.push(beforeOf(record))
    if (record.goesOn) return
    const members = this.#members
    this.#members = []
    const previous = this.#previous
    this.#previous = []
    this.#audience.hear(type === 'member-update' ? { type, members, previous } : { type, members })
  }
}

function typeOf(record: FactReader): MemberEventType | 'user-event' | 'query' {
  if (record.isMember) return TYPES[record.kind]
  return record.kind === FACT.query ? 'query' : 'user-event'
}

function queryEventOf(record: FactReader, now: number, audience: Audience): QueryEvent {
  const { lamportTime, id, timeout, name, source, payload } = queryOf(record)
  return {
    type: 'query',
    name: textOf(name),
    payload,
    lamportTime,
    source: textOf(source),
    deadline: now + timeout,
    respond: async (answer) => {
      const bytes = typeof answer === 'string' ? new TextEncoder().encode(answer) : answer
      if (!(bytes instanceof Uint8Array)) {
        throw new InvalidArgument('respond: the payload must be a text or a Uint8Array')
      }
      await audience.respond(lamportTime, id, bytes)
    },
  }
}

function userEventOf(record: FactReader): UserEvent {
  return {
    type: 'user-event',
    name: textOf(record.eventName),
    payload: record.payload.slice(),
    lamportTime: record.lamportTime,
    coalesce: record.coalesce,
  }
}

export interface EventsOptions {
  /** Only these; default all. Who reads user events or queries is always told what it missed of them, with `lagged`. */
  types?: readonly ClusterEventType[]
  /** Ends the iteration. */
  signal?: AbortSignal
  /** Events that may wait for a slow reader; beyond it the oldest are dropped and one `lagged` event says how many. Default 4,096. */
  buffer?: number
}

const DEFAULT_BUFFER = 4_096
const ALL_TYPES: ReadonlySet<string> = new Set<ClusterEventType>([
  ...Object.values(TYPES),
  'user-event',
  'query',
  'lagged',
  'name-conflict',
  'member-refused',
  'host-stall',
  'host-recovered',
  'restarted',
])

/** Events as an async iterator with a bounded buffer. */
export class EventIterator implements AsyncIterableIterator<ClusterEvent> {
  readonly #types: ReadonlySet<ClusterEventType> | undefined
  readonly #bound: number
  readonly #ended: () => void
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = () => this.close()
  readonly #waiting: ((result: IteratorResult<ClusterEvent>) => void)[] = []
  #events: ClusterEvent[] = []
  #lost = 0
  #isDone = false

  /** `ended` hears once that nothing more is wanted. Throws InvalidArgument for options that are not what they may be. */
  constructor(options: EventsOptions, ended: (iterator: EventIterator) => void) {
    const { types, signal, buffer = DEFAULT_BUFFER } = options
    if (!Number.isInteger(buffer) || buffer < 1) {
      throw new InvalidArgument(`events: the buffer must be a whole number from 1, not ${buffer}`)
    }
    const unknown = types?.find((type) => !ALL_TYPES.has(type))
    if (unknown !== undefined) throw new InvalidArgument(`events: there are no events of type ${unknown}`)
    this.#types = types === undefined ? undefined : new Set(types)
    this.#bound = buffer
    this.#ended = () => ended(this)
    this.#signal = signal
    if (signal?.aborted) this.close()
    else signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  wants(type: ClusterEventType): boolean {
    if (this.#isDone) return false
    if (this.#types === undefined || this.#types.has(type)) return true
    return type === 'lagged' && (this.#types.has('user-event') || this.#types.has('query'))
  }

  push(event: ClusterEvent): void {
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) {
      waiting({ done: false, value: event })
      return
    }
    this.#events.push(event)
    if (this.#events.length <= this.#bound) return
    const oldest = this.#events.shift()
    // An announcement that is itself lost must not take its count with it.
    this.#lost += oldest?.type === 'lagged' ? oldest.count : 1
  }

  next(): Promise<IteratorResult<ClusterEvent>> {
    if (this.#lost > 0) {
      const value: Lagged = { type: 'lagged', count: this.#lost }
      this.#lost = 0
      return Promise.resolve({ done: false, value })
    }
    const value = this.#events.shift()
    if (value !== undefined) return Promise.resolve({ done: false, value })
    if (this.#isDone) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  return(): Promise<IteratorResult<ClusterEvent>> {
    this.#events = []
    this.close()
    return Promise.resolve({ done: true, value: undefined })
  }

  /** Nothing more will come; what waits can still be read. */
  close(): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
    for (const resolve of this.#waiting.splice(0)) resolve({ done: true, value: undefined })
    this.#ended()
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
