/**
 * Asks a member itself whether it is where somebody says: a ping over TCP, which any member answers if the name in it is its own (protocol
 * page 1, section 5.5). For claims that are to be believed only if they can be true.
 */
import type { Counters } from '../actors/counters.ts'

/** What came of it: it answered, or nobody of that name did in time. */
export type Presence = 'there' | 'silent'

export interface VerifierParts {
  counters: Counters
  /** Pings over TCP; `done` hears an empty text when it was answered. */
  ping(ip: string, port: number, name: Uint8Array, done: (error: string) => void): void
}

/** Pings at once; beyond it no more are started and the claim is dropped: it is heard again. */
const MOST_AT_ONCE = 32
/** The same question is asked once in so many milliseconds. */
const ASK_AGAIN = 1_000
/** Questions that are remembered for that long; beyond it all are forgotten. */
const MOST_ASKED = 4_096

export class Verifier {
  readonly #parts: VerifierParts
  /** By place and name: when it was asked last. */
  readonly #asked = new Map<string, number>()
  #running = 0

  constructor(parts: VerifierParts) {
    this.#parts = parts
  }

  /** Pings under way. */
  get running(): number {
    return this.#running
  }

  /** Asks, unless that was asked a moment ago; `then` hears what came of it in a later turn. */
  ask(name: Uint8Array, ip: string, port: number, now: number, then: (presence: Presence) => void): void {
    const key = `${ip} ${port} ${name.join()}`
    const askedAt = this.#asked.get(key)
    if (askedAt !== undefined && now - askedAt < ASK_AGAIN) return
    if (this.#running >= MOST_AT_ONCE) {
      this.#parts.counters.add('drop.verify-busy')
      return
    }
    if (this.#asked.size >= MOST_ASKED) this.#asked.clear()
    this.#asked.set(key, now)
    this.#running += 1
    this.#parts.counters.add('folkmoot.verified')
    this.#parts.ping(ip, port, name, (error) => {
      this.#running -= 1
      then(error === '' ? 'there' : 'silent')
    })
  }

  sweep(now: number): void {
    for (const [key, askedAt] of this.#asked) if (now - askedAt >= ASK_AGAIN) this.#asked.delete(key)
  }
}
