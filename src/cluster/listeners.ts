/** Who listens to a cluster: listeners of its emitter and async iterators, fed from one stage with what each wants. */
import type { Credit, DispatchCommand, MirrorNews, News } from '../actors/mail.ts'
import type { Notice } from '../actors/notices.ts'
import type { Logger } from '../options/options.ts'
import type { ClusterEvents } from './cluster-types.ts'
import { type ClusterEvent, type ClusterEventType, type HostTurns, Stage } from './events.ts'
import type { Mirror } from './mirror.ts'
import { logLateAnswers } from './queries.ts'
import { EventIterator, type EventsOptions } from './subscription.ts'
import { type Kept, Told } from './told.ts'

/** The emitter, as far as it is asked here. */
export interface Emitter {
  eventNames(): (string | symbol)[]
  listenerCount(type: ClusterEventType): number
  rawListeners(type: keyof ClusterEvents): readonly unknown[]
}

export interface ListenerTurns extends HostTurns {
  /** Whether anybody subscribes to the diagnostics channel of a type, or of any. */
  isTraced(type?: keyof ClusterEvents): boolean
  /** Publishes in that channel. Never throws. */
  trace(type: keyof ClusterEvents, message: { cluster: unknown; event: unknown }): void
  /** Lets an error of the host's surface as one that nobody caught. */
  raise(error: unknown): void
}

/** What listeners give back. */
export interface ListenerReplies {
  /** Credit for news, and what feed is wanted. */
  credit(mail: Credit): void
  /** An answer to a query. */
  respond(command: Extract<DispatchCommand, { type: 'respond' }>): Promise<unknown>
}

/** News of nothing. */
const NOTHING: News = {
  type: 'news',
  number: 0,
  through: 0,
  told: 'some',
  buffers: [],
  fresh: 0,
  runs: [],
  lagged: 0,
  folded: 0,
  notices: [],
}

export class Listeners {
  readonly #emitter: Emitter
  readonly #turns: ListenerTurns
  readonly #logger: Pick<Logger, 'warn'> | undefined
  readonly #replies: ListenerReplies
  readonly #mirror: Mirror
  readonly #told: Told
  readonly #stage: Stage
  readonly #iterators = new Set<EventIterator>()
  #feed: 'folded' | 'whole' = 'folded'

  constructor(
    emitter: Emitter,
    mirror: Mirror,
    turns: ListenerTurns,
    logger: Pick<Logger, 'warn'> | undefined,
    replies: ListenerReplies,
  ) {
    this.#emitter = emitter
    this.#mirror = mirror
    this.#told = new Told(mirror)
    this.#replies = replies
    this.#logger = logger
    this.#turns = turns
    const isThere = () =>
      this.#iterators.size > 0 || emitter.eventNames().some((name) => name !== 'fatal') || turns.isTraced()
    const audience = {
      get isThere() {
        return isThere()
      },
      wants: (type: ClusterEventType) => this.#wants(type),
      hear: (event: ClusterEvent, before: readonly Kept[]) => this.hear(event, before),
      renewed: () => this.#renewed(),
      thinned: (dropped: number, folded: number) => this.#thinned(dropped, folded),
      respond: (lamportTime: number, queryId: number, payload: Uint8Array) =>
        replies.respond({ type: 'respond', lamportTime, queryId, payload }),
    }
    this.#stage = new Stage(audience, turns, this.#told, (number) =>
      replies.credit({ type: 'taken', number }),
    )
  }

  /** Lets events out; before it they wait. */
  open(): void {
    this.#stage.open()
  }

  /** Applies news to the mirror at once, and tells listeners of them by and by. */
  add(news: News | MirrorNews): void {
    const wasStale = this.#mirror.isStale
    if (news.type === 'mirror') this.#mirror.apply(news.bytes, news.through)
    else for (const facts of news.buffers.slice(0, news.fresh)) this.#mirror.apply(facts, news.through)
    if (wasStale && !this.#mirror.isStale) this.#begin()
    if (news.type === 'news') this.#stage.add(news)
    else this.#replies.credit({ type: 'mirrored', number: news.number })
  }

  iterate(options: EventsOptions): EventIterator {
    const iterator = new EventIterator(options, {
      members: () => this.#told.members(),
      ended: (ended) => {
        this.#iterators.delete(ended)
        this.#chooseFeed()
      },
    })
    if (!options.signal?.aborted) this.#iterators.add(iterator)
    this.#chooseFeed()
    return iterator
  }

  /** One event to all who want it. `before`: how the members of a member event were known until now. */
  hear(event: ClusterEvent, before: readonly Kept[] = []): void {
    for (const iterator of this.#iterators) if (iterator.wants(event.type)) iterator.push(event, before)
    this.#chooseFeed()
    if (event.type !== 'members') this.tell(event.type, event)
  }

  /** As `emit`, but a listener's error, which is the host's and surfaces as such, does not cost the listeners behind it the event. */
  tell(type: keyof ClusterEvents, event: ClusterEvent | Error): void {
    if (this.#turns.isTraced(type)) this.#turns.trace(type, { cluster: this.#emitter, event })
    for (const listener of this.#emitter.rawListeners(type)) {
      if (typeof listener !== 'function') continue
      try {
        logLateAnswers(Reflect.apply(listener, this.#emitter, [event]), this.#logger)
      } catch (error) {
        this.#turns.raise(error)
      }
    }
  }

  /** Something that is told behind all news that wait. */
  notice(notice: Notice): void {
    this.#stage.add({ ...NOTHING, notices: [notice] })
  }

  /** Whoever sent the news that wait is gone: they give no credit to those who come after it. */
  orphan(): void {
    this.#stage.orphan()
    this.#told.orphan()
  }

  /** Drops what waits. */
  silence(): void {
    this.#stage.close()
  }

  /** Ends the iterators; what they hold can still be read. */
  close(): void {
    for (const iterator of [...this.#iterators]) iterator.close()
  }

  /** The first news of a new life are in the mirror. */
  #begin(): void {
    this.#stage.renew({ ...NOTHING })
    if (this.#feed === 'whole') this.#replies.credit({ type: 'feed', feed: 'whole' })
  }

  /** What waited in the actors when they crashed is lost to listeners, though the mirror has it. */
  #renewed(): void {
    const lost = this.#told.renew()
    if (lost === 0) return
    for (const iterator of this.#iterators) iterator.missed(lost)
    this.#chooseFeed()
    this.#tellLagged(lost)
  }

  #tellLagged(count: number): void {
    if (this.#emitter.listenerCount('lagged') === 0 && !this.#turns.isTraced('lagged')) return
    this.tell('lagged', { type: 'lagged', count, members: this.#told.members() })
  }

  #thinned(dropped: number, folded: number): void {
    for (const iterator of this.#iterators) iterator.thinned(dropped, folded)
    this.#chooseFeed()
    if (dropped > 0) this.#tellLagged(dropped)
  }

  /** Dispatch keeps what waits one by one as long as anybody reads without loss. */
  #chooseFeed(): void {
    let feed: 'folded' | 'whole' = 'folded'
    for (const iterator of this.#iterators) if (iterator.isLossless) feed = 'whole'
    if (feed === this.#feed) return
    this.#feed = feed
    this.#replies.credit({ type: 'feed', feed })
  }

  #wants(type: ClusterEventType): boolean {
    if (this.#emitter.listenerCount(type) > 0) return true
    if (type !== 'members' && this.#turns.isTraced(type)) return true
    for (const iterator of this.#iterators) if (iterator.wants(type)) return true
    return false
  }
}
