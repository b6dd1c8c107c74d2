/**
 * Pours packets at an even rate. They are made once, and only the Lamport times in them are written anew: a sender that encoded each event would
 * take the processor from whoever is measured.
 */
import { createSocket, type Socket } from 'node:dgram'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeCompound } from '../../src/wire/packet.ts'
import { aliveMessage, eventMessage } from './made-up.ts'
import type { Poured, PourOrder } from './pool.ts'

/** A packet with events whose Lamport times can be set. */
interface Template {
  bytes: Uint8Array
  view: DataView
  /** Where the Lamport times stand, as four bytes. */
  times: number[]
}

/** Packets that are made: one is written to again only when this many others were sent after it. */
const MADE = 2_048
/** A time that no other bytes of a packet look like. */
const MARK = 0x7a7b7c7d
const STEP = 2
const REPEATED = 200
const NEWS_IN = 10

function template({ perPacket, payloadBytes }: PourOrder): Template {
  const message = eventMessage(MARK, payloadBytes)
  const bytes = makeCompound(Array.from({ length: perPacket }, () => message))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const times: number[] = []
  for (let at = 0; at + 4 <= bytes.length; at++) if (view.getUint32(at) === MARK) times.push(at)
  if (times.length !== perPacket) throw new Error('the times were not found in the packet')
  return { bytes, view, times }
}

function repeatsOf({ perPacket }: PourOrder): Uint8Array[] {
  return Array.from({ length: REPEATED / perPacket }, (_, i) =>
    makeCompound(Array.from({ length: perPacket }, (_, j) => aliveMessage(i * perPacket + j, 1))),
  )
}

/** Sends in steps of 2 ms; a step that comes late sends what it owes. */
export async function pour(order: PourOrder): Promise<Poured> {
  const socket = await connected(order)
  const { messagesPerSecond, seconds, perPacket, from } = order
  const templates = Array.from({ length: MADE }, () => template(order))
  const repeats = order.what === 'repeats' ? repeatsOf(order) : []
  const packets = Math.ceil((messagesPerSecond * seconds) / perPacket)
  const startedAt = performance.now()
  let events = 0
  for (let sent = 0; sent < packets; ) {
    const owed = ((performance.now() - startedAt) / 1000) * (messagesPerSecond / perPacket)
    for (; sent < Math.min(packets, owed); sent++) {
      if (repeats.length > 0 && sent % NEWS_IN > 0) {
        socket.send(repeats[sent % repeats.length])
        continue
      }
      const { bytes, view, times } = templates[sent % MADE]
      for (const at of times) {
        view.setUint32(at, from + events)
        events += 1
      }
      socket.send(bytes)
    }
    await sleep(STEP)
  }
  const took = (performance.now() - startedAt) / 1000
  socket.close()
  return { type: 'poured', messages: packets * perPacket, events, seconds: took }
}

function connected({ ip, port }: PourOrder): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.on('error', () => undefined)
  return new Promise((resolve) => socket.connect(port, ip, () => resolve(socket)))
}
