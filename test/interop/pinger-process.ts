/**
 * A pinging script in a process of its own: it pings each of its targets every so often with a plain ping of memberlist's, and says how long the
 * acks took. Pinger (pinger.ts) starts it; any message ends the pinging and is answered with what was measured.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { readAck, writePing } from '../../src/wire/probe.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import type { Target } from './pinger.ts'

const EVERY = 50
/** An ack that takes longer counts as none. */
const TOO_LATE = 2_000

const targets: Target[] = JSON.parse(process.argv[2])
const acks: number[][] = targets.map(() => [])
const pending = new Map<number, { target: number; sentAt: number }>()
const socket = createSocket('udp4')
socket.bind(0, '127.0.0.1')
await once(socket, 'listening')
const { address, port } = socket.address()
let seqNo = 0
let isOver = false

/** The ack is the first message of its packet: alone, or in front of a compound's broadcasts. */
function ackIn(packet: Buffer): number | undefined {
  const start = packet[0] === MESSAGE.compound ? 2 + 2 * packet[1] : 0
  return packet[start] === MESSAGE.ack ? readAck(packet, start + 1, packet.length)?.seqNo : undefined
}

socket.on('message', (packet) => {
  const number = ackIn(packet)
  const ping = number === undefined ? undefined : pending.get(number)
  if (number === undefined || ping === undefined) return
  pending.delete(number)
  acks[ping.target].push(performance.now() - ping.sentAt)
})

function pingAll(): void {
  for (const [target, { name, ip, port: to }] of targets.entries()) {
    seqNo += 1
    const node = new TextEncoder().encode(name)
    const source = { sourceAddress: Uint8Array.from(address.split('.').map(Number)), sourcePort: port }
    pending.set(seqNo, { target, sentAt: performance.now() })
    socket.send(writePing({ seqNo, node, ...source, sourceNode: new Uint8Array(0) }), to, ip)
  }
}

process.once('message', () => {
  isOver = true
})
process.once('disconnect', () => process.exit())
process.send?.('ready')
while (!isOver) {
  pingAll()
  await sleep(EVERY)
}
await sleep(TOO_LATE)
process.send?.(
  acks.map((times, target) => {
    const missing = [...pending.values()].filter((ping) => ping.target === target).length
    return {
      times: times.filter((time) => time < TOO_LATE),
      missing: missing + times.filter((time) => time >= TOO_LATE).length,
    }
  }),
)
process.disconnect()
