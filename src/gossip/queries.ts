/**
 * Queries on their way (protocol page 2, sections 4.8 and 4.9): ours get their Lamport time and id here, those of others are heard once and
 * passed on in the bytes they came in, and answers find their way to dispatch. What a query means is dispatch's matter.
 */
import { CappedNames } from '../actors/capped.ts'
import type { Envelope, Outlet, Random } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import type { Asked, Question, Self, ToDispatch } from '../actors/mail.ts'
import { LONGEST_TEXT } from '../actors/query-facts.ts'
import { QueryTooLarge } from '../errors/errors.ts'
import { toPlain } from '../errors/plain.ts'
import { parseIp } from '../wire/address.ts'
import { Writer } from '../wire/msgpack.ts'
import { AnswerCursor, QUERY_FLAG, QueryCursor, readAnswer, readQuery, writeQuery } from '../wire/query.ts'
import { MESSAGE } from '../wire/types.ts'
import type { LamportClock } from './lamport.ts'
import type { Outbox } from './outbox.ts'
import type { Queues } from './queues.ts'
import { SeenQueries } from './seen-queries.ts'

export interface QueryRules {
  querySizeLimit: number
  queryBuffer: number
}

export interface QueryParts {
  queues: Queues
  outbox: Outbox
  counters: Counters
  clock: LamportClock
  random: Random
  dispatch: Outlet<ToDispatch>
}

/** Ids have 31 bits, as the original draws them. */
const IDS = 2 ** 31
/** Queries of ours whose answers are let through; beyond it those of the oldest are no longer heard. */
const MOST_OPEN = 4_096

export class Queries {
  readonly seen: SeenQueries
  readonly #rules: QueryRules
  readonly #parts: QueryParts
  readonly #cursor = new QueryCursor()
  readonly #answer = new AnswerCursor()
  readonly #writer = new Writer()
  readonly #names: CappedNames
  #source = new Uint8Array(0)
  #address = new Uint8Array(0)
  #port = 0
  /** Our own queries that may still be answered: Lamport time to id and end, the oldest first. */
  readonly #open = new Map<number, { id: number; endsAt: number; message: Uint8Array }>()

  constructor(rules: QueryRules, parts: QueryParts) {
    this.#rules = rules
    this.#parts = parts
    this.#names = new CappedNames(parts.counters, 'serf.queries.name')
    this.seen = new SeenQueries(rules.queryBuffer)
  }

  begin(self: Self): void {
    this.#source = new TextEncoder().encode(self.name)
    this.#address = parseIp(self.ip)?.slice() ?? new Uint8Array(0)
    this.#port = self.port
  }

  /** Starts a query of ours. Dispatch hears `asked` before anybody can answer, ourselves counted in. */
  ask(number: number, question: Question, now: number): void {
    this.#parts.dispatch.tell({ type: 'asked', number, outcome: this.#start(question, now) })
  }

  /** The message of a query of ours that may still be answered, memberlist's type byte in front. */
  messageOf(lamportTime: number): Uint8Array | undefined {
    return this.#open.get(lamportTime)?.message
  }

  /** From now on queries older than this are refused. */
  ignoreBefore(lamportTime: number): void {
    this.seen.minTime = Math.max(this.seen.minTime, lamportTime)
  }

  /** A query in a message: memberlist's type byte, Serf's type byte, body. */
  heard(bytes: Uint8Array, start: number, end: number): void {
    const { queues, counters, outbox } = this.#parts
    const query = this.#cursor
    if (!readQuery(query, bytes, start + 2, end) || !isSound(query)) {
      counters.add('drop.query')
      return
    }
    if (!this.#isNew(query)) return
    if ((query.flags & QUERY_FLAG.noBroadcast) === 0) queues.add('queries', bytes.slice(start, end))
    if (!outbox.query(query)) counters.add('drop.query-dispatch')
  }

  /** An answer or ack in a message: memberlist's type byte, Serf's type byte, body. Nobody but dispatch looks inside. */
  answered(bytes: Uint8Array, start: number, end: number, now: number): void {
    const { counters, outbox } = this.#parts
    const answer = this.#answer
    if (!readAnswer(answer, bytes, start + 2, end)) {
      counters.add('drop.query-response')
      return
    }
    const open = this.#open.get(answer.lamportTime)
    if (open === undefined || open.id !== answer.id) counters.add('drop.query-response-unknown')
    else if (now > open.endsAt) counters.add('drop.query-response-late')
    else if (!outbox.answer(bytes, start, end)) counters.add('drop.query-response-dispatch')
  }

  #start(question: Question, now: number): Envelope<Asked> {
    const { clock, queues, random } = this.#parts
    const lamportTime = clock.time
    const id = random.below(IDS)
    const { filters, flags, relayFactor, timeout, payload } = question
    this.#writer.reset().byte(MESSAGE.user)
    writeQuery(this.#writer, {
      lamportTime,
      id,
      address: this.#address,
      port: this.#port,
      source: this.#source,
      filters,
      flags,
      relayFactor,
      timeout,
      name: new TextEncoder().encode(question.name),
      payload,
    })
    const bytes = this.#writer.view()
    // The size limit speaks of Serf's message, which does not count the byte in front.
    const { querySizeLimit } = this.#rules
    if (bytes.length - 1 > querySizeLimit) return tooLarge(bytes.length - 1, querySizeLimit)
    if (!queues.fits(bytes.length)) return tooLarge(bytes.length, queues.largest)
    this.#remember(lamportTime, { id, endsAt: now + timeout, message: bytes.slice() }, now)
    this.heard(bytes, 0, bytes.length)
    return { ok: true, value: { id, lamportTime }, after: 0 }
  }

  #remember(
    lamportTime: number,
    query: { id: number; endsAt: number; message: Uint8Array },
    now: number,
  ): void {
    for (const [time, open] of this.#open) {
      if (open.endsAt > now && this.#open.size < MOST_OPEN) break
      this.#open.delete(time)
    }
    this.#open.set(lamportTime, query)
  }

  #isNew(query: QueryCursor): boolean {
    const { clock, counters } = this.#parts
    if (!clock.admits(query.lamportTime)) {
      counters.add('drop.lamport-time')
      return false
    }
    clock.witness(query.lamportTime)
    const novelty = this.seen.note(query.lamportTime, clock.time, query.id)
    if (novelty === 'new') {
      counters.add('serf.queries')
      this.#names.count(query.bytes, query.nameStart, query.nameEnd)
      return true
    }
    if (novelty !== 'seen') counters.add(novelty === 'old' ? 'drop.query-old' : 'drop.query-ring-full')
    return false
  }
}

/** Whether a query can be answered at all, and fits a record. */
function isSound(query: QueryCursor): boolean {
  const address = query.addressEnd - query.addressStart
  return (
    (address === 4 || address === 16) &&
    query.nameEnd - query.nameStart <= LONGEST_TEXT &&
    query.sourceEnd - query.sourceStart <= LONGEST_TEXT
  )
}

function tooLarge(bytes: number, limit: number): Envelope<Asked> {
  return { ok: false, error: toPlain(new QueryTooLarge(bytes, limit)) }
}
