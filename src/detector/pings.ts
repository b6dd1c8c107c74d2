/**
 * Pings that the host asked for (protocol page 1, section 7.5, "Ping API"): one ping, one answer, no indirect stage, no verdict and no
 * change of health.
 *
 *     ask ---> ack            the round trip
 *         '--> ProbeTimeout   NoResponse
 *
 * As with all deadlines here, time is up only when the socket was read once after it. Bound: 256 at a time; one more is refused.
 */
import type { Envelope } from '../actors/contract.ts'
import type { PingReply } from '../actors/mail.ts'
import { NoResponse } from '../errors/errors.ts'
import { toPlain } from '../errors/plain.ts'

export const MOST_PINGS = 256

interface Ping {
  id: number
  name: string
  askedAt: number
  dueAt: number
}

export class Pings {
  readonly #timeout: number
  readonly #reply: (id: number, envelope: Envelope<PingReply>) => void
  /** By their numbers; all wait equally long, so that the first is due first. */
  readonly #pending = new Map<number, Ping>()
  #seenDueBy = Number.NEGATIVE_INFINITY

  constructor(timeout: number, reply: (id: number, envelope: Envelope<PingReply>) => void) {
    this.#timeout = timeout
    this.#reply = reply
  }

  get size(): number {
    return this.#pending.size
  }

  /** When the first is due, or now where it was seen to be. */
  get wakeAt(): number {
    for (const { dueAt } of this.#pending.values()) return dueAt
    return Number.POSITIVE_INFINITY
  }

  /** A ping numbered `seqNo` goes out for command `id`; false when too many are under way. */
  ask(id: number, name: string, seqNo: number, now: number): boolean {
    if (this.#pending.size >= MOST_PINGS) {
      const error = toPlain(new NoResponse(name, `${MOST_PINGS} pings are under way already`))
      this.#reply(id, { ok: false, error })
      return false
    }
    this.#pending.set(seqNo, { id, name, askedAt: now, dueAt: now + this.#timeout })
    return true
  }

  /** False when the number is none of ours. */
  acked(seqNo: number, now: number): boolean {
    const ping = this.#pending.get(seqNo)
    if (ping === undefined) return false
    this.#pending.delete(seqNo)
    this.#reply(ping.id, { ok: true, value: { rtt: now - ping.askedAt }, after: 0 })
    return true
  }

  /** The operating system refused the datagram. */
  unsent(seqNo: number): void {
    const ping = this.#pending.get(seqNo)
    if (ping === undefined) return
    this.#pending.delete(seqNo)
    this.#fail(ping, 'the system refused to send')
  }

  wake(now: number): void {
    for (const [seqNo, ping] of this.#pending) {
      if (ping.dueAt > this.#seenDueBy) break
      this.#pending.delete(seqNo)
      this.#fail(ping, `no ack within ${this.#timeout} ms`)
    }
    this.#seenDueBy = now
  }

  #fail(ping: Ping, reason: string): void {
    this.#reply(ping.id, { ok: false, error: toPlain(new NoResponse(ping.name, reason)) })
  }
}
