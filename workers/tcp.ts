/**
 * The TCP side of a member: the listener and the connections, by number. What the bytes mean, and how long anybody waits, is the
 * actor's business.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { plainIp } from './udp.ts'

export interface TcpEvents {
  accepted(stream: number, ip: string, port: number): void
  connected(stream: number): void
  data(stream: number, bytes: Uint8Array): void
  /** The peer ended, or the connection broke: then `error` says why. */
  closed(stream: number, error: string): void
}

/**
 * Inbound connections open at once; beyond it new ones are dropped at the door. The actor keeps fewer (src/gossip/inbound.ts) and drops the
 * idle ones for newcomers; this bounds only what comes in before it has had its turn.
 */
export const MOST_ACCEPTED = 1024

export class Tcp {
  readonly #events: TcpEvents
  readonly #sockets = new Map<number, Socket>()
  #server: Server | undefined
  #accepted = 0
  #inbound = 0

  constructor(events: TcpEvents) {
    this.#events = events
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
    const address = server.address()
    return address === null || typeof address === 'string' ? port : address.port
  }

  /** Connects to a literal address. */
  dial(stream: number, ip: string, port: number): void {
    const socket = connect({ host: ip, port, allowHalfOpen: true, noDelay: true })
    this.#adopt(stream, socket)
    socket.once('connect', () => this.#events.connected(stream))
  }

  write(stream: number, bytes: Uint8Array): void {
    this.#sockets.get(stream)?.write(bytes)
  }

  /** Ends our side when all is written; the connection closes once the peer has ended too. */
  end(stream: number): void {
    // Not destroyed once flushed: bytes of the peer that lie unread would make the system drop what it has not read yet.
    this.#sockets.get(stream)?.end()
  }

  destroy(stream: number): void {
    this.#sockets.get(stream)?.destroy()
    this.#sockets.delete(stream)
  }

  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    for (const stream of [...this.#sockets.keys()]) this.destroy(stream)
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
    this.#adopt(this.#accepted, socket)
    this.#events.accepted(this.#accepted, plainIp(remoteAddress), remotePort)
  }

  #adopt(stream: number, socket: Socket): void {
    this.#sockets.set(stream, socket)
    let error = ''
    socket.on('error', (reason) => {
      error = reason.message
    })
    socket.on('data', (bytes) => this.#events.data(stream, bytes))
    socket.once('end', () => {
      if (this.#sockets.get(stream) === socket) this.#events.closed(stream, '')
    })
    socket.once('close', () => {
      if (this.#sockets.get(stream) !== socket) return
      this.#sockets.delete(stream)
      if (!socket.readableEnded)
        this.#events.closed(stream, error === '' ? 'the connection was closed' : error)
    })
  }
}
