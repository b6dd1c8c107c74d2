/**
 * What a host hears, and how: packed facts become event objects for listeners and iterators. Nothing is decoded that nobody listens to,
 * and no turn of the host's event loop is taken for long.
 */
import { FACT, FactReader } from '../actors/facts.ts'
import type { News } from '../actors/mail.ts'
import type { Notice } from '../actors/notices.ts'
import { queryOf } from '../actors/query-facts.ts'
import { InvalidArgument } from '../errors/errors.ts'
import type { HostStallAction } from '../options/options.ts'
import type { HandlerFailed } from './host-events.ts'
import { beforeOf, type Member, type MemberBefore, memberOf, textOf } from './member.ts'
import type { Kept, Told } from './told.ts'

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

/**
 * A subscriber was too slow: so many events are lost to it. `members` are the members right where it goes on, so that those who keep a
 * picture of the pool by events may begin anew with it. Member events are folded, never lost, unless the policy says otherwise.
 */
export interface Lagged {
  readonly type: 'lagged'
  readonly count: number
  readonly members: readonly Member[]
}

/** The first thing that an iterator hears, if it wants to: the members as all events before its first left them. Never heard by listeners. */
export interface Members {
  readonly type: 'members'
  readonly members: readonly Member[]
}

export type {
  ConflictLost,
  ConflictUnresolved,
  Connection,
  ConnectionChange,
  DiskError,
  MemberRefused,
  MemberRestart,
  NameConflict,
  Restarted,
} from '../actors/notices.ts'

/** The main thread stood still for as long as the option `hostStall` allows, or turns again. Heard once it turns again: both then. */
export interface HostStall {
  readonly type: 'host-stall' | 'host-recovered'
  /** Milliseconds that it stood still so far, or altogether. */
  readonly stalledFor: number
  readonly action: HostStallAction
}

export type ClusterEvent =
  | MemberEvent
  | HostStall
  | UserEvent
  | QueryEvent
  | Lagged
  | Members
  | Notice
  | HandlerFailed
export type ClusterEventType = ClusterEvent['type']

/** What a reader of these types gets: `members` may stand at the beginning, and `lagged` anywhere. */
export type ClusterEventOf<Type extends ClusterEventType> = NarrowedEvent<
  ClusterEvent,
  Type | 'members' | 'lagged'
>
type NarrowedEvent<Event extends ClusterEvent, Type> = Event extends ClusterEvent
  ? Event['type'] & Type extends never
    ? never
    : Event & { readonly type: Event['type'] & Type }
  : never

/** Who wants events, and takes them. */
export interface Audience {
  /** Whether anybody wants any event at all. */
  readonly isThere: boolean
  wants(type: ClusterEventType): boolean
  /** `before`: how members of the event were known until now, in its order. */
  hear(event: ClusterEvent, before: readonly Kept[]): void
  /** All that waited of a life of the actors that is over has been heard, and what comes is of the next one. */
  renewed(): void
  /** So many user events and queries were dropped, and so many member events folded, because the host was too slow. */
  thinned(dropped: number, folded: number): void
  /** Answers the query that is known by these two. */
  respond(lamportTime: number, queryId: number, payload: Uint8Array): Promise<unknown>
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

/** Where it is kept what listeners were told. */
export type ToldView = Pick<Told, 'isBehind' | 'at' | 'tell' | 'settle'>

/** Serves news to an audience in slices, and gives credit back when each is done. */
export class Stage {
  readonly #audience: Audience
  readonly #turns: HostTurns
  readonly #told: ToldView
  readonly #taken: (number: number) => void
  readonly #queue: News[] = []
  /** With these in the queue a new life of the actors begins. */
  #renewal: News | undefined
  #isRunning = false
  #isOpen = false
  /** Where the news in front of the queue goes on: index into its runs, records done, offset of the next. */
  #run = 0
  #done = 0
  #at = -1
  /** Members of an event that goes on with the next record. */
  #members: FactReader[] = []

  constructor(audience: Audience, turns: HostTurns, told: ToldView, taken: (number: number) => void) {
    this.#audience = audience
    this.#told = told
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
    if (this.#renewal === undefined) return
    // Two crashes in a row: what lies between them does not follow from what is heard before it.
    for (const news of this.#queue.slice(this.#queue.indexOf(this.#renewal))) {
      news.lagged += othersIn(news)
      news.runs = []
    }
    this.#renewal = undefined
  }

  /** The last of a life that is over is in: `renewal`, which carries nothing itself. */
  renew(renewal: News): void {
    this.#renewal = renewal
    this.add(renewal)
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
      // Nobody listens: then nothing is looked at, unless a subscriber of tomorrow must know where to begin.
      if (!this.#audience.isThere && !this.#told.isBehind) this.#run = news.runs.length
      for (let record = this.#next(news); record !== undefined; record = this.#next(news)) {
        if (this.#tell(record) === 'heard') events += 1
        if (events >= MOST_EVENTS || this.#turns.now() - startedAt > LONGEST_TURN) return
      }
      this.#queue.shift()
      this.#run = 0
      this.#done = 0
      this.#at = -1
      if (news === this.#renewal) {
        this.#renewal = undefined
        this.#audience.renewed()
      }
      if (news.told === 'all') this.#told.settle(news.through)
      this.#taken(news.number)
    }
  }

  #sayLagged(news: News): void {
    for (const notice of news.notices) this.#audience.hear(notice, [])
    if (news.lagged + news.folded > 0) this.#audience.thinned(news.lagged, news.folded)
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

  #tell(record: FactReader): 'heard' | 'unwanted' {
    const type = typeOf(record)
    if (type !== 'user-event' && type !== 'query') return this.#tellMember(type, record)
    if (!this.#audience.wants(type)) return 'unwanted'
    if (type === 'user-event') this.#audience.hear(userEventOf(record), [])
    else this.#audience.hear(queryEventOf(record, this.#turns.date(), this.#audience), [])
    return 'heard'
  }

  /** An event of many members is told when its last record is there. */
  #tellMember(type: MemberEventType, record: FactReader): 'heard' | 'unwanted' {
    this.#members.push(record)
    if (record.goesOn) return 'unwanted'
    const records = this.#members
    this.#members = []
    const isWanted = this.#audience.wants(type)
    const before = isWanted ? records.map((one) => this.#told.at(one)) : []
    // First, so that a subscriber who comes in a listener of it begins behind it.
    for (const one of records) this.#told.tell(one)
    if (!isWanted) return 'unwanted'
    const members = records.map(memberOf)
    if (type !== 'member-update') this.#audience.hear({ type, members }, before)
    else this.#audience.hear({ type, members, previous: records.map(beforeOf) }, before)
    return 'heard'
  }
}

/** How many user events and queries are told by these news. */
function othersIn({ runs, buffers }: News): number {
  let count = 0
  for (let run = 0; run < runs.length; run += 3) {
    const reader = new FactReader(buffers[runs[run]], runs[run + 1])
    for (let left = runs[run + 2]; left > 0; left--, reader.next()) if (!reader.isMember) count += 1
  }
  return count
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
