/** The process behind `Peer`: pours user events, or serves the state of a made-up pool to whoever joins it. */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { writePushPullHeader, writePushPullNode } from '../src/wire/claim.ts'
import { Writer } from '../src/wire/msgpack.ts'
import { makeCompound } from '../src/wire/packet.ts'
import { encodeTags, writePushPullState, writeUserEvent } from '../src/wire/serf.ts'
import { MESSAGE, STATE } from '../src/wire/types.ts'
import type { Order, PourOrder, Report } from './pool.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

function eventPacket(order: PourOrder, lamportTime: number): Uint8Array {
  const writer = new Writer()
  const name = bytes('deploy')
  const payload = new Uint8Array(order.payloadBytes).fill(120)
  const parts = Array.from({ length: order.perPacket }, (_, i) => {
    writer.reset().byte(MESSAGE.user)
    writeUserEvent(writer, { lamportTime: lamportTime + i, name, payload, coalesce: false })
    return writer.copy()
  })
  return makeCompound(parts)
}

/** Sends at an even rate in steps of 2 ms; a step that comes late sends what it owes. */
async function pour(order: PourOrder): Promise<Report> {
  const socket = createSocket('udp4')
  const packets = Math.ceil((order.eventsPerSecond * order.seconds) / order.perPacket)
  const startedAt = performance.now()
  for (let sent = 0; sent < packets; ) {
    const owed = ((performance.now() - startedAt) / 1000) * (order.eventsPerSecond / order.perPacket)
    for (; sent < Math.min(packets, owed); sent++) {
      socket.send(eventPacket(order, order.from + sent * order.perPacket), order.port, order.ip)
    }
    await sleep(2)
  }
  socket.close()
  return { type: 'poured', events: packets * order.perPacket }
}

function stateOf(members: number, port: number): Uint8Array {
  const nodes = new Writer()
  const names: Uint8Array[] = []
  for (let i = 0; i < members; i++) {
    const name = bytes(`member-${String(i).padStart(6, '0')}`)
    names.push(name)
    writePushPullNode(nodes, {
      incarnation: 1,
      name,
      address: Uint8Array.of(127, 0, 0, 1),
      port,
      meta: encodeTags({ role: 'web', dc: `east-${i % 5}` }, 5),
      versions: Uint8Array.of(1, 5, 2, 2, 5, 5),
      state: STATE.alive,
    })
  }
  const tail = new Writer()
  writePushPullState(tail, {
    lamportTime: 1,
    eventTime: 1,
    queryTime: 1,
    left: [],
    statuses: {
      count: names.length,
      each: (visit) => {
        for (const name of names) visit(name, 1)
      },
    },
    slots: new Array(512).fill(undefined),
  })
  const head = new Writer()
  writePushPullHeader(head, { join: true, nodes: members, userStateLength: tail.length })
  return Buffer.concat([head.view(), nodes.view(), tail.view()])
}

/** Answers every connection with the state; swallows the pings that follow. */
async function serve(members: number): Promise<Report> {
  const server = createServer({ allowHalfOpen: true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const state = stateOf(members, address.port)
  server.on('connection', (socket) => {
    socket.once('data', () => socket.end(state))
    socket.on('error', () => socket.destroy())
  })
  createSocket('udp4').bind(address.port, '127.0.0.1')
  return { type: 'serving', port: address.port, bytes: state.length }
}

process.on('message', async (order: Order) => {
  const report = order.type === 'pour' ? await pour(order) : await serve(order.members)
  process.send?.(report)
})
