/**
 * TCP connections by number, as far as they are dialled: the detector needs no more. What the bytes mean, and how long anybody waits, is the
 * actor's business.
 */
import { connect, type Socket } from 'node:net'
import type { StreamEvents, Streams } from '../src/cluster/transport.ts'
import { Zones } from './zones.ts'

export class Connections implements Streams {
  readonly #events: StreamEvents
  readonly #sockets = new Map<number, Socket>()
  readonly zones: Zones

  constructor(events: StreamEvents, zones = new Zones()) {
    this.#events = events
    this.zones = zones
  }

  /** Not here: tcp.ts listens. */
  listen(): Promise<number> {
    return Promise.reject(new Error('these connections are dialled, not accepted'))
  }

  /** Connects to a literal address. */
  dial(stream: number, ip: string, port: number): void {
    // Half-open: the peer may end its side of a push/pull while we still write.
    const socket = connect({ host: this.zones.on(ip), port, allowHalfOpen: true, noDelay: true })
    this.adopt(stream, socket)
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
    for (const stream of [...this.#sockets.keys()]) this.destroy(stream)
  }

  /** Takes a socket as the stream of this number. */
  adopt(stream: number, socket: Socket): void {
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
