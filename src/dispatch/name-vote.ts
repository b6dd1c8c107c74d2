/**
 * Somebody else has our name: all others are asked where they see its owner (protocol page 2, section 4.10). More than half of the answers
 * at our address: we stay. Otherwise we have lost it. Where nobody answers, nothing is decided: the original gives up then, and a member
 * that is alone with its rival, or cut off, would shut itself down.
 */
import type { QueryAnswer } from '../actors/mail.ts'
import type { Notice } from '../actors/notices.ts'
import { formatIp } from '../wire/address.ts'
import { readConflictAnswer } from '../wire/keys.ts'
import { CONFLICT } from './internal-queries.ts'
import type { Questions } from './questions.ts'

/** Where somebody is. */
export interface Whereabouts {
  ip: string
  port: number
}

export interface VoteParts {
  questions: Pick<Questions, 'ask'>
  notice(notice: Notice): void
}

export class NameVote {
  readonly #name: string
  readonly #parts: VoteParts
  #isRunning = false

  constructor(name: string, parts: VoteParts) {
    this.#name = name
    this.#parts = parts
  }

  /** Starts a vote between us and a rival; while one runs another is not needed. */
  start(own: Whereabouts, rival: Whereabouts): void {
    if (this.#isRunning) return
    this.#isRunning = true
    const votes: ('ours' | 'not-ours')[] = []
    const payload = new TextEncoder().encode(this.#name)
    const wish = {
      name: CONFLICT,
      payload,
      nodes: [],
      tags: {},
      requestAck: false,
      relayFactor: 0,
      timeout: 0,
    }
    this.#parts.questions.ask(wish, {
      started: (outcome) => {
        if (typeof outcome !== 'number') this.#decide(rival, [])
      },
      heard: (answers) => {
        for (const answer of answers) votes.push(...voteOf(answer, own))
      },
      ended: () => this.#decide(rival, votes),
    })
  }

  #decide(rival: Whereabouts, votes: readonly ('ours' | 'not-ours')[]): void {
    this.#isRunning = false
    const name = this.#name
    const { ip: address, port } = rival
    const ours = votes.filter((vote) => vote === 'ours').length
    if (votes.length === 0) {
      this.#parts.notice({ type: 'conflict-unresolved', name, address, port })
      return
    }
    const majority = Math.floor(votes.length / 2) + 1
    if (ours >= majority) return
    this.#parts.notice({ type: 'conflict-lost', name, address, port, votes: votes.length, votesForUs: ours })
  }
}

/** An answer counts unless it cannot be read; somebody who knows nobody of that name does not speak for us. */
function voteOf({ payload }: QueryAnswer, own: Whereabouts): ('ours' | 'not-ours')[] {
  const seen = readConflictAnswer(payload)
  if (seen === undefined) return []
  const isOurs = seen !== null && formatIp(seen.address) === own.ip && seen.port === own.port
  return [isOurs ? 'ours' : 'not-ours']
}
