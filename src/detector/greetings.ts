/**
 * Greetings: pings on behalf of a join that waits to be confirmed. An ack says that packets come and go between us and whom we joined; a ping that
 * names us says that somebody holds us. A suspected member is greeted as well before it is buried. No verdict, no deadline: gossip asks again, and knows how
 * long it waits.
 */
import type { Outlet } from '../actors/contract.ts'
import type { ToDetector, ToGossip } from '../actors/mail.ts'
import type { Identity } from './identity.ts'
import type { Outgoing } from './outgoing.ts'
import type { Sequence } from './sequence.ts'

export interface GreetingParts {
  outgoing: Outgoing
  sequence: Sequence
  gossip: Outlet<ToGossip>
}

/** Greetings whose ack is awaited; the oldest goes. */
const MOST_GREETINGS = 256

export class Greetings {
  readonly #parts: GreetingParts
  /** Gossip's number by that of the ping. */
  readonly #bySeqNo = new Map<number, number>()
  /** Whether the next ping that names us is told of. */
  #isAwaited = false

  constructor(parts: GreetingParts) {
    this.#parts = parts
  }

  greet({ number, name, ip, port }: ToDetector & { type: 'greet' }, identity: Identity): void {
    const { sequence, outgoing } = this.#parts
    const seqNo = sequence.next()
    this.#isAwaited = true
    this.#bySeqNo.set(seqNo, number)
    for (const oldest of this.#bySeqNo.keys()) {
      if (this.#bySeqNo.size <= MOST_GREETINGS) break
      this.#bySeqNo.delete(oldest)
    }
    outgoing.ride(identity.ping(seqNo, name), ip, port, 0)
  }

  /** False when the number is none of ours. */
  acked(seqNo: number): boolean {
    const number = this.#bySeqNo.get(seqNo)
    if (number === undefined) return false
    this.#bySeqNo.delete(seqNo)
    this.#parts.gossip.tell({ type: 'greeted', number })
    return true
  }

  /** Somebody pinged us, by the name given, which may be empty. */
  pinged(name: Uint8Array): void {
    if (!this.#isAwaited || name.length === 0) return
    this.#isAwaited = false
    this.#parts.gossip.tell({ type: 'greeted', number: 0 })
  }
}
