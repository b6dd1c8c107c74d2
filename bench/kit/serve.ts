/**
 * A made-up pool: answers every connection with its state, and every ping to any of its members, whose UDP port is the same for all. Who comes with a
 * state of its own is in the answer, so that it knows that it is held.
 */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { Counters } from '../../src/actors/counters.ts'
import { Claim, readPushPullNode } from '../../src/wire/claim.ts'
import { Reader } from '../../src/wire/msgpack.ts'
import { PacketOpener } from '../../src/wire/packet.ts'
import { readPing, writeAck } from '../../src/wire/probe.ts'
import { StreamAssembler } from '../../src/wire/stream.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import { stateWith } from './made-up.ts'
import type { Serving } from './pool.ts'

const COATS = { compression: false, label: new Uint8Array(0) }

export async function serve(members: number): Promise<Serving> {
  const server = createServer({ allowHalfOpen: true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const { port } = address
  const state = stateWith(members, port)
  answerPings(port)
  let guest = new Uint8Array(0)
  server.on('connection', (socket) => {
    const assembler = new StreamAssembler(COATS, 'opener')
    let isAnswered = false
    socket.on('data', (chunk) => {
      if (isAnswered) return
      assembler.push(chunk)
      // Whoever has a large pool to show knows us already: it is not read to its end.
      const step = assembler.received < SMALL ? assembler.step() : undefined
      if (step?.kind === 'more') return
      isAnswered = true
      if (step?.kind === 'push-pull') guest = firstIn(step.bytes, step.nodesStart)
      socket.end(state(guest))
    })
    socket.on('error', () => socket.destroy())
  })
  return { type: 'serving', port, bytes: state(guest).length }
}

/** Longest state that is read; that of somebody who is alone is a few hundred bytes. */
const SMALL = 16_384

/** The first member of a state, as it stands there: who sent it, where it was alone. */
function firstIn(state: Uint8Array, nodesStart: number): Uint8Array<ArrayBuffer> {
  const reader = new Reader().reset(state, nodesStart)
  return readPushPullNode(new Claim(), reader)
    ? Uint8Array.from(state.subarray(nodesStart, reader.at))
    : new Uint8Array(0)
}

/** The UDP side of all members. */
function answerPings(port: number): void {
  const socket = createSocket('udp4')
  const from = { ip: '', port: 0 }
  const opener = new PacketOpener(COATS, new Counters(), (type, packet, start, end) => {
    const ping = type === MESSAGE.ping ? readPing(packet, start, end) : undefined
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
