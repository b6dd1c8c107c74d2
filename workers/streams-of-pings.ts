/** Pings over TCP, dialled by the detector itself: a request, and whatever comes back until somebody closes. */
import { connect, type Socket } from 'node:net'

export interface PingStreamEvents {
  /** All bytes so far. */
  data(seqNo: number, bytes: Uint8Array): void
  failed(seqNo: number): void
}

/** An answer is a few dozen bytes; beyond this the peer is not one. */
const LONGEST_ANSWER = 64 * 1024

export class PingStreams {
  readonly #events: PingStreamEvents
  readonly #sockets = new Map<number, Socket>()

  constructor(events: PingStreamEvents) {
    this.#events = events
  }

  dial(seqNo: number, ip: string, port: number, request: Uint8Array): void {
    const socket = connect({ host: ip, port, noDelay: true })
    this.#sockets.set(seqNo, socket)
    let answer: Buffer = Buffer.alloc(0)
    socket.once('connect', () => socket.write(request))
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => {
      answer = Buffer.concat([answer, bytes])
      if (answer.length > LONGEST_ANSWER) socket.destroy()
      else this.#events.data(seqNo, answer)
    })
    socket.once('close', () => {
      if (!this.#sockets.delete(seqNo)) return
      this.#events.failed(seqNo)
    })
  }

  close(seqNo: number): void {
    const socket = this.#sockets.get(seqNo)
    this.#sockets.delete(seqNo)
    socket?.destroy()
  }

  closeAll(): void {
    for (const seqNo of [...this.#sockets.keys()]) this.close(seqNo)
  }
}
