/** Queries of a simulated host: what it asked and what came of it, and how it answers those of others. */
import type { DispatchCommand, QueryAnswer, QueryEnding, QueryMail, QueryWish } from '../actors/mail.ts'
import type { QueryRecord } from '../actors/query-facts.ts'

/** A query of a simulated host, as far as it has come. */
export interface SimulatedQuery {
  readonly answers: QueryAnswer[]
  readonly acks: string[]
  /** Undefined while it is under way. */
  ended: { silent: readonly string[]; how: QueryEnding } | undefined
}

export const WISH: QueryWish = {
  name: 'query',
  payload: null,
  nodes: [],
  tags: {},
  requestAck: false,
  relayFactor: 0,
  timeout: 0,
}

export class HostQuestions {
  /** Those under way: who asked has the query itself. */
  readonly #open = new Map<number, SimulatedQuery>()
  #asked = 0
  readonly #send: (command: DispatchCommand) => void
  /** What the host answers to a query; undefined for nothing. */
  answer: (query: QueryRecord) => Uint8Array | undefined = () => undefined

  constructor(send: (command: DispatchCommand) => void) {
    this.#send = send
  }

  ask(wish: Partial<QueryWish>): SimulatedQuery {
    const query: SimulatedQuery = { answers: [], acks: [], ended: undefined }
    this.#open.set(this.#asked, query)
    this.#send({ type: 'query', query: this.#asked, wish: { ...WISH, ...wish } })
    this.#asked += 1
    return query
  }

  /** What becomes of one that was asked. */
  take(mail: QueryMail): void {
    const query = this.#open.get(mail.query)
    if (query === undefined) return
    if (mail.type === 'query-ended') {
      query.ended = { silent: mail.silent, how: mail.how }
      this.#open.delete(mail.query)
    } else {
      query.answers.push(...mail.answers)
      query.acks.push(...mail.acks)
    }
  }

  /** A query of another member, or of ourselves. */
  heard(query: QueryRecord): void {
    const payload = this.answer(query)
    if (payload === undefined) return
    const { lamportTime, id } = query
    this.#send({ type: 'respond', lamportTime, queryId: id, payload })
  }
}
