/**
 * The farewell: our leave goes straight to the peers, each in one packet with a ping, so that its ack proves that the packet came. Gossip
 * spreads the leave as well, but knows of nobody who has it; and a process that ends two seconds after it said so must not look like a failure
 * in a large pool, where gossip alone needs longer.
 *
 *     peer     [ping 17 | leave] -->            --> ack 17: told
 *     peer     [ping 18 | leave] --> lost       RETRY later [ping 25 | leave] ...
 *
 * Nothing in it is new on the wire: a compound of a ping and a user message is what any ping with a broadcast is. Bound: the first 1,024 alive
 * peers by chance, 64 packets a tick, three packets a peer; beyond it gossip alone has to do. Gossip hears who is told and how many are awaited,
 * and buries us only when nobody is: a peer of Serf's that hears of our death before our leave calls us failed.
 */
import type { Outlet } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import type { ToGossip } from '../actors/mail.ts'
import { makeCompound } from '../wire/packet.ts'
import type { Identity } from './identity.ts'
import type { Outgoing } from './outgoing.ts'
import type { Peer, Ring } from './ring.ts'
import type { Sequence } from './sequence.ts'

const MOST_PEERS = 1_024
const PACKETS_A_TICK = 64
const TICK = 50
const TRIES = 3
const RETRY = 400
/** From this protocol maximum on a peer reads a checksum. */
const READS_CRC = 5

export interface FarewellParts {
  outgoing: Outgoing
  sequence: Sequence
  ring: Ring
  counters: Counters
  gossip: Outlet<ToGossip>
}

interface Addressee {
  readonly peer: Peer
  tries: number
  isTold: boolean
  dueAt: number
}

export class Farewell {
  readonly #parts: FarewellParts
  #identity: Identity | undefined
  #message: Uint8Array = new Uint8Array(0)
  /** Those who have not answered and may be tried again, the next one first. */
  #waiting: Addressee[] = []
  readonly #bySeqNo = new Map<number, Addressee>()
  #told = 0
  /** Told and awaited, as gossip knows them. */
  #reported = ''
  wakeAt = Number.POSITIVE_INFINITY

  constructor(parts: FarewellParts) {
    this.#parts = parts
  }

  /** Says it to the peers as they are now. */
  start(message: Uint8Array, identity: Identity, now: number): void {
    const peers = this.#parts.ring.randomAlive(MOST_PEERS, -1)
    this.#identity = identity
    this.#message = message
    this.#waiting = peers.map((peer) => ({ peer, tries: 0, isTold: false, dueAt: now }))
    this.#tick(now)
  }

  /** An ack; false when it answers none of ours. Each peer counts once. */
  acked(seqNo: number): boolean {
    const addressee = this.#bySeqNo.get(seqNo)
    if (addressee === undefined) return false
    this.#bySeqNo.delete(seqNo)
    if (!addressee.isTold) {
      addressee.isTold = true
      this.#told += 1
      this.#parts.counters.add('farewell.acked')
    }
    // The last one is told of at once, those before it at the next tick.
    if (this.#awaited === 0) this.#report()
    return true
  }

  wake(now: number): void {
    if (now >= this.wakeAt) this.#tick(now)
  }

  #tick(now: number): void {
    this.#waiting = this.#waiting.filter(
      ({ isTold, tries, dueAt }) => !isTold && (tries < TRIES || dueAt > now),
    )
    this.#report()
    const due = this.#waiting.filter(({ tries, dueAt }) => tries < TRIES && dueAt <= now)
    for (const addressee of due.slice(0, PACKETS_A_TICK)) this.#say(addressee, now)
    this.wakeAt = this.#waiting.length === 0 ? Number.POSITIVE_INFINITY : now + TICK
  }

  #say(addressee: Addressee, now: number): void {
    const { outgoing, sequence, counters } = this.#parts
    const { peer } = addressee
    if (this.#identity === undefined) return
    const seqNo = sequence.next()
    addressee.tries += 1
    addressee.dueAt = now + RETRY
    this.#bySeqNo.set(seqNo, addressee)
    counters.add('farewell.sent')
    const packet = makeCompound([this.#identity.ping(seqNo, peer.name), this.#message])
    outgoing.send(packet, peer.ip, peer.port, 0, peer.protocolMax >= READS_CRC ? 'crc' : 'plain')
  }

  /** Peers that may still answer. */
  get #awaited(): number {
    return this.#waiting.filter(({ isTold }) => !isTold).length
  }

  #report(): void {
    const [count, awaited] = [this.#told, this.#awaited]
    if (this.#reported === `${count} ${awaited}`) return
    this.#reported = `${count} ${awaited}`
    this.#parts.gossip.tell({ type: 'told', count, awaited })
  }
}
