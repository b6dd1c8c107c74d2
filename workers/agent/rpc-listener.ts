/** The agent's RPC listener: sockets in, sessions behind them. Bounded in connections, and in how long one may stay silent before its handshake. */
import { createServer, type Server, type Socket } from 'node:net'
import type { Desk } from '../../src/agent/desk.ts'
import { Session } from '../../src/agent/session.ts'

/** Connections at a time; a new one beyond it takes the place of the oldest that has not shaken hands, or is refused. */
const MOST_CONNECTIONS = 1_024
/** A client that has not shaken hands by then is let go of; the original waits for ever. */
const HANDSHAKE_TIMEOUT = 10_000

export class RpcListener {
  readonly #server: Server
  readonly #sessions = new Map<Socket, Session>()
  /** Clients that came before the agent was there. */
  #early: Socket[] = []
  #desk: Desk | undefined

  constructor(log: (text: string) => void) {
    this.#server = createServer((socket) => this.#accept(socket))
    this.#server.on('error', (error) => log(`agent.ipc: Failed to accept client: ${error.message}`))
  }

  /** Serves from now on; who connected before is served first. */
  open(desk: Desk): void {
    this.#desk = desk
    for (const socket of this.#early.splice(0)) this.#serve(socket, desk)
  }

  /** Resolves when clients can connect; rejects with the system's error. */
  listen(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Closes the listener and all connections. What was written goes out first. */
  close(): Promise<void> {
    for (const session of [...this.#sessions.values()]) session.close()
    for (const socket of this.#early.splice(0)) socket.destroy()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  #accept(socket: Socket): void {
    if (!this.#hasRoom()) {
      socket.destroy()
      return
    }
    socket.on('error', () => undefined)
    if (this.#desk === undefined) this.#early.push(socket)
    else this.#serve(socket, this.#desk)
  }

  #serve(socket: Socket, desk: Desk): void {
    socket.setNoDelay(true)
    const session = new Session(desk, {
      peer: `${socket.remoteAddress}:${socket.remotePort}`,
      write: (bytes) => {
        socket.write(bytes)
      },
      waiting: () => socket.writableLength,
      pause: () => socket.pause(),
      resume: () => socket.resume(),
      // A client that does not read must not keep its socket, and its unread bytes, for ever.
      close: () => {
        socket.end()
        setTimeout(() => socket.destroy(), HANDSHAKE_TIMEOUT).unref()
      },
    })
    this.#sessions.set(socket, session)
    const patience = setTimeout(() => {
      if (!session.hasShakenHands) socket.destroy()
    }, HANDSHAKE_TIMEOUT)
    patience.unref()
    socket.on('data', (bytes) => session.data(bytes))
    socket.on('drain', () => session.drained())
    socket.on('close', () => {
      clearTimeout(patience)
      session.closed()
      this.#sessions.delete(socket)
    })
  }

  #hasRoom(): boolean {
    if (this.#sessions.size + this.#early.length < MOST_CONNECTIONS) return true
    for (const [socket, session] of this.#sessions) {
      if (session.hasShakenHands) continue
      socket.destroy()
      session.closed()
      this.#sessions.delete(socket)
      return true
    }
    return false
  }
}
