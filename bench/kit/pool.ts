/**
 * Made-up peers for benchmarks, in processes of their own so that their work is not on anybody's bill: they pour messages over UDP, answer a
 * push/pull with the state of a large pool, or ping.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { tieToUs } from './children.ts'

export interface PourOrder {
  type: 'pour'
  ip: string
  port: number
  /** What each packet holds; `repeats`: alives of the made-up pool, which whoever joined it knows, and one packet of events in ten. */
  what: 'events' | 'repeats'
  messagesPerSecond: number
  seconds: number
  payloadBytes: number
  perPacket: number
  /** Lamport time of the first event. At least 65,536, so that all are encoded in equally many bytes. */
  from: number
}

export interface ServeOrder {
  type: 'serve'
  members: number
}

export interface PingOrder {
  type: 'ping'
  ip: string
  port: number
  node: string
  /** Pings a second at an even rate, or so many under way at all times. */
  pace: { perSecond: number } | { underWay: number }
  seconds: number
}

export type Order = PourOrder | ServeOrder | PingOrder

export interface Poured {
  type: 'poured'
  messages: number
  /** Events among them; the next one to be new has the Lamport time `from` plus this. */
  events: number
  /** How long it took: more than was asked for where the sender could not keep up. */
  seconds: number
}

export interface Serving {
  type: 'serving'
  port: number
  bytes: number
}

export interface Pinged {
  type: 'pinged'
  sent: number
  answered: number
  seconds: number
  /** Milliseconds from the ping to its ack, one for each answer that can be judged, and when each was sent in milliseconds from the start. */
  trips: number[]
  sentAt: number[]
}

export type Report = Poured | Serving | Pinged

/** A peer process that takes orders; to be killed by `stop`. */
export class Peer {
  readonly #child: ChildProcess

  constructor() {
    this.#child = fork(new URL('./peer.js', import.meta.url), { serialization: 'advanced' })
    tieToUs(this.#child)
  }

  async pour(order: Omit<PourOrder, 'type'>): Promise<Poured> {
    const report = await this.#order({ type: 'pour', ...order })
    if (report.type === 'poured') return report
    throw new Error(`a peer that was to pour says ${report.type}`)
  }

  async serve(members: number): Promise<Serving> {
    const report = await this.#order({ type: 'serve', members })
    if (report.type === 'serving') return report
    throw new Error(`a peer that was to serve says ${report.type}`)
  }

  async ping(order: Omit<PingOrder, 'type'>): Promise<Pinged> {
    const report = await this.#order({ type: 'ping', ...order })
    if (report.type === 'pinged') return report
    throw new Error(`a peer that was to ping says ${report.type}`)
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }

  async #order(order: Order): Promise<Report> {
    this.#child.send(order)
    const [report]: Report[] = await once(this.#child, 'message')
    return report
  }
}
