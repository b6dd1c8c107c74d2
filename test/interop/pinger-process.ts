/**
 * A pinging script in a process of its own: it pings each of its targets every so often with a plain ping of memberlist's, and says how long the
 * acks took. Pinger (pinger.ts) starts it; any message ends the pinging and is answered with what was measured.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Counters } from '../../src/actors/counters.ts'
import { PacketOpener } from '../../src/wire/packet.ts'
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

/** Acks come alone, or with broadcasts, which may be compressed. */
const opener = new PacketOpener(
  { label: new Uint8Array(0), compression: false },
  new Counters(),
  (type, bytes, start, end) => {
    const number = type === MESSAGE.ack ? readAck(bytes, start, end)?.seqNo : undefined
    const ping = number === undefined ? undefined : pending.get(number)
    if (number === undefined || ping === undefined) return
    pending.delete(number)
    acks[ping.target].push(performance.now() - ping.sentAt)
  },
)
socket.on('message', (packet) => opener.open(packet))

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
const found = acks.map((times, target) => {
  const missing = [...pending.values()].filter((ping) => ping.target === target).length
  return {
    times: times.filter((time) => time < TOO_LATE),
    missing: missing + times.filter((time) => time >= TOO_LATE).length,
  }
})
// A long answer must be out before the way is closed.
process.send?.(found, () => process.disconnect())
