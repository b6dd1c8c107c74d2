/**
 * Gates of members whose messages are blocked while their timers run on: the anomaly of Lifeguard's experiments (arXiv 1707.00788, section 5).
 * A member is blocked right before every send and right after every receive. What it sends waits, what comes to it waits as in the buffer of
 * its socket, and when the gate opens all of it goes on in order. A stopped process is something else: its timers stand still too.
 *
 * Bound: 256 datagrams wait for a member, which is what 208 KiB of a socket's buffer hold of small ones; those beyond it are lost and counted.
 */
import type { Counters } from '../actors/counters.ts'

const SOCKET_BUFFER = 256

interface Gate {
  outgoing: (() => void)[]
  incoming: (() => void)[]
  datagrams: number
}

export class Gates<Station> {
  readonly #counters: Counters
  readonly #shut = new Map<Station, Gate>()

  constructor(counters: Counters) {
    this.#counters = counters
  }

  shut(station: Station): void {
    if (!this.#shut.has(station)) this.#shut.set(station, { outgoing: [], incoming: [], datagrams: 0 })
  }

  /** Lets out what waited to be sent, then in what came meanwhile. */
  open(station: Station): void {
    const gate = this.#shut.get(station)
    this.#shut.delete(station)
    for (const run of gate?.outgoing ?? []) run()
    for (const run of gate?.incoming ?? []) run()
  }

  /** Sends now, or when the gate opens. */
  leaving(station: Station, run: () => void): void {
    const gate = this.#shut.get(station)
    if (gate === undefined) return run()
    this.#counters.add('blocked')
    gate.outgoing.push(run)
  }

  /** Something arrives: a datagram, for which there may be no room, or bytes of a stream, whose sender would wait. */
  arriving(station: Station, what: 'datagram' | 'stream', run: () => void): void {
    const gate = this.#shut.get(station)
    if (gate === undefined) return run()
    if (what === 'datagram') {
      if (gate.datagrams >= SOCKET_BUFFER) return this.#counters.add('overflowed')
      gate.datagrams += 1
    }
    gate.incoming.push(run)
  }

  get isAnyShut(): boolean {
    return this.#shut.size > 0
  }
}
