/**
 * Queries of ours (protocol page 2, section 4.8): who is expected to answer, who did, and when it is over. The original waits for the
 * deadline; here a query is also over once everyone whom we expect has answered or is known to be gone.
 */
import type { Outlet, Random } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import { FACT, FactReader } from '../actors/facts.ts'
import type { QueryAnswer, QueryEnding, QueryWish, Question, ToDispatch, ToGossip } from '../actors/mail.ts'
import { eachOverheard } from '../actors/packed.ts'
import { textOf } from '../cluster/member.ts'
import { InvalidArgument, TooManyQueries } from '../errors/errors.ts'
import { fromPlain } from '../errors/plain.ts'
import { encodeNameFilter, encodeTagFilter, type Filter } from '../wire/filter.ts'
import { AnswerCursor, QUERY_FLAG, readAnswer } from '../wire/query.ts'
import { decodeTags } from '../wire/tags.ts'
import { fits, isAffordable } from './filters.ts'
import { PING } from './internal-queries.ts'
import type { Patterns } from './patterns.ts'
import { remind, remindAt } from './reminders.ts'
import { isLive, type MemberView } from './view.ts'

export interface QuestionRules {
  gossipInterval: number
  queryTimeoutMult: number
}

export interface QuestionParts {
  gossip: Outlet<ToGossip>
  view: MemberView
  patterns: Patterns
  counters: Counters
  random: Random
}

/** Who asks: the host, or one of dispatch's own machines. */
export interface Asker {
  /** The query is on its way and lasts so many milliseconds; or why it is not, and then nothing follows. */
  started(outcome: Error | number): void
  /** What came in one turn: each member answers once at most, and acks once. */
  heard(answers: readonly QueryAnswer[], acks: readonly string[]): void
  /** It is over: who was expected and did not answer. */
  ended(silent: readonly string[], how: QueryEnding): void
}

/** Queries of ours at one time. */
const MOST_OPEN = 1_024
/** Answers that one query may bring: a few more than there are members, for those we have not heard of. Beyond it they are dropped and counted. */
const STRANGERS = 64
const MOST_BYTES = 64 * 1024 * 1024

/** A query that gossip was asked to start, or that is under way. */
interface Open {
  readonly number: number
  readonly asker: Asker
  readonly filters: readonly Filter[]
  readonly timeout: number
  readonly wantsAcks: boolean
  /** Whether acks are all that can come. */
  readonly endsWithAcks: boolean
  /** Who is expected and has not answered. */
  missing: Set<string>
  /** Who was expected, did not answer and is gone. */
  gone: Set<string>
  answered: Set<string>
  acked: Set<string>
  most: number
  bytes: number
  id: number
  startedAt: number
  endsAt: number
  /** How often it was sent again, and when it is next. */
  reminders: number
  remindAt: number
}

type Asked = Extract<ToDispatch, { type: 'asked' }>

export class Questions {
  readonly #rules: QuestionRules
  readonly #parts: QuestionParts
  readonly #cursor = new AnswerCursor()
  /** Asked of gossip, by number; then under way, by Lamport time. */
  readonly #asked = new Map<number, Open>()
  readonly #open = new Map<number, Open>()
  #numbers = 0

  constructor(rules: QuestionRules, parts: QuestionParts) {
    this.#rules = rules
    this.#parts = parts
  }

  /** The next deadline. */
  get wakeAt(): number {
    let at = Number.POSITIVE_INFINITY
    for (const open of this.#open.values()) at = Math.min(at, open.endsAt, open.remindAt)
    return at
  }

  get open(): number {
    return this.#open.size
  }

  /** Starts a query; its number is for `close`. The asker hears `started` first, maybe at once. */
  ask(wish: QueryWish, asker: Asker): number {
    this.#numbers += 1
    const number = this.#numbers
    const filters = filtersOf(wish)
    const refusal = this.#refusal(wish, filters)
    if (refusal !== undefined) {
      asker.started(refusal)
      return number
    }
    const timeout = wish.timeout > 0 ? wish.timeout : this.defaultTimeout
    this.#asked.set(number, opened(number, asker, wish, filters, timeout))
    const { name, payload, relayFactor } = wish
    const flags = wish.requestAck ? QUERY_FLAG.ack : 0
    const question: Question = { name, payload, filters: encoded(filters), flags, relayFactor, timeout }
    this.#parts.gossip.tell({ type: 'ask', number, question })
    return number
  }

  #refusal(wish: QueryWish, filters: readonly Filter[]): Error | undefined {
    if (this.#open.size + this.#asked.size >= MOST_OPEN) return new TooManyQueries(MOST_OPEN)
    const unusable = Object.entries(wish.tags).find(([, pattern]) => !this.#parts.patterns.isValid(pattern))
    if (unusable !== undefined) return new InvalidArgument(`query: tag ${unusable[0]} has ${REFUSED}`)
    return isAffordable(filters)
      ? undefined
      : new InvalidArgument('query: its patterns are together too large')
  }

  /** How long a query waits that does not say (protocol page 2, section 4.8). */
  get defaultTimeout(): number {
    const { gossipInterval, queryTimeoutMult } = this.#rules
    return gossipInterval * queryTimeoutMult * Math.ceil(Math.log10(this.#parts.view.live + 1))
  }

  /** What gossip made of it. */
  asked({ number, outcome }: Asked, now: number): void {
    const open = this.#asked.get(number)
    if (open === undefined) return
    this.#asked.delete(number)
    if (!outcome.ok) {
      open.asker.started(fromPlain(outcome.error))
      return
    }
    open.id = outcome.value.id
    open.startedAt = now
    open.endsAt = now + open.timeout
    open.remindAt = remindAt(now, open.endsAt, 0)
    this.#expect(open)
    open.most = this.#parts.view.size + STRANGERS
    this.#open.set(outcome.value.lamportTime, open)
    open.asker.started(open.timeout)
    if (open.missing.size === 0) this.#end(outcome.value.lamportTime, open, 'answered')
  }

  /** Answers and acks as they came. */
  answers(bytes: Uint8Array): void {
    const news = new Map<Open, Told>()
    eachOverheard(bytes, (message, start, end) => {
      if (readAnswer(this.#cursor, message, start + 2, end)) this.#answer(news)
    })
    for (const [open, { answers, acks }] of news) {
      if (answers.length + acks.length > 0) open.asker.heard(answers, acks)
    }
    this.#endAnswered()
  }

  /** Who is known to be gone is waited for no longer. */
  facts(bytes: Uint8Array): void {
    if (this.#open.size === 0) return
    for (const reader = new FactReader(bytes); !reader.atEnd; reader.next()) {
      const { kind } = reader
      const isGone = kind === FACT.memberFailed || kind === FACT.memberLeave || kind === FACT.memberReap
      if (isGone) this.#gone(textOf(reader.name))
    }
    this.#endAnswered()
  }

  /** The asker wants no more of it, and hears no more. */
  close(number: number): void {
    this.#asked.delete(number)
    for (const [lamportTime, open] of this.#open) if (open.number === number) this.#open.delete(lamportTime)
  }

  wake(now: number): void {
    for (const [lamportTime, open] of this.#open) {
      if (now >= open.endsAt) this.#end(lamportTime, open, 'deadline')
      else if (now >= open.remindAt) this.#remind(lamportTime, open)
    }
  }

  /** Who acknowledged has heard it, and takes its time. */
  #remind(lamportTime: number, open: Open): void {
    open.reminders += 1
    open.remindAt = remindAt(open.startedAt, open.endsAt, open.reminders)
    const silent = new Set([...open.missing].filter((name) => !open.acked.has(name)))
    remind(this.#parts, lamportTime, silent)
  }

  /** Decides who is meant, by our own view. Names that we do not know are waited for, since others may know them. */
  #expect(open: Open): void {
    const { view, patterns } = this.#parts
    const named = new Set(open.filters.flatMap((filter) => (filter.kind === 'names' ? filter.names : [])))
    open.missing = new Set(named)
    view.each((member) => {
      const name = textOf(member.name)
      open.missing.delete(name)
      if (!isLive(member.status)) {
        if (named.has(name)) open.gone.add(name)
      } else if (fits(open.filters, name, decodeTags(member.meta.slice()), patterns)) open.missing.add(name)
    })
  }

  #answer(news: Map<Open, Told>): void {
    const { counters } = this.#parts
    const answer = this.#cursor
    const open = this.#open.get(answer.lamportTime)
    if (open === undefined || open.id !== answer.id) {
      counters.add('drop.query-answer-unknown')
      return
    }
    const from = textOf(answer.bytes.subarray(answer.fromStart, answer.fromEnd))
    const told = news.get(open) ?? { answers: [], acks: [] }
    news.set(open, told)
    if ((answer.flags & QUERY_FLAG.ack) !== 0) this.#take(open, from, told)
    else this.#takeAnswer(open, from, answer.bytes.slice(answer.payloadStart, answer.payloadEnd), told)
  }

  #take(open: Open, from: string, told: Told): void {
    const { counters } = this.#parts
    if (!open.wantsAcks) counters.add('drop.query-ack-unasked')
    else if (open.acked.has(from)) counters.add('serf.query_duplicate_acks')
    else if (open.acked.size >= open.most) counters.add('drop.query-ack-full')
    else {
      counters.add('serf.query_acks')
      open.acked.add(from)
      told.acks.push(from)
      if (open.endsWithAcks) open.missing.delete(from)
    }
  }

  #takeAnswer(open: Open, from: string, payload: Uint8Array, told: Told): void {
    const { counters } = this.#parts
    if (open.answered.has(from)) counters.add('serf.query_duplicate_responses')
    else if (open.answered.size >= open.most || open.bytes + payload.length > MOST_BYTES) {
      counters.add('drop.query-answer-full')
    } else {
      counters.add('serf.query_responses')
      open.answered.add(from)
      open.bytes += payload.length
      open.missing.delete(from)
      // One that was thought dead and answers is not silent.
      open.gone.delete(from)
      told.answers.push({ from, payload })
    }
  }

  #gone(name: string): void {
    for (const open of this.#open.values()) if (open.missing.delete(name)) open.gone.add(name)
  }

  #endAnswered(): void {
    for (const [lamportTime, open] of this.#open) {
      if (open.missing.size === 0) this.#end(lamportTime, open, 'answered')
    }
  }

  #end(lamportTime: number, open: Open, how: QueryEnding): void {
    this.#open.delete(lamportTime)
    open.asker.ended([...open.missing, ...open.gone].sort(), how)
  }
}

interface Told {
  answers: QueryAnswer[]
  acks: string[]
}

const REFUSED = 'a pattern that RE2 does not read, or that is too large'

/** The filters of a query, the one of names first. */
function filtersOf({ nodes, tags }: QueryWish): Filter[] {
  const byTag = Object.entries(tags).map(([tag, pattern]): Filter => ({ kind: 'tag', tag, pattern }))
  return nodes.length > 0 ? [{ kind: 'names', names: nodes }, ...byTag] : byTag
}

function encoded(filters: readonly Filter[]): Uint8Array[] | null {
  if (filters.length === 0) return null
  return filters.map((filter) =>
    filter.kind === 'names' ? encodeNameFilter(filter.names) : encodeTagFilter(filter.tag, filter.pattern),
  )
}

function opened(
  number: number,
  asker: Asker,
  wish: QueryWish,
  filters: readonly Filter[],
  timeout: number,
): Open {
  return {
    number,
    asker,
    filters,
    timeout,
    wantsAcks: wish.requestAck,
    endsWithAcks: wish.name === PING,
    missing: new Set(),
    gone: new Set(),
    answered: new Set(),
    acked: new Set(),
    most: 0,
    bytes: 0,
    id: 0,
    startedAt: 0,
    endsAt: Number.POSITIVE_INFINITY,
    reminders: 0,
    remindAt: Number.POSITIVE_INFINITY,
  }
}
