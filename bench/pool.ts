/**
 * Made-up peers for benchmarks, in processes of their own so that their work is not on our bill: one pours user events over
 * UDP, one answers a push/pull with the state of a large pool.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

export interface PourOrder {
  type: 'pour'
  ip: string
  port: number
  eventsPerSecond: number
  seconds: number
  payloadBytes: number
  perPacket: number
  /** Lamport time of the first event. */
  from: number
}

export interface ServeOrder {
  type: 'serve'
  members: number
}

export type Order = PourOrder | ServeOrder
export type Report = { type: 'poured'; events: number } | { type: 'serving'; port: number; bytes: number }

/** A peer process that takes orders; to be killed by `stop`. */
export class Peer {
  readonly #child: ChildProcess

  constructor() {
    this.#child = fork(new URL('./peer.js', import.meta.url))
  }

  async order(order: Order): Promise<Report> {
    this.#child.send(order)
    const [report]: Report[] = await once(this.#child, 'message')
    return report
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }
}
