/**
 * Handlers of queries and user events that run in threads of their own, since they take long. The host's thread hands over what came and
 * sends what they return; whatever a handler does, it holds up neither the host nor another handler.
 *
 *     event -> the queue of its handler (1,024 at most: what comes then is not handled, and reported)
 *           -> a thread of that handler, `concurrency` of them at most; one that takes too long is ended, and the next call gets a new one
 *           -> for queries: the answer
 */
import { InvalidArgument } from '../errors/errors.ts'
import { HandlerQueueFull, HandlerTimeout } from '../errors/handlers.ts'
import type { QueryEvent, UserEvent } from './events.ts'
import type { HandledKind, HandlerFailed } from './host-events.ts'

export interface HandlerOptions {
  /** The module: a `file:` URL, as `import.meta.resolve('./load.js')` gives it, or an absolute path. It is loaded once in each thread. */
  module: string | URL
  /**
   * Name of the export, a function that gets a `HandledEvent` and may be async. What it returns, a text or bytes, answers the query;
   * nothing leaves it unanswered. Default `default`.
   */
  export?: string
  /** Most milliseconds for one call, 1 to 86,400,000; then its thread is ended. Default: for a query until its deadline, for a user event 30,000. */
  timeout?: number
  /** Calls at a time, 1 to 64, each in a thread of its own. Default 1. */
  concurrency?: number
}

/** What a handler in a thread is given: the event without what can only be done on the host's own thread. */
export type HandledEvent = UserEvent | Omit<QueryEvent, 'respond'>

/** A handler that is in use. */
export interface HandlerHandle {
  /** Ends it with its threads, in whatever they are. Resolves when they have ended. */
  stop(): Promise<void>
}

/** Threads that call one function. */
export interface Runner {
  /** Rejects with what the function threw, with HandlerTimeout after `timeout` milliseconds, and when its thread ends. */
  run(event: HandledEvent, timeout: number): Promise<unknown>
  /** Ends all threads. Resolves when they have. */
  close(): Promise<void>
}

/** Where events come from. */
export interface HandledEmitter {
  on(kind: 'query', listener: (event: QueryEvent) => void): unknown
  on(kind: 'user-event', listener: (event: UserEvent) => void): unknown
  off(kind: 'query', listener: (event: QueryEvent) => void): unknown
  off(kind: 'user-event', listener: (event: UserEvent) => void): unknown
}

/** The world around handlers. */
export interface HandlerWorld {
  /** Opens threads for a function; `failed` hears of errors outside of any call. Throws HandlersUnavailable. */
  open(module: string, name: string, threads: number, failed: (error: unknown) => void): Runner
  /** Milliseconds of the wall clock. */
  date(): number
  readonly emitter: HandledEmitter
  report(failure: HandlerFailed): void
}

const MOST_WAITING = 1_024
const MOST_THREADS = 64
const LONGEST_TIMEOUT = 86_400_000
const EVENT_TIMEOUT = 30_000

interface HandlerSettings {
  module: string
  name: string
  timeout: number | undefined
  concurrency: number
}

class Handler {
  readonly #runner: Runner
  readonly #settings: HandlerSettings
  readonly #date: () => number
  readonly #report: (
    event: { lamportTime: number } | undefined,
    reason: HandlerFailed['reason'],
    error: unknown,
  ) => void
  #waiting: (UserEvent | QueryEvent)[] = []
  #running = 0
  #isStopped = false

  constructor(kind: HandledKind, name: string, settings: HandlerSettings, world: HandlerWorld) {
    this.#settings = settings
    this.#date = () => world.date()
    this.#report = (event, reason, error) => {
      if (this.#isStopped) return
      world.report({
        type: 'handler-failed',
        kind,
        name,
        lamportTime: event?.lamportTime,
        reason,
        error,
      })
    }
    const { module, name: exported, concurrency } = settings
    this.#runner = world.open(module, exported, concurrency, (error) =>
      this.#report(undefined, 'threw', error),
    )
  }

  take(event: UserEvent | QueryEvent): void {
    if (this.#waiting.length >= MOST_WAITING) {
      this.#report(event, 'queue-full', new HandlerQueueFull(MOST_WAITING))
      return
    }
    this.#waiting.push(event)
    this.#next()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#waiting = []
    await this.#runner.close()
  }

  #next(): void {
    while (this.#running < this.#settings.concurrency) {
      const event = this.#waiting.shift()
      if (event === undefined) return
      this.#running += 1
      this.#call(event).finally(() => {
        this.#running -= 1
        this.#next()
      })
    }
  }

  /** Never rejects. */
  async #call(event: UserEvent | QueryEvent): Promise<void> {
    const left = event.type === 'query' ? event.deadline - this.#date() : EVENT_TIMEOUT
    const timeout = this.#settings.timeout ?? left
    if (left <= 0) return this.#report(event, 'timeout', new HandlerTimeout(0))
    try {
      const answer = await this.#runner.run(handed(event), timeout)
      if (event.type === 'query' && !this.#isStopped) await this.#answer(event, answer)
    } catch (error) {
      this.#report(event, error instanceof HandlerTimeout ? 'timeout' : 'threw', error)
    }
  }

  async #answer(query: QueryEvent, answer: unknown): Promise<void> {
    if (answer === undefined || answer === null) return
    try {
      if (typeof answer !== 'string' && !(answer instanceof Uint8Array)) {
        throw new InvalidArgument('handle: a handler of queries must return a text, a Uint8Array or nothing')
      }
      await query.respond(answer)
    } catch (error) {
      this.#report(query, 'unanswered', error)
    }
  }
}

/** The handlers of one cluster. */
export class Handlers {
  readonly #world: HandlerWorld
  readonly #handlers: Record<HandledKind, Map<string, Handler>> = {
    query: new Map(),
    'user-event': new Map(),
  }
  readonly #listeners = {
    query: (event: QueryEvent) => this.#handlers.query.get(event.name)?.take(event),
    'user-event': (event: UserEvent) => this.#handlers['user-event'].get(event.name)?.take(event),
  }

  constructor(world: HandlerWorld) {
    this.#world = world
  }

  /** Throws InvalidArgument and HandlersUnavailable. */
  add(kind: HandledKind, name: string, options: HandlerOptions): HandlerHandle {
    if (kind !== 'query' && kind !== 'user-event') {
      throw new InvalidArgument("handle: what is handled must be 'query' or 'user-event'")
    }
    if (typeof name !== 'string') throw new InvalidArgument('handle: the name must be a text')
    const handlers = this.#handlers[kind]
    if (handlers.has(name)) throw new InvalidArgument(`handle: ${kind} ${name} has a handler already`)
    const handler = new Handler(kind, name, settle(options), this.#world)
    if (handlers.size === 0) this.#listen(kind, 'on')
    handlers.set(name, handler)
    return {
      stop: async () => {
        if (handlers.get(name) === handler) {
          handlers.delete(name)
          if (handlers.size === 0) this.#listen(kind, 'off')
        }
        await handler.stop()
      },
    }
  }

  /** Ends all of them. Resolves when their threads have ended. */
  async close(): Promise<void> {
    const all = Object.values(this.#handlers).flatMap((handlers) => [...handlers.values()])
    await Promise.all(all.map((handler) => handler.stop()))
  }

  #listen(kind: HandledKind, change: 'on' | 'off'): void {
    const { emitter } = this.#world
    if (kind === 'query') emitter[change](kind, this.#listeners.query)
    else emitter[change](kind, this.#listeners[kind])
  }
}

/** What goes to the thread. */
function handed(event: UserEvent | QueryEvent): HandledEvent {
  if (event.type === 'user-event') return event
  const { respond: _, ...rest } = event
  return rest
}

function settle(options: HandlerOptions): HandlerSettings {
  const { module, export: name = 'default', timeout, concurrency = 1 } = options
  const location = module instanceof URL ? module.href : module
  if (typeof location !== 'string' || !/^(file:|\/|[a-z]:[\\/]|\\\\)/i.test(location)) {
    throw new InvalidArgument('handle: module must be a file: URL or an absolute path')
  }
  if (typeof name !== 'string' || name === '') {
    throw new InvalidArgument('handle: export must be the name of an export, or left out')
  }
  refuseNumber('concurrency', concurrency, MOST_THREADS)
  if (timeout !== undefined) refuseNumber('timeout', timeout, LONGEST_TIMEOUT)
  return { module: location, name, timeout, concurrency }
}

function refuseNumber(option: string, value: unknown, most: number): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return
  throw new InvalidArgument(`handle: ${option} must be a whole number from 1 to ${most}`)
}
