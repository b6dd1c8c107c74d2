/** The transports that are shipped: UDP and TCP, which is what members use by default, and a network in memory. */
import type { Transport } from '../src/cluster/transport.ts'
import { Tcp } from './tcp.ts'
import { Udp } from './udp.ts'

export { MemoryNetwork, type MemoryNetworkOptions } from './memory-network.ts'
export type { Crossing, Fate } from './memory-places.ts'

/** UDP and TCP, for a transport of one's own to stand on. */
export const sockets: Transport = {
  packets: (events) => new Udp(events),
  streams: (events) => new Tcp(events),
}
