/** What one client of the agent has open: event streams, a monitor, queries, and the queries that it may answer (protocol page 3, 1.6 to 1.9). */
import type { Desk, Happening } from './desk.ts'
import { isValid, parseFilters, passes } from './filters.ts'
import { levelOf } from './log-book.ts'
import { type Link, PushQueue } from './outlet.ts'
import {
  type QueryRecord,
  type QueryRequest,
  type StreamRecord,
  type U64,
  writeQueryRecord,
  writeStreamRecord,
} from './rpc/records.ts'
import { type RespondRequest, writeOneText } from './rpc/requests.ts'
import type { RpcWriter } from './rpc/writer.ts'

/** Streams, and queries, that one client may have open. */
const MOST_OPEN = 1_024
/** Queries of one client that may be answered; the oldest is forgotten beyond it. */
const MOST_ANSWERABLE = 1_024

export type WriteBody = (writer: RpcWriter) => void

/** The answer to a request that opens a feed, and the feed's beginning, which comes after it. */
export interface Opened {
  error: string
  start(): void
}

interface Answerable {
  deadlineAt: number
  respond(payload: Uint8Array): Promise<void>
}

const refused = (error: string): Opened => ({ error, start: () => undefined })

export class Pushes {
  readonly #desk: Desk
  readonly #link: Link
  readonly #message: (seq: U64, write: WriteBody) => Uint8Array
  readonly #streams = new Map<bigint, { queue: PushQueue<StreamRecord>; stop(): void }>()
  #monitor: { seq: U64; queue: PushQueue<string>; stop(): void } | undefined
  readonly #queries = new Set<{ queue: PushQueue<QueryRecord>; stop(): void }>()
  readonly #answerable = new Map<bigint, Answerable>()
  #lastQueryId = 0n
  #isClosed = false

  constructor(desk: Desk, link: Link, message: (seq: U64, write: WriteBody) => Uint8Array) {
    this.#desk = desk
    this.#link = link
    this.#message = message
  }

  drained(): void {
    for (const { queue } of [...this.#streams.values(), ...this.#queries]) queue.drain()
    this.#monitor?.queue.drain()
  }

  close(): void {
    this.#isClosed = true
    for (const { stop } of [...this.#streams.values(), ...this.#queries]) stop()
    this.#monitor?.stop()
    this.#streams.clear()
    this.#queries.clear()
    this.#answerable.clear()
  }

  stream(seq: U64, type: string): Opened {
    const filters = parseFilters(type)
    const key = BigInt(seq)
    if (!filters.every(isValid)) return refused('Invalid event filter')
    if (this.#streams.has(key)) return refused('Stream with given sequence exists')
    if (this.#streams.size >= MOST_OPEN) return refused(`more than ${MOST_OPEN} streams of one client`)
    const start = () => {
      const queue = this.#queue(seq, writeStreamRecord, 'event')
      const stop = this.#desk.subscribe((happening) => {
        const name = 'name' in happening ? happening.name : ''
        if (filters.some((filter) => passes(filter, happening.kind, name)))
          queue.push(this.#recordOf(happening))
      })
      this.#streams.set(key, { queue, stop })
    }
    return { error: '', start }
  }

  monitor(seq: U64, text: string): Opened {
    const level = levelOf(text)
    if (level === undefined) return refused(`Unknown log level: ${text}`)
    if (this.#monitor !== undefined) return refused('Monitor already exists')
    const start = () => {
      const queue = this.#queue<string>(seq, (writer, line) => writeOneText(writer, 'Log', line), 'log')
      this.#monitor = { seq, queue, stop: this.#desk.follow(level, (line) => queue.push(line)) }
    }
    return { error: '', start }
  }

  /** Ends the stream or the monitor of this number, if there is one. */
  stop(seq: U64): void {
    const key = BigInt(seq)
    this.#streams.get(key)?.stop()
    this.#streams.delete(key)
    if (this.#monitor === undefined || BigInt(this.#monitor.seq) !== key) return
    this.#monitor.stop()
    this.#monitor = undefined
  }

  /** Resolves when the query is on its way; its records come in later turns, so after the answer. */
  async query(seq: U64, request: QueryRequest): Promise<void> {
    if (this.#queries.size >= MOST_OPEN) throw new Error(`more than ${MOST_OPEN} queries of one client`)
    const queue = this.#queue(seq, writeQueryRecord, 'query')
    const open: { queue: PushQueue<QueryRecord>; stop(): void } = { queue, stop: () => undefined }
    const record = (item: QueryRecord) => {
      if (this.#isClosed) return
      queue.push(item)
      if (item.type === 'done') this.#queries.delete(open)
    }
    // Counted at once: many requests at a time must not get past the bound together.
    this.#queries.add(open)
    try {
      open.stop = await this.#desk.query(request, (item) => this.#desk.later(0, () => record(item)))
    } catch (error) {
      this.#queries.delete(open)
      throw error
    }
    if (this.#isClosed) open.stop()
  }

  async respond({ id, payload }: RespondRequest): Promise<void> {
    const query = this.#answerable.get(BigInt(id))
    if (query === undefined || query.deadlineAt < this.#desk.now())
      throw new Error('No pending queries matching ID')
    await query.respond(payload ?? new Uint8Array(0))
  }

  #recordOf(happening: Happening): StreamRecord {
    if ('members' in happening) return { event: happening.kind, members: happening.members }
    const { name, lTime, payload } = happening
    if (happening.kind === 'user')
      return { event: 'user', name, lTime, payload, coalesce: happening.coalesce }
    this.#lastQueryId += 1n
    this.#answerable.set(this.#lastQueryId, happening)
    this.#answerable.delete(this.#lastQueryId - BigInt(MOST_ANSWERABLE))
    return { event: 'query', id: this.#lastQueryId, name, lTime, payload }
  }

  #queue<Item>(
    seq: U64,
    write: (writer: RpcWriter, item: Item) => void,
    what: 'event' | 'log' | 'query',
  ): PushQueue<Item> {
    const dropping = `agent.ipc: Dropping ${what === 'log' ? 'logs' : 'event'} to ipc.client: ${this.#link.peer}`
    return new PushQueue(
      this.#link,
      (item) => this.#message(seq, (writer) => write(writer, item)),
      (count) => this.#message(seq, (writer) => writeLost(writer, what, count)),
      () => this.#desk.log('WARN', dropping),
    )
  }
}

/** What a slow client lost: an event of our own kind in streams, a line in logs. Clients that do not know it pass over it. */
function writeLost(writer: RpcWriter, what: 'event' | 'log' | 'query', count: number): void {
  if (what === 'log')
    return writeOneText(writer, 'Log', `[WARN] agent.ipc: ${count} log lines lost: read faster`)
  writer.map(2)
  writer.field('Count').uint(count)
  writer.field(what === 'event' ? 'Event' : 'Type').text('lagged')
}
