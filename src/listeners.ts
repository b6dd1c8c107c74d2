/** Who listens to a cluster: listeners of its emitter and async iterators, fed from one stage with what each wants. */
import type { DispatchCommand, News } from './actors/mail.ts'
import type { Notice } from './actors/notices.ts'
import type { ClusterEvents } from './cluster-types.ts'
import {
  type ClusterEvent,
  type ClusterEventType,
  EventIterator,
  type EventsOptions,
  type HostTurns,
  Stage,
} from './events.ts'
import type { Logger } from './options.ts'
import { logLateAnswers } from './queries.ts'

/** The emitter, as far as it is asked here. */
export interface Emitter {
  eventNames(): (string | symbol)[]
  listenerCount(type: ClusterEventType): number
  rawListeners(type: keyof ClusterEvents): readonly unknown[]
}

export interface ListenerTurns extends HostTurns {
  /** Lets an error of the host's surface as one that nobody caught. */
  raise(error: unknown): void
}

/** What listeners give back. */
export interface ListenerReplies {
  /** Credit for news. */
  taken(number: number): void
  /** An answer to a query. */
  respond(command: Extract<DispatchCommand, { type: 'respond' }>): Promise<void>
}

export class Listeners {
  readonly #emitter: Emitter
  readonly #turns: ListenerTurns
  readonly #logger: Pick<Logger, 'warn'> | undefined
  readonly #stage: Stage
  readonly #iterators = new Set<EventIterator>()

  constructor(
    emitter: Emitter,
    turns: ListenerTurns,
    logger: Pick<Logger, 'warn'> | undefined,
    replies: ListenerReplies,
  ) {
    this.#emitter = emitter
    this.#logger = logger
    this.#turns = turns
    const isThere = () => this.#iterators.size > 0 || emitter.eventNames().some((name) => name !== 'fatal')
    const audience = {
      get isThere() {
        return isThere()
      },
      wants: (type: ClusterEventType) => this.#wants(type),
      hear: (event: ClusterEvent) => this.hear(event),
      respond: (lamportTime: number, queryId: number, payload: Uint8Array) =>
        replies.respond({ type: 'respond', lamportTime, queryId, payload }),
    }
    this.#stage = new Stage(audience, turns, (number) => replies.taken(number))
  }

  /** Lets events out; before it they wait. */
  open(): void {
    this.#stage.open()
  }

  add(news: News): void {
    this.#stage.add(news)
  }

  iterate(options: EventsOptions): EventIterator {
    const iterator = new EventIterator(options, (ended) => this.#iterators.delete(ended))
    if (!options.signal?.aborted) this.#iterators.add(iterator)
    return iterator
  }

  /** One event to all who want it. */
  hear(event: ClusterEvent): void {
    for (const iterator of this.#iterators) if (iterator.wants(event.type)) iterator.push(event)
    this.tell(event.type, event)
  }

  /** As `emit`, but a listener's error, which is the host's and surfaces as such, does not cost the listeners behind it the event. */
  tell(type: keyof ClusterEvents, event: ClusterEvent | Error): void {
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
    const nothing = { number: 0, through: 0, buffers: [], fresh: 0, runs: [], lagged: 0 }
    this.#stage.add({ type: 'news', ...nothing, notices: [notice] })
  }

  /** Whoever sent the news that wait is gone: they give no credit to those who come after it. */
  orphan(): void {
    this.#stage.orphan()
  }

  /** Drops what waits. */
  silence(): void {
    this.#stage.close()
  }

  /** Ends the iterators; what they hold can still be read. */
  close(): void {
    for (const iterator of [...this.#iterators]) iterator.close()
  }

  #wants(type: ClusterEventType): boolean {
    if (this.#emitter.listenerCount(type) > 0) return true
    for (const iterator of this.#iterators) if (iterator.wants(type)) return true
    return false
  }
}
