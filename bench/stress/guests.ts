/**
 * Members that are made up: one socket says over UDP that they come and go, and answers whoever pings one that is there. Some leave as one should, some
 * are simply gone. They are few names that come again and again, each time with a higher incarnation, so that nobody's tables grow by them.
 */
import { createSocket, type Socket } from 'node:dgram'
import { Counters } from '../../src/actors/counters.ts'
import { writeAlive, writeSuspect } from '../../src/wire/claim.ts'
import { Writer } from '../../src/wire/msgpack.ts'
import { makeCompound, PacketOpener } from '../../src/wire/packet.ts'
import { readPing, writeAck } from '../../src/wire/probe.ts'
import { encodeTags, writeLeave } from '../../src/wire/serf.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import type { Stage } from './stage.ts'

const COATS = { compression: false, label: new Uint8Array(0) }
const NAMES = 60
/** One in so many goes without a word. */
const SILENT = 8
/** Those who hear of a change from us; they tell the others. */
const TOLD = 3
const LAMPORT_FROM = 1_000
const VERSIONS = Uint8Array.of(1, 5, 2, 2, 5, 5)
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

export class Guests {
  changes = 0
  readonly #stage: Stage
  readonly #socket: Socket
  readonly #incarnations = new Uint32Array(NAMES)
  readonly #here = new Set<number>()
  #lamportTime = LAMPORT_FROM

  private constructor(stage: Stage, socket: Socket) {
    this.#stage = stage
    this.#socket = socket
    for (let i = 0; i < NAMES; i++) stage.guests.add(nameOf(i))
    const from = { ip: '', port: 0 }
    const opener = new PacketOpener(COATS, new Counters(), (type, packet, start, end) => {
      const ping = type === MESSAGE.ping ? readPing(packet, start, end) : undefined
      if (ping === undefined) return
      const number = Number(new TextDecoder().decode(ping.node).slice('guest-'.length))
      if (this.#here.has(number)) socket.send(writeAck(ping.seqNo, null), from.port, from.ip)
    })
    socket.on('message', (packet, { address, port }) => {
      from.ip = address
      from.port = port
      opener.open(packet)
    })
    socket.on('error', () => undefined)
  }

  static async at(stage: Stage, ip: string): Promise<Guests> {
    const socket = createSocket('udp4')
    await new Promise<void>((resolve) => socket.bind(0, ip, resolve))
    return new Guests(stage, socket)
  }

  /** Somebody comes or goes. */
  change(): void {
    this.changes += 1
    const number = this.#stage.random.below(NAMES)
    const told = this.#stage.some(this.#stage.players, TOLD)
    if (!this.#here.delete(number)) {
      this.#here.add(number)
      this.#incarnations[number] += 1
      return this.#say(this.#alive(number), told)
    }
    if (this.#stage.random.below(SILENT) > 0) this.#say(this.#leave(number), told)
  }

  /** All leave, and those who went without a word say it now. To everybody, so that nobody has to find out. */
  farewell(): void {
    this.#here.clear()
    for (let number = 0; number < NAMES; number++) {
      if (this.#incarnations[number] > 0) this.#say(this.#leave(number), this.#stage.players)
    }
  }

  close(): void {
    this.#socket.close()
  }

  #alive(number: number): Uint8Array {
    const { address, port } = this.#socket.address()
    const writer = new Writer()
    writeAlive(writer.reset(), {
      incarnation: this.#incarnations[number],
      name: utf8(nameOf(number)),
      address: Uint8Array.from(address.split('.').map(Number)),
      port,
      meta: encodeTags({ role: 'guest' }, 5),
      versions: VERSIONS,
    })
    return writer.copy()
  }

  /** The intent, which makes it a leave, before the word of the layer below that it is dead. */
  #leave(number: number): Uint8Array {
    this.#lamportTime += 1
    const name = utf8(nameOf(number))
    const intent = new Writer()
    intent.reset().byte(MESSAGE.user)
    writeLeave(intent, { lamportTime: this.#lamportTime, name, prune: false })
    const dead = new Writer()
    writeSuspect(dead.reset(), MESSAGE.dead, {
      incarnation: this.#incarnations[number],
      name,
      from: name,
    })
    return makeCompound([intent.copy(), dead.copy()])
  }

  #say(packet: Uint8Array, players: Stage['players']): void {
    for (const { address } of players) {
      const [ip, port] = address.split(':')
      this.#socket.send(packet, Number(port), ip)
    }
  }
}

function nameOf(number: number): string {
  return `guest-${number}`
}
