/**
 * A network in memory, for tests: members of one process meet in it without a socket. What it does to packets and streams is the
 * host's to say, by one function; without it nothing is lost and nothing takes time.
 *
 *     send  --> fate: lost, or so many milliseconds --> the receiver's `packet`, or nowhere
 *     write --> fate: lost, and sent again later, or so many milliseconds --> the other end, in order
 *
 * Like a datagram socket it holds 1,024 packets that are under way to one place; what comes on top is lost.
 */

import type { PacketEvents, Packets, Transport } from '../src/cluster/transport.ts'
import { InvalidArgument } from '../src/errors/errors.ts'
import { parseIp } from '../src/wire/address.ts'
import { after, type Crossing, type Fate, occupy, placeOf } from './memory-places.ts'
import { MemoryStreams, type StreamPlaces } from './memory-streams.ts'

export interface MemoryNetworkOptions {
  /** Asked about everything that sets out. Default: all arrives at once. */
  fate?: (crossing: Crossing) => Fate
}

/** Largest packet, as with UDP over IPv4. */
const LARGEST = 65_507
const MOST_UNDER_WAY = 1_024

/** One network. Members with transports of different networks never meet. */
export class MemoryNetwork {
  readonly #fate: (crossing: Crossing) => Fate
  readonly #packets = new Map<string, MemoryPackets>()
  readonly #listeners: StreamPlaces = new Map()

  constructor({ fate = () => 0 }: MemoryNetworkOptions = {}) {
    if (typeof fate !== 'function') throw new InvalidArgument('MemoryNetwork: fate must be a function')
    this.#fate = fate
  }

  /** The transport of a member at this IP, for the option `transport`, with `threads: 'none'`. */
  transport(ip: string): Transport {
    if (typeof ip !== 'string' || parseIp(ip) === undefined)
      throw new InvalidArgument('MemoryNetwork: the address must be an IP')
    return {
      address: ip,
      packets: (events) => new MemoryPackets(ip, events, this.#packets, this.#fate),
      streams: (events) => new MemoryStreams(ip, events, this.#listeners, this.#fate),
    }
  }
}

class MemoryPackets implements Packets {
  readonly #ip: string
  readonly #events: PacketEvents
  readonly #places: Map<string, MemoryPackets>
  readonly #fate: (crossing: Crossing) => Fate
  #port = 0
  #underWay = 0

  constructor(
    ip: string,
    events: PacketEvents,
    places: Map<string, MemoryPackets>,
    fate: (crossing: Crossing) => Fate,
  ) {
    this.#ip = ip
    this.#events = events
    this.#places = places
    this.#fate = fate
  }

  async bind(ip: string, port: number): Promise<void> {
    this.#port = occupy(this.#places, { own: this.#ip, ip, port }, this)
  }

  send(packet: Uint8Array, to: string, port: number, seqNo: number): void {
    if (packet.length > LARGEST) {
      setImmediate(() => this.#events.unsent(seqNo, new Error(`a packet of ${packet.length} bytes`)))
      return
    }
    const wait = this.#fate({ from: this.#ip, to, carrier: 'packet', bytes: packet.length })
    const receiver = this.#places.get(placeOf(to, port))
    if (wait === 'lost' || receiver === undefined) return
    receiver.#take(packet, this.#ip, this.#port, wait)
  }

  async close(): Promise<void> {
    const place = placeOf(this.#ip, this.#port)
    if (this.#places.get(place) === this) this.#places.delete(place)
  }

  #take(packet: Uint8Array, ip: string, port: number, wait: number): void {
    if (this.#underWay >= MOST_UNDER_WAY) return
    this.#underWay += 1
    after(wait, () => {
      this.#underWay -= 1
      if (this.#places.get(placeOf(this.#ip, this.#port)) === this) this.#events.packet(packet, ip, port)
    })
  }
}
