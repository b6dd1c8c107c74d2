/**
 * Acks and answers of ours on their way to the origin of a query, straight and over other members (protocol page 2, section 4.9): what is
 * lost on one way arrives on another.
 */
import type { Outlet, Random } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import type { FactReader } from '../actors/facts.ts'
import { STATUS } from '../actors/facts.ts'
import type { ToGossip } from '../actors/mail.ts'
import { formatIp } from '../wire/address.ts'
import { Writer } from '../wire/msgpack.ts'
import { QUERY_FLAG, writeAnswer, writeRelay } from '../wire/query.ts'
import { MESSAGE } from '../wire/types.ts'
import { isEqual, type MemberView } from './view.ts'

/** Where an answer goes, and what it must name. */
export interface Addressee {
  lamportTime: number
  id: number
  address: Uint8Array
  port: number
  source: Uint8Array
  relayFactor: number
}

export interface ReplyParts {
  gossip: Outlet<ToGossip>
  view: MemberView
  random: Random
  counters: Counters
  /** Whether nothing is sent to whoever bears no name. */
  requireNodeNames: boolean
}

/** What became of an answer. Sizes are those of Serf's message, without memberlist's byte in front. */
export type Replied =
  | { how: 'sent' }
  /** It was sent to nobody. */
  | { how: 'too-large'; bytes: number }
  /** It was sent to nobody: the origin bears no name, and names are required (protocol page 1, section 7.20). */
  | { how: 'nameless' }
  /** It was sent straight, but is too large once it is wrapped for others. */
  | { how: 'relay-too-large'; bytes: number }

/** Protocol maximum of memberlist from which on a member relays. */
const RELAYS = 5

export class Replies {
  readonly #name: Uint8Array
  readonly #sizeLimit: number
  readonly #parts: ReplyParts
  readonly #writer = new Writer()

  constructor(name: Uint8Array, sizeLimit: number, parts: ReplyParts) {
    this.#name = name
    this.#sizeLimit = sizeLimit
    this.#parts = parts
  }

  ack(to: Addressee): void {
    const { how } = this.#send(to, QUERY_FLAG.ack, null)
    if (how === 'nameless') this.#parts.counters.add('drop.nameless')
    else if (how !== 'sent') this.#parts.counters.add('drop.query-ack-size')
  }

  answer(to: Addressee, payload: Uint8Array): Replied {
    return this.#send(to, 0, payload)
  }

  /** Whether an answer with this payload is within its limit. */
  fits(to: Addressee, payload: Uint8Array): boolean {
    return this.#encoded(to, 0, payload).length - 1 <= this.#sizeLimit
  }

  #send(to: Addressee, flags: number, payload: Uint8Array | null): Replied {
    if (this.#parts.requireNodeNames && to.source.length === 0) return { how: 'nameless' }
    const message = this.#encoded(to, flags, payload)
    const bytes = message.length - 1
    if (bytes > this.#sizeLimit) return { how: 'too-large', bytes }
    const relayed = this.#wrapped(to, message)
    this.#parts.gossip.tell({ type: 'answer', ip: formatIp(to.address), port: to.port, bytes: message })
    if (relayed === undefined) return { how: 'sent' }
    if (relayed.length - 1 > this.#sizeLimit) return { how: 'relay-too-large', bytes: relayed.length - 1 }
    for (const { ip, port } of this.#relays(to.relayFactor)) {
      this.#parts.gossip.tell({ type: 'answer', ip, port, bytes: relayed.slice() })
    }
    return { how: 'sent' }
  }

  #encoded(to: Addressee, flags: number, payload: Uint8Array | null): Uint8Array {
    this.#writer.reset().byte(MESSAGE.user)
    const { lamportTime, id } = to
    writeAnswer(this.#writer, { lamportTime, id, flags, from: this.#name, payload })
    return this.#writer.copy()
  }

  /** The message for those who pass it on; undefined when nobody shall, or there are too few of them. */
  #wrapped(to: Addressee, message: Uint8Array): Uint8Array | undefined {
    const { relayFactor, address, port, source } = to
    if (relayFactor === 0 || this.#parts.view.size < relayFactor + 1) return undefined
    this.#writer.reset().byte(MESSAGE.user)
    writeRelay(this.#writer, { address, port, name: source, inner: message.subarray(1) })
    return this.#writer.copy()
  }

  /** Members that pass a message on: alive, able to, not ourselves; the origin may be among them, as in the original. */
  #relays(count: number): { ip: string; port: number }[] {
    const { view, random } = this.#parts
    const chosen = view.choose(count, random, (member) => this.#isRelay(member))
    return chosen.map(({ address, port }) => ({ ip: formatIp(address), port }))
  }

  #isRelay(member: FactReader): boolean {
    return member.status === STATUS.alive && member.versions[1] >= RELAYS && !isEqual(member.name, this.#name)
  }
}
