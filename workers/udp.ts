/**
 * The UDP socket of a member. It sends to literal addresses only, with a look-up that answers at once: Node would otherwise ask
 * `dns.lookup`, and with it the thread pool, for every packet.
 */
import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { PacketEvents, Packets } from '../src/cluster/transport.ts'
import { LAN } from '../src/options/numbers.ts'
import { Zones } from './zones.ts'

/** Bytes of the system's buffers: a burst must wait there and not be lost while a turn runs. */
export interface UdpBuffers {
  receive: number
  send: number
}

const MAPPED = '::ffff:'
const SMALLEST_BUFFER = 64 * 1024

export class Udp implements Packets {
  readonly #events: PacketEvents
  readonly #zones: Zones
  #socket: Socket | undefined
  /** One socket for both families: IPv4 addresses go in IPv6 form then, and come so. */
  #isForBoth = false

  readonly #buffers: UdpBuffers

  constructor(
    events: PacketEvents,
    zones = new Zones(),
    buffers: UdpBuffers = { receive: LAN.udpReceiveBuffer, send: LAN.udpSendBuffer },
  ) {
    this.#buffers = buffers
    this.#events = events
    this.#zones = zones
  }

  /** Binds to a literal address; rejects with the system's error. */
  async bind(ip: string, port: number): Promise<void> {
    const family = isIPv6(ip) ? 6 : 4
    const socket = createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
      lookup: (host, _options, done) => done(null, host, family),
    })
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (error) => {
        socket.close()
        reject(error)
      })
      socket.bind({ address: ip, port, exclusive: true }, resolve)
    })
    socket.removeAllListeners('error')
    enlarge(this.#buffers.receive, (size) => socket.setRecvBufferSize(size))
    enlarge(this.#buffers.send, (size) => socket.setSendBufferSize(size))
    socket.on('error', (error) => this.#events.unsent(0, error))
    this.#zones.bind(ip)
    socket.on('message', (bytes, { address, port }) =>
      this.#events.packet(bytes, this.#zones.off(plainIp(address)), port),
    )
    this.#socket = socket
    this.#isForBoth = ip === '::'
  }

  send(packet: Uint8Array, to: string, port: number, seqNo: number): void {
    const ip = this.#isForBoth && !to.includes(':') ? MAPPED + to : this.#zones.on(to)
    if (seqNo === 0) this.#socket?.send(packet, port, ip, this.#sent)
    else {
      this.#socket?.send(packet, port, ip, (error) => {
        if (error !== null) this.#events.unsent(seqNo, error)
      })
    }
  }

  async close(): Promise<void> {
    const socket = this.#socket
    this.#socket = undefined
    if (socket !== undefined) await new Promise<void>((resolve) => socket.close(() => resolve()))
  }

  /** One callback for all packets that carry no ping. */
  readonly #sent = (error: Error | null): void => {
    if (error !== null) this.#events.unsent(0, error)
  }
}

/** The address of a peer, IPv4 as IPv4 even where it came through a socket for both families. */
export function plainIp(address: string): string {
  return address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address
}

/** Asks for so much, and for half as long as the system refuses; Linux never does, and gives as much as it may. */
function enlarge(wanted: number, set: (size: number) => void): void {
  for (let size = wanted; size >= SMALLEST_BUFFER; size = Math.floor(size / 2)) {
    try {
      set(size)
      return
    } catch {
      // Too much for this system.
    }
  }
}
