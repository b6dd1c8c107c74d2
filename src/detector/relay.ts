/**
 * Pings for others (protocol page 1, section 7.5): a peer that cannot reach a target asks us to try. The target's ack
 * goes back under the asker's number and without a payload; when none came within ProbeTimeout and the asker wants to
 * know, a nack goes back, which tells it that at least we two hear each other. With the option `nackAt` below 1 the nack
 * goes that part of ProbeTimeout after the request (section 12.2: with LAN timings it else comes when the asker's probe ends);
 * an ack after it still goes back.
 *
 *     asker ---- indirectPing 7 ----> us ---- ping 4711 ----> target
 *     asker <------- ack 7 ---------- us <---- ack 4711 ----- target
 *     asker <------- nack 7 --------- us      ProbeTimeout without an ack
 *
 * Bound: 1,024 relays at a time, some 2,000 a second; an indirect ping above it is dropped and counted, and the asker
 * has other helpers. This also limits how far strangers can make us ping for them.
 */
import type { Counters } from '../actors/counters.ts'
import { type IndirectPing, writeAck, writeNack } from '../wire/probe.ts'
import { isUnicast } from './destination.ts'
import type { Identity } from './identity.ts'
import type { Outgoing } from './outgoing.ts'
import type { Sequence } from './sequence.ts'

export const MOST_RELAYS = 1024

interface Relay {
  askerSeqNo: number
  ip: string
  port: number
  dueAt: number
}

export class Relays {
  readonly #outgoing: Outgoing
  readonly #sequence: Sequence
  readonly #counters: Counters
  readonly #probeTimeout: number
  readonly #nackAfter: number
  /** By our own number. All wait equally long, so that the order of asking is the order in which they are due. */
  readonly #pending = new Map<number, Relay>()
  /** Those of them whose asker wants a nack and has none yet, in the same order. */
  readonly #unsaid = new Map<number, Relay>()
  #wakeAt = Number.POSITIVE_INFINITY
  /** What was due by then was seen due at an earlier wake: the socket has been drained since, it may happen. */
  #seenDueBy = Number.NEGATIVE_INFINITY

  constructor(
    outgoing: Outgoing,
    sequence: Sequence,
    counters: Counters,
    rules: { probeTimeout: number; nackAt: number },
  ) {
    this.#outgoing = outgoing
    this.#sequence = sequence
    this.#counters = counters
    this.#probeTimeout = rules.probeTimeout
    this.#nackAfter = rules.probeTimeout * rules.nackAt
  }

  get size(): number {
    return this.#pending.size
  }

  /** Never later than the first deadline; earlier when that relay was answered meanwhile. */
  get wakeAt(): number {
    return this.#pending.size === 0 ? Number.POSITIVE_INFINITY : this.#wakeAt
  }

  /** Pings the target for the asker, who stands in the request's source fields or else behind `ip` and `port`. */
  ask(request: IndirectPing, ip: string, port: number, identity: Identity, now: number): void {
    const targetPort = request.port === 0 ? identity.bindPort : request.port
    const names = request.sourceIp !== '' && request.sourcePort > 0
    const asker = names ? { ip: request.sourceIp, port: request.sourcePort } : { ip, port }
    if (!isUnicast(request.targetIp) || !isUnicast(asker.ip)) return this.#counters.add('drop.destination')
    if (this.#pending.size >= MOST_RELAYS) return this.#counters.add('drop.relay-full')
    const seqNo = this.#sequence.next()
    const relay = { askerSeqNo: request.seqNo, ...asker, dueAt: now + this.#probeTimeout }
    if (this.#pending.size === 0) this.#wakeAt = relay.dueAt
    this.#pending.set(seqNo, relay)
    if (request.nack) {
      this.#unsaid.set(seqNo, relay)
      this.#wakeAt = Math.min(this.#wakeAt, this.#nackAtOf(relay))
    }
    this.#counters.add('relay.asked')
    this.#outgoing.ride(identity.ping(seqNo, request.node), request.targetIp, targetPort, seqNo)
  }

  /** Passes an ack on; false when the number is none of ours. */
  acked(seqNo: number): boolean {
    const relay = this.#pending.get(seqNo)
    if (relay === undefined) return false
    this.#pending.delete(seqNo)
    this.#unsaid.delete(seqNo)
    this.#counters.add('relay.acked')
    this.#outgoing.ride(writeAck(relay.askerSeqNo, null), relay.ip, relay.port, 0)
    return true
  }

  wake(now: number): void {
    if (now < this.wakeAt) return
    this.#wakeAt = Number.POSITIVE_INFINITY
    for (const [seqNo, relay] of this.#unsaid) {
      const nackAt = this.#nackAtOf(relay)
      if (nackAt > this.#seenDueBy) {
        this.#wakeAt = nackAt
        break
      }
      this.#unsaid.delete(seqNo)
      this.#counters.add('relay.nacked')
      this.#outgoing.ride(writeNack(relay.askerSeqNo), relay.ip, relay.port, 0)
    }
    for (const [seqNo, relay] of this.#pending) {
      if (relay.dueAt > this.#seenDueBy) {
        this.#wakeAt = Math.min(this.#wakeAt, relay.dueAt)
        break
      }
      this.#pending.delete(seqNo)
    }
    this.#seenDueBy = now
  }

  /** Forgets them all without a word: after a pause of ours a nack would tell a lie about the target. */
  abandon(): void {
    this.#counters.add('relay.abandoned', this.#pending.size)
    this.#pending.clear()
    this.#unsaid.clear()
  }

  #nackAtOf(relay: Relay): number {
    return relay.dueAt - this.#probeTimeout + this.#nackAfter
  }
}
