/** The host's queries: commands in, what becomes of each out, under the number that the host gave it. */
import type { Envelope } from '../actors/contract.ts'
import type { QueryMail, QueryWish } from '../actors/mail.ts'
import { toPlain } from '../errors/plain.ts'
import type { Questions } from './questions.ts'

export interface HostQueryParts {
  questions: Questions
  reply(id: number, envelope: Envelope<unknown>): void
  tell(mail: QueryMail): void
}

export class HostQueries {
  readonly #parts: HostQueryParts
  /** The host's numbers and those of the questions. */
  readonly #numbers = new Map<number, number>()

  constructor(parts: HostQueryParts) {
    this.#parts = parts
  }

  /** Starts a query; the command is answered when it is on its way. */
  start(id: number, query: number, wish: QueryWish): void {
    const { questions, reply, tell } = this.#parts
    let isOver = false
    const number = questions.ask(wish, {
      started: (outcome) => {
        isOver = typeof outcome !== 'number'
        if (isOver) this.#numbers.delete(query)
        reply(
          id,
          typeof outcome === 'number'
            ? { ok: true, value: { lasts: outcome }, after: 0 }
            : { ok: false, error: toPlain(outcome) },
        )
      },
      heard: (answers, acks) => tell({ type: 'query-heard', query, answers, acks }),
      ended: (silent, how) => {
        isOver = true
        this.#numbers.delete(query)
        tell({ type: 'query-ended', query, silent, how })
      },
    })
    if (!isOver) this.#numbers.set(query, number)
  }

  /** The host wants no more of it. */
  close(id: number, query: number): void {
    const number = this.#numbers.get(query)
    this.#numbers.delete(query)
    if (number !== undefined) this.#parts.questions.close(number)
    this.#parts.reply(id, DONE)
  }
}

const DONE: Envelope<unknown> = { ok: true, value: null, after: 0 }
