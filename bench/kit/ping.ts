/**
 * Pings a member and takes the time of its acks: at an even rate, or with so many under way at all times. A pinger that is held up itself sees late
 * answers that were in time: what was under way while it did not turn for 4 ms is not judged, whoever is measured.
 */
import { createSocket, type Socket } from 'node:dgram'
import { setTimeout as sleep } from 'node:timers/promises'
import { Counters } from '../../src/actors/counters.ts'
import { PacketOpener } from '../../src/wire/packet.ts'
import { readAck, writePing } from '../../src/wire/probe.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import type { Pinged, PingOrder } from './pool.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const COATS = { compression: false, label: new Uint8Array(0) }
/** How long late answers are waited for. */
const PATIENCE = 500
/** One that is not answered in this time makes room for another. */
const LOST_AFTER = 100
const HELD_UP = 4
const RECEIVE_BUFFER = 4 * 1024 * 1024

class Pinger {
  readonly trips: number[] = []
  readonly sentAt: number[] = []
  sent = 0
  readonly #socket: Socket
  readonly #order: PingOrder
  readonly #at: number[] = [0]
  readonly #startedAt = performance.now()
  readonly #opener: PacketOpener
  #ackAt = 0
  #turnedAt = performance.now()
  /** When it was held up: from, to. */
  readonly #gaps: [number, number][] = []

  constructor(socket: Socket, order: PingOrder) {
    this.#socket = socket
    this.#order = order
    this.#opener = new PacketOpener(COATS, new Counters(), (type, packet, start, end) => {
      if (type === MESSAGE.ack) this.#acked(readAck(packet, start, end)?.seqNo ?? 0)
    })
    socket.on('message', (packet) => {
      this.#ackAt = performance.now()
      this.#opener.open(packet)
      if ('underWay' in order.pace && !this.isOver) this.ping()
    })
  }

  get isOver(): boolean {
    return performance.now() - this.#startedAt > this.#order.seconds * 1000
  }

  /** Pings that should have been sent by now at an even rate. */
  owed(perSecond: number): number {
    return ((performance.now() - this.#startedAt) / 1000) * perSecond
  }

  /** To be called every millisecond or two. */
  turn(): void {
    const now = performance.now()
    if (now - this.#turnedAt > HELD_UP)
      this.#gaps.push([this.#turnedAt - this.#startedAt, now - this.#startedAt])
    this.#turnedAt = now
  }

  /** Which answers can be judged. */
  get judged(): boolean[] {
    return this.trips.map((trip, i) => {
      const at = this.sentAt[i]
      return !this.#gaps.some(([from, to]) => at < to && at + trip > from)
    })
  }

  ping(): void {
    const { ip, port, node } = this.#order
    this.sent += 1
    const local = this.#socket.address()
    const message = writePing({
      seqNo: this.sent,
      node: bytes(node),
      sourceAddress: Uint8Array.of(127, 0, 0, 1),
      sourcePort: local.port,
      sourceNode: bytes('member-000001'),
    })
    this.#at.push(performance.now())
    this.#socket.send(message, port, ip)
  }

  #acked(seqNo: number): void {
    const at = this.#at[seqNo]
    if (at === undefined || at === 0) return
    this.#at[seqNo] = 0
    this.trips.push(this.#ackAt - at)
    this.sentAt.push(at - this.#startedAt)
  }
}

export async function ping(order: PingOrder): Promise<Pinged> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  socket.setRecvBufferSize(RECEIVE_BUFFER)
  const startedAt = performance.now()
  const pinger = new Pinger(socket, order)
  const { pace } = order
  if ('perSecond' in pace) {
    while (!pinger.isOver) {
      pinger.turn()
      while (pinger.sent < pinger.owed(pace.perSecond)) pinger.ping()
      await sleep(1)
    }
  } else {
    while (!pinger.isOver) {
      const answered = pinger.trips.length
      if (pinger.sent === 0) for (let i = 0; i < pace.underWay; i++) pinger.ping()
      await sleep(LOST_AFTER)
      if (pinger.trips.length === answered) for (let i = 0; i < pace.underWay; i++) pinger.ping()
    }
  }
  const seconds = (performance.now() - startedAt) / 1000
  await sleep(PATIENCE)
  socket.close()
  const { sent, trips, sentAt, judged } = pinger
  const kept = <Value>(values: Value[]) => values.filter((_, i) => judged[i])
  return { type: 'pinged', sent, answered: trips.length, seconds, trips: kept(trips), sentAt: kept(sentAt) }
}
