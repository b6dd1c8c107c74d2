/**
 * Queries as a host sees them: one that it asked, with answers that stream in, and one that it was asked. Neither knows of threads: what
 * crosses them is passed in.
 */
import type { DispatchCommand, QueryAnswer, QueryEnding, QueryMail, QueryWish } from '../actors/mail.ts'
import { FeatureNotSupported, InvalidArgument, isFolkmootError } from '../errors/errors.ts'
import { refuseUnknown } from '../options/arguments.ts'

/** Who is asked and how; what is left out means everybody, once, without acks, for the default time. */
export interface QueryOptions {
  /** Names of the members that are meant. Default all. */
  nodes?: readonly string[]
  /** Patterns by tag, in RE2's syntax, unanchored: only members on which all are found. A missing tag counts as an empty text. */
  tags?: Readonly<Record<string, string>>
  /** Whether members shall say that the query has reached them, answer or not. Default false. */
  requestAck?: boolean
  /** Over how many other members each answer shall come as well, against loss: 0 to 255. Default 0. */
  relayFactor?: number
  /** How long to wait, in milliseconds. Default: 16 gossip intervals times the logarithm of the pool (page 2, section 4.8): 3.2 s for up to 9. */
  timeout?: number
  /** Gives the query up: iterators end, `finished` rejects with its reason. */
  signal?: AbortSignal
}

/** What came of a query. */
export interface QueryResult {
  /** `answered`: everyone expected has answered or is known to be gone. `closed`: the host wanted no more. */
  readonly how: QueryEnding | 'closed'
  /** In the order in which they came. */
  readonly answers: readonly QueryAnswer[]
  /** Who said that the query has reached it; empty when acks were not asked for. */
  readonly acks: readonly string[]
  /** Who was expected and did not answer, sorted. Members that we know of and that the filters fit; also names that nobody is known to have. */
  readonly silent: readonly string[]
}

/** A list that grows, for any number of readers, each of which sees it all. */
class Stream<Item> {
  readonly items: Item[] = []
  #waiting: (() => void)[] = []
  #isOver = false
  #error: unknown

  push(items: readonly Item[]): void {
    this.items.push(...items)
    this.#wake()
  }

  /** Nothing more comes. Readers get the error when they have read all, if there is one. */
  end(error?: unknown): void {
    this.#isOver = true
    this.#error ??= error
    this.#wake()
  }

  async *read(): AsyncGenerator<Item, void> {
    for (let at = 0; ; at++) {
      while (at >= this.items.length && !this.#isOver) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve))
      }
      if (at >= this.items.length) break
      yield this.items[at]
    }
    if (this.#error !== undefined) throw this.#error
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

/**
 * A query under way, as `cluster.query` gives it. What came is kept until the handle is let go of: one answer and one ack of each member at most, 64 MiB in all. A query
 * that could not be started rejects `finished` and is thrown by the iterators: QueryTooLarge, TooManyQueries, InvalidArgument for a
 * pattern, ClusterClosed, ActorExited.
 */
export interface QueryHandle {
  /** Resolves when the query is on its way, with how long it waits for answers, in milliseconds. Rejects as `finished` does. */
  readonly started: Promise<{ lasts: number }>
  /** Resolves when everyone expected has answered or is known to be gone, at the deadline, or after `close()`. */
  readonly finished: Promise<QueryResult>
  /** Answers as they come; each call begins with the first. */
  responses(): AsyncGenerator<QueryAnswer, void>
  /** Names of members that the query has reached, as their acks come. */
  acks(): AsyncGenerator<string, void>
  /** Wants no more: iterators end, `finished` resolves with what came so far. */
  close(): void
}

class PendingQuery implements QueryHandle {
  readonly started: Promise<{ lasts: number }>
  readonly finished: Promise<QueryResult>
  readonly #answers = new Stream<QueryAnswer>()
  readonly #acks = new Stream<string>()
  readonly #forget: (isOver: 'over' | 'given-up') => void
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = () => this.#giveUp(this.#signal?.reason)
  #begun: (start: { lasts: number }) => void = () => undefined
  #notBegun: (error: unknown) => void = () => undefined
  #resolve: (result: QueryResult) => void = () => undefined
  #reject: (error: unknown) => void = () => undefined
  #isOver = false

  /** `forget` hears once that nothing more is wanted, and whether the actors know. */
  constructor(signal: AbortSignal | undefined, forget: (isOver: 'over' | 'given-up') => void) {
    this.#forget = forget
    this.#signal = signal
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Who only iterates hears of a failure there.
    this.finished.catch(() => undefined)
    this.started = new Promise((resolve, reject) => {
      this.#begun = resolve
      this.#notBegun = reject
    })
    this.started.catch(() => undefined)
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  responses(): AsyncGenerator<QueryAnswer, void> {
    return this.#answers.read()
  }

  acks(): AsyncGenerator<string, void> {
    return this.#acks.read()
  }

  close(): void {
    if (this.#isOver) return
    this.#end('given-up')
    this.#resolve(this.#result('closed', []))
  }

  /** It is on its way. */
  begin(lasts: number): void {
    this.#begun({ lasts })
  }

  /** What the actors say of it. */
  take(mail: QueryMail): void {
    if (this.#isOver) return
    if (mail.type === 'query-heard') {
      this.#answers.push(mail.answers)
      this.#acks.push(mail.acks)
    } else {
      this.#end('over')
      this.#resolve(this.#result(mail.how, mail.silent))
    }
  }

  /** It could not be started, or the cluster ended before it did. */
  fail(error: unknown): void {
    if (this.#isOver) return
    this.#end('over', error)
    this.#reject(error)
  }

  #giveUp(reason: unknown): void {
    if (this.#isOver) return
    this.#notBegun(reason)
    this.#end('given-up')
    this.#reject(reason)
  }

  #end(isOver: 'over' | 'given-up', error?: unknown): void {
    this.#isOver = true
    // Nothing happens to a promise that was settled before.
    if (error === undefined) this.#begun({ lasts: 0 })
    else this.#notBegun(error)
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#answers.end(error)
    this.#acks.end(error)
    this.#forget(isOver)
  }

  #result(how: QueryResult['how'], silent: readonly string[]): QueryResult {
    return { how, answers: [...this.#answers.items], acks: [...this.#acks.items], silent }
  }
}

/** The queries of one host. */
export class OwnQueries {
  readonly #open = new Map<number, PendingQuery>()
  #last = 0

  /** Starts one. `send` is the way to dispatch: it rejects with what is wrong. */
  start(
    wish: QueryWish,
    signal: AbortSignal | undefined,
    send: (command: DispatchCommand) => Promise<{ lasts: number } | null>,
  ): QueryHandle {
    this.#last += 1
    const query = this.#last
    const pending = new PendingQuery(signal, (isOver) => {
      this.#open.delete(query)
      // Nobody is left to hear that a cluster is closed.
      if (isOver === 'given-up') send({ type: 'query-close', query }).catch(() => undefined)
    })
    this.#open.set(query, pending)
    send({ type: 'query', query, wish }).then(
      (reply) => pending.begin(reply?.lasts ?? 0),
      (error) => pending.fail(error),
    )
    return pending
  }

  take(mail: QueryMail): void {
    this.#open.get(mail.query)?.take(mail)
  }

  /** The cluster is closed: none that is under way will be answered. */
  end(error: () => Error): void {
    for (const pending of [...this.#open.values()]) pending.fail(error())
  }
}

const MOST_RELAYS = 255
const LONGEST_TIMEOUT = 86_400_000
const RESERVED = '_serf_'
const PING = '_serf_ping'
const OPTIONS = ['nodes', 'tags', 'requestAck', 'relayFactor', 'timeout', 'signal']

/** Checks what the host says. Throws InvalidArgument. */
export function wishOf(
  name: string,
  payload: Uint8Array | string | undefined,
  options: QueryOptions,
): QueryWish {
  if (typeof name !== 'string') throw new InvalidArgument('query: the name must be a text')
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : (payload ?? null)
  if (bytes !== null && !(bytes instanceof Uint8Array)) {
    throw new InvalidArgument('query: the payload must be a text or a Uint8Array')
  }
  if (name.startsWith(RESERVED) && !(name === PING && bytes === null)) {
    throw new InvalidArgument(
      `query: names that begin with ${RESERVED} are Serf's own; only ${PING} without a payload may be asked`,
    )
  }
  refuseUnknown('query', options, OPTIONS)
  const { nodes = [], tags = {}, requestAck = false, relayFactor = 0, timeout = 0 } = options
  refuseFilters(nodes, tags)
  if (typeof requestAck !== 'boolean') throw new InvalidArgument('query: requestAck must be true or false')
  refuseNumber('relayFactor', relayFactor, MOST_RELAYS)
  refuseNumber('timeout', timeout, LONGEST_TIMEOUT)
  return { name, payload: bytes, nodes: [...nodes], tags: { ...tags }, requestAck, relayFactor, timeout }
}

/** Queries came with version 4 (page 2, section 2.13); members of older versions answer them all the same. */
export function refuseOldProtocol(version: number): void {
  if (version >= 4) return
  throw new FeatureNotSupported(
    `query: Feature not supported: needs protocol version 4 or more, this is ${version}`,
  )
}

const LATE = ['ERR_QUERY_ANSWERED', 'ERR_QUERY_EXPIRED', 'ERR_RESPONSE_TOO_LARGE', 'ERR_RELAY_TOO_LARGE']

/**
 * What an async listener of queries returned: an answer that did not go out is no fault to end a process for, so it is logged. Any other
 * rejection stays unhandled, as with every emitter.
 */
export function logLateAnswers(returned: unknown, logger: { warn(message: string): void } | undefined): void {
  if (!(returned instanceof Promise)) return
  returned.catch((error: unknown) => {
    if (!isFolkmootError(error) || !LATE.includes(error.code)) throw error
    logger?.warn(`query: ${error.message}`)
  })
}

function refuseFilters(nodes: unknown, tags: unknown): void {
  if (!Array.isArray(nodes) || nodes.some((node) => typeof node !== 'string')) {
    throw new InvalidArgument('query: nodes must be a list of texts')
  }
  if (typeof tags !== 'object' || tags === null || Array.isArray(tags)) {
    throw new InvalidArgument('query: tags must be an object of patterns')
  }
  if (Object.values(tags).some((pattern) => typeof pattern !== 'string')) {
    throw new InvalidArgument('query: tags must be an object of patterns, which are texts')
  }
}

function refuseNumber(option: string, value: unknown, most: number): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return
  throw new InvalidArgument(`query: ${option} must be a whole number from 0 to ${most}`)
}
