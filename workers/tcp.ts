/** The TCP side of a member: the listener, and the connections that it accepts or dials, by number. */
import { createServer, type Server, type Socket } from 'node:net'
import type { StreamEvents, Streams } from '../src/cluster/transport.ts'
import { Connections } from './connections.ts'
import { plainIp } from './udp.ts'

/**
 * Inbound connections open at once; beyond it new ones are dropped at the door. The actor keeps fewer (src/gossip/inbound.ts) and drops the
 * idle ones for newcomers; this bounds only what comes in before it has had its turn.
 */
export const MOST_ACCEPTED = 1024

export class Tcp implements Streams {
  readonly #events: StreamEvents
  readonly #connections: Connections
  #server: Server | undefined
  #accepted = 0
  #inbound = 0

  constructor(events: StreamEvents) {
    this.#events = events
    this.#connections = new Connections(events)
  }

  /** Listens on a literal address and gives the port; rejects with the system's error. */
  async listen(ip: string, port: number): Promise<number> {
    // Half-open: the asker of a push/pull may have ended its side while it still reads.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: ip, port, exclusive: true }, resolve)
    })
    server.removeAllListeners('error')
    // Accepting may fail for want of file descriptors; the listener itself lives on.
    server.on('error', () => undefined)
    this.#server = server
    this.#connections.zones.bind(ip)
    const address = server.address()
    return address === null || typeof address === 'string' ? port : address.port
  }

  dial(stream: number, ip: string, port: number): void {
    this.#connections.dial(stream, ip, port)
  }

  write(stream: number, bytes: Uint8Array): void {
    this.#connections.write(stream, bytes)
  }

  end(stream: number): void {
    this.#connections.end(stream)
  }

  destroy(stream: number): void {
    this.#connections.destroy(stream)
  }

  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    await this.#connections.close()
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()))
  }

  #accept(socket: Socket): void {
    const { remoteAddress, remotePort } = socket
    if (this.#inbound >= MOST_ACCEPTED || remoteAddress === undefined || remotePort === undefined) {
      socket.on('error', () => undefined)
      socket.destroy()
      return
    }
    this.#inbound += 1
    socket.once('close', () => {
      this.#inbound -= 1
    })
    this.#accepted += 1
    this.#connections.adopt(this.#accepted, socket)
    this.#events.accepted(this.#accepted, this.#connections.zones.off(plainIp(remoteAddress)), remotePort)
  }
}
