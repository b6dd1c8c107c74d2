/**
 * Queries of others, and our own among them (protocol page 2, section 4.9): whether we are meant, the ack, who answers. Gossip has made
 * sure that each comes once.
 *
 * A query that is for the host stays in its record and goes on with the events; one that is not is struck out. What the host does not
 * answer is forgotten after its deadline.
 */
import type { Counters } from '../actors/counters.ts'
import { FACT, FactReader } from '../actors/facts.ts'
import { type QueryRecord, queryOf, strikeOut } from '../actors/query-facts.ts'
import { textOf } from '../cluster/member.ts'
import {
  type FolkmootError,
  OriginUnnamed,
  PacketTooLarge,
  QueryAnswered,
  QueryExpired,
  RelayTooLarge,
  ResponseTooLarge,
} from '../errors/errors.ts'
import { readFilters } from '../wire/filter.ts'
import { QUERY_FLAG } from '../wire/query.ts'
import { fits, isAffordable } from './filters.ts'
import { INTERNAL, type InternalQueries, type InternalQuery } from './internal-queries.ts'
import type { Patterns } from './patterns.ts'
import type { Addressee, Replies } from './replies.ts'

export interface ReceivedParts {
  patterns: Patterns
  replies: Replies
  internal: InternalQueries
  counters: Counters
  ownName: string
  /** Our tags as they are now, those counted in that our protocol does not show. */
  ownTags(): Readonly<Record<string, string>>
  /** Bytes that an answer may have when encoded. */
  sizeLimit: number
  /** Bytes of the longest message that a packet holds. */
  packetRoom: number
}

/** Queries that may wait for an answer of ours; beyond it those that came first are forgotten and counted. */
const MOST_OPEN = 4_096
/** How often forgotten ones are looked for. */
const SWEEP = 1_000
/** Longest time that a query is remembered, whatever its origin says. */
const LONGEST = 3_600_000

interface Open {
  to: Addressee
  deadline: number
  isAnswered: boolean
}

export class Queries {
  readonly #parts: ReceivedParts
  readonly #open = new Map<string, Open>()
  #sweepAt = Number.POSITIVE_INFINITY

  constructor(parts: ReceivedParts) {
    this.#parts = parts
  }

  get wakeAt(): number {
    return this.#sweepAt
  }

  /** Queries that may still be answered. */
  get open(): number {
    return this.#open.size
  }

  /** Looks at every query among the facts. The buffer is the caller's own: what is not for the host is struck out in it. */
  sift(facts: Uint8Array, now: number): void {
    // Nothing but members goes in shared memory.
    if (facts.buffer instanceof SharedArrayBuffer) return
    for (const reader = new FactReader(facts); !reader.atEnd; reader.next()) {
      if (reader.kind === FACT.query && !this.#isForHost(queryOf(reader), now)) strikeOut(reader)
    }
  }

  wake(now: number): void {
    if (now < this.#sweepAt) return
    for (const [key, open] of this.#open) if (open.deadline < now) this.#open.delete(key)
    this.#sweepAt = this.#open.size > 0 ? now + SWEEP : Number.POSITIVE_INFINITY
  }

  /** The host's answer. Returns what went wrong, or undefined. */
  respond(lamportTime: number, id: number, payload: Uint8Array, now: number): FolkmootError | undefined {
    const open = this.#open.get(keyOf(lamportTime, id))
    if (open === undefined || now > open.deadline) return new QueryExpired()
    if (open.isAnswered) return new QueryAnswered()
    const replied = this.#parts.replies.answer(open.to, payload)
    const { sizeLimit, packetRoom } = this.#parts
    if (replied.how === 'nameless') return new OriginUnnamed()
    if (replied.how === 'too-large') {
      if (replied.bytes > sizeLimit) return new ResponseTooLarge(replied.bytes, sizeLimit)
      return new PacketTooLarge(replied.bytes + 1, packetRoom)
    }
    open.isAnswered = true
    this.#parts.counters.add('folkmoot.query.answered')
    return replied.how === 'sent' ? undefined : new RelayTooLarge(replied.bytes, sizeLimit)
  }

  #isForHost(query: QueryRecord, now: number): boolean {
    const { replies, counters } = this.#parts
    if (!this.#isForUs(query)) {
      counters.add('folkmoot.query.filtered')
      return false
    }
    if ((query.flags & QUERY_FLAG.ack) !== 0) replies.ack(query)
    this.#remember(query, now)
    const name = textOf(query.name)
    if (!name.startsWith(INTERNAL)) return true
    this.#parts.internal.ask(this.#internalOf(name, query), now)
    return false
  }

  #isForUs(query: QueryRecord): boolean {
    const { patterns, ownName, ownTags } = this.#parts
    if (query.filters.length === 0) return true
    const filters = readFilters(query.filters)
    if (filters === undefined || !isAffordable(filters)) {
      this.#parts.counters.add('drop.query-filter')
      return false
    }
    return fits(filters, ownName, ownTags(), patterns)
  }

  #remember(query: QueryRecord, now: number): void {
    const { lamportTime, id, address, port, source, relayFactor, timeout } = query
    if (this.#open.size >= MOST_OPEN) {
      const [oldest] = this.#open.keys()
      this.#open.delete(oldest)
      this.#parts.counters.add('drop.query-open')
    }
    const to = { lamportTime, id, address, port, source, relayFactor }
    const deadline = now + Math.min(timeout, LONGEST)
    this.#open.set(keyOf(lamportTime, id), { to, deadline, isAnswered: false })
    if (this.#sweepAt === Number.POSITIVE_INFINITY) this.#sweepAt = now + SWEEP
  }

  #internalOf(name: string, query: QueryRecord): InternalQuery {
    const { lamportTime, id, payload } = query
    return {
      name,
      payload,
      source: textOf(query.source),
      fits: (answer) => this.#parts.replies.fits(query, answer),
      respond: (answer, now) => {
        const refusal = this.respond(lamportTime, id, answer, now)
        if (refusal !== undefined) this.#parts.counters.add('drop.query-internal-answer')
      },
    }
  }
}

/** A query is known by both: ids alone are drawn by chance, and times are shared. */
function keyOf(lamportTime: number, id: number): string {
  return `${lamportTime}:${id}`
}
