/**
 * A made-up pool: answers every connection with its state, and every ping to any of its members, whose UDP port is the same for all. Who came with a
 * state of its own is pinged by its name when it pings: so it knows that it is held.
 */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { Counters } from '../../src/actors/counters.ts'
import { Claim, readPushPullNode } from '../../src/wire/claim.ts'
import { Reader } from '../../src/wire/msgpack.ts'
import { PacketOpener } from '../../src/wire/packet.ts'
import { readPing, writeAck, writePing } from '../../src/wire/probe.ts'
import { StreamAssembler } from '../../src/wire/stream.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import { stateOf } from './made-up.ts'
import type { Serving } from './pool.ts'

const COATS = { compression: false, label: new Uint8Array(0) }
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export async function serve(members: number): Promise<Serving> {
  const server = createServer({ allowHalfOpen: true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const { port } = address
  const state = stateOf(members, port)
  const voice = new Voice(port)
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
      voice.welcome(step?.kind === 'push-pull' ? firstIn(step.bytes, step.nodesStart) : undefined)
      socket.end(state)
    })
    socket.on('error', () => socket.destroy())
  })
  return { type: 'serving', port, bytes: state.length }
}

/** Longest state that is read; that of somebody who is alone is a few hundred bytes. */
const SMALL = 16_384

/** Name of the first member of a state: who sent it, where it was alone. */
function firstIn(state: Uint8Array, nodesStart: number): Uint8Array | undefined {
  const claim = new Claim()
  if (!readPushPullNode(claim, new Reader().reset(state, nodesStart))) return undefined
  return claim.bytes.slice(claim.nodeStart, claim.nodeEnd)
}

/** The UDP side of all members. */
class Voice {
  readonly #socket = createSocket('udp4')
  #ip = ''
  #port = 0
  /** Whom to ping by its name at its next pings, and how often still. */
  #guest: Uint8Array | undefined
  #greetings = 0

  constructor(port: number) {
    const opener = new PacketOpener(COATS, new Counters(), (type, packet, start, end) => {
      const ping = type === MESSAGE.ping ? readPing(packet, start, end) : undefined
      if (ping !== undefined) this.#answer(ping.seqNo, port)
    })
    this.#socket.on('message', (packet, { address, port: from }) => {
      this.#ip = address
      this.#port = from
      opener.open(packet)
    })
    this.#socket.on('error', () => undefined)
    this.#socket.bind(port, '127.0.0.1')
  }

  /** Greets this one from now on; where none is named, the one that came before. */
  welcome(guest: Uint8Array | undefined): void {
    this.#guest = guest ?? this.#guest
    this.#greetings = GREETINGS
  }

  #answer(seqNo: number, port: number): void {
    this.#socket.send(writeAck(seqNo, null), this.#port, this.#ip)
    if (this.#guest === undefined || this.#greetings === 0) return
    this.#greetings -= 1
    const source = { sourceAddress: LOOPBACK, sourcePort: port, sourceNode: bytes('member-000001') }
    this.#socket.send(writePing({ seqNo: 1, node: this.#guest, ...source }), this.#port, this.#ip)
  }
}

const LOOPBACK = Uint8Array.of(127, 0, 0, 1)
const GREETINGS = 5
