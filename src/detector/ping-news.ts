/**
 * Pings of our probes that were acknowledged in time, for hosts that want to hear of them: memberlist's NotifyPingComplete (protocol page 1,
 * section 8). Nothing is kept while nobody reads.
 *
 *     next ---> those after the number that the reader had, at once
 *          '--> none yet: the answer waits for the next ping
 *     end, or not asked for a minute: the reader is forgotten
 *
 * Bounds: 64 readers, one more is refused; the last 256 pings, whoever reads more slowly is told how many it missed.
 */
import type { Envelope } from '../actors/contract.ts'
import type { CompletedPing, CompletedPings } from '../actors/mail.ts'
import { InvalidArgument } from '../errors/errors.ts'
import { toPlain } from '../errors/plain.ts'

const MOST_READERS = 64
const MOST_PINGS = 256
const FORGOTTEN_AFTER = 60_000

interface Reader {
  /** Number of the last ping that it has. */
  had: number
  /** The command that waits for an answer; 0 for none. */
  command: number
  askedAt: number
}

export class PingNews {
  readonly #reply: (id: number, envelope: Envelope<CompletedPings>) => void
  readonly #readers = new Map<number, Reader>()
  #last: CompletedPing[] = []
  /** Number of the newest ping. */
  #number = 0

  constructor(reply: (id: number, envelope: Envelope<CompletedPings>) => void) {
    this.#reply = reply
  }

  /** The pings that this reader has not had; those from now on for a new one. */
  next(id: number, reader: number, now: number): void {
    const known = this.#readers.get(reader)
    if (known === undefined && this.#readers.size >= MOST_READERS) {
      const error = toPlain(new InvalidArgument(`pings: ${MOST_READERS} are read already`))
      this.#reply(id, { ok: false, error })
      return
    }
    const state = known ?? { had: this.#number, command: 0, askedAt: now }
    this.#readers.set(reader, state)
    // Whoever asks twice has lost interest in the first answer.
    this.#answer(state)
    state.command = id
    state.askedAt = now
    if (state.had < this.#number) this.#answer(state)
  }

  /** This reader wants no more; what it waits for is answered with nothing. */
  end(reader: number): void {
    const state = this.#readers.get(reader)
    if (state === undefined) return
    this.#answer(state)
    this.#readers.delete(reader)
    if (this.#readers.size === 0) this.#last = []
  }

  /** A ping was acknowledged. `payload` is looked at, not kept. */
  completed(name: Uint8Array, rtt: number, payload: Uint8Array | null, now: number): void {
    if (this.#readers.size === 0) return
    this.#number += 1
    this.#last.push({ name: name.slice(), rtt, payload: payload?.slice() ?? null })
    if (this.#last.length > MOST_PINGS) this.#last.shift()
    for (const [reader, state] of this.#readers) {
      if (state.command !== 0) this.#answer(state)
      else if (now - state.askedAt > FORGOTTEN_AFTER) this.end(reader)
    }
  }

  #answer(state: Reader): void {
    if (state.command === 0) return
    const news = this.#number - state.had
    const pings = news === 0 ? [] : this.#last.slice(-news)
    this.#reply(state.command, { ok: true, value: { pings, missed: news - pings.length }, after: 0 })
    state.had = this.#number
    state.command = 0
  }
}
