/** Pings over streams, dialled by the detector itself: a request, and whatever comes back until somebody closes. */
import type { StreamEvents, Streams } from '../src/cluster/transport.ts'

export interface PingStreamEvents {
  /** All bytes so far. */
  data(seqNo: number, bytes: Uint8Array): void
  failed(seqNo: number): void
}

interface Ping {
  request: Uint8Array
  answer: Uint8Array
}

/** An answer is a few dozen bytes; beyond this the peer is not one. */
const LONGEST_ANSWER = 64 * 1024

export class PingStreams {
  readonly #events: PingStreamEvents
  readonly #streams: Streams
  /** By the number of the ping; the stream has that number below 0. */
  readonly #pings = new Map<number, Ping>()

  constructor(events: PingStreamEvents, streamsFor: (events: StreamEvents) => Streams) {
    this.#events = events
    this.#streams = streamsFor({
      accepted: (stream) => this.#streams.destroy(stream),
      connected: (stream) => this.#connected(stream),
      data: (stream, bytes) => this.#heard(-stream, bytes),
      closed: (stream) => this.#failed(-stream),
    })
  }

  dial(seqNo: number, ip: string, port: number, request: Uint8Array): void {
    this.#pings.set(seqNo, { request, answer: new Uint8Array(0) })
    this.#streams.dial(-seqNo, ip, port)
  }

  close(seqNo: number): void {
    if (this.#pings.delete(seqNo)) this.#streams.destroy(-seqNo)
  }

  async closeAll(): Promise<void> {
    this.#pings.clear()
    await this.#streams.close()
  }

  #connected(stream: number): void {
    const ping = this.#pings.get(-stream)
    if (ping !== undefined) this.#streams.write(stream, ping.request)
  }

  #heard(seqNo: number, bytes: Uint8Array): void {
    const ping = this.#pings.get(seqNo)
    if (ping === undefined) return
    if (ping.answer.length + bytes.length > LONGEST_ANSWER) return this.#failed(seqNo)
    const answer = new Uint8Array(ping.answer.length + bytes.length)
    answer.set(ping.answer)
    answer.set(bytes, ping.answer.length)
    ping.answer = answer
    this.#events.data(seqNo, answer)
  }

  #failed(seqNo: number): void {
    if (!this.#pings.delete(seqNo)) return
    this.#streams.destroy(-seqNo)
    this.#events.failed(seqNo)
  }
}
