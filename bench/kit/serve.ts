/** A made-up pool: answers every connection with its state, and every ping to any of its members, whose UDP port is the same for all. */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { Counters } from '../../src/actors/counters.ts'
import { PacketOpener } from '../../src/wire/packet.ts'
import { readPing, writeAck } from '../../src/wire/probe.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import { stateOf } from './made-up.ts'
import type { Serving } from './pool.ts'

const COATS = { compression: false, label: new Uint8Array(0) }

export async function serve(members: number): Promise<Serving> {
  const server = createServer({ allowHalfOpen: true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const state = stateOf(members, address.port)
  server.on('connection', (socket) => {
    socket.once('data', () => socket.end(state))
    socket.on('error', () => socket.destroy())
  })
  answerPings(address.port)
  return { type: 'serving', port: address.port, bytes: state.length }
}

function answerPings(port: number): void {
  const socket = createSocket('udp4')
  const from = { ip: '', port: 0 }
  const opener = new PacketOpener(COATS, new Counters(), (type, bytes, start, end) => {
    const ping = type === MESSAGE.ping ? readPing(bytes, start, end) : undefined
    if (ping !== undefined) socket.send(writeAck(ping.seqNo, null), from.port, from.ip)
  })
  socket.on('message', (packet, sender) => {
    from.ip = sender.address
    from.port = sender.port
    opener.open(packet)
  })
  socket.on('error', () => undefined)
  socket.bind(port, '127.0.0.1')
}
