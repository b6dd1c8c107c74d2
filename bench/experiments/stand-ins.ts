/**
 * Light members for pools that no memory holds: all of them know one list of members, and each keeps nothing but what is new to it. On the
 * wire they do as the protocol says (protocol page 1, sections 4 to 7): they probe round robin, ask three others where no ack comes, ack and relay,
 * suspect, confirm and fail; they queue what they hear, send it to three members a tick and let it ride on pings and acks, so often as is due.
 *
 * What they have not: incarnations, push/pulls of their own, Lifeguard's health, nacks, coordinates, TCP pings, tags. In a pool where nothing
 * but one event or one death happens, none of it would show.
 */
import { Counters } from '../../src/actors/counters.ts'
import type { SeededRandom } from '../../src/actors/random.ts'
import {
  expectedConfirmations,
  retransmitLimit,
  suspicionLength,
  suspicionMin,
} from '../../src/gossip/formulas.ts'
import type { Numbers } from '../../src/options/numbers.ts'
import type { Network, Pipe, PipeEnd, Station } from '../../src/simulator/network.ts'
import type { Schedule } from '../../src/simulator/schedule.ts'
import { Claim, readSuspect, writeSuspect } from '../../src/wire/claim.ts'
import { Writer } from '../../src/wire/msgpack.ts'
import { COMPOUND, makeCompound, PacketOpener } from '../../src/wire/packet.ts'
import {
  readAck,
  readIndirectPing,
  readPing,
  writeAck,
  writeIndirectPing,
  writePing,
} from '../../src/wire/probe.ts'
import { readUserEvent, UserEventCursor } from '../../src/wire/serf.ts'
import { MESSAGE, SERF } from '../../src/wire/types.ts'

export const PORT = 7946
const COATS = { compression: false, label: new Uint8Array(0) }

/** What all members of the pool, full ones too, are known by. */
export interface Place {
  name: Uint8Array
  ip: string
  address: Uint8Array
}

export type Told = 'event' | 'failed'

export interface EnsembleParts {
  schedule: Schedule
  network: Network
  random: SeededRandom
  settings: Numbers
  places: readonly Place[]
  /** The answer to a push/pull. */
  state: Uint8Array
  /** One of them has heard of an event, or failed a member, the first time. */
  told(what: Told, name: string): void
}

/** All stand-ins of a pool, and what they share. */
export class Ensemble {
  readonly parts: EnsembleParts
  readonly limit: number
  readonly confirmations: number
  readonly shortest: number
  readonly longest: number
  /** Members that were accused and live: must be none in calm. */
  wronged = 0
  readonly #opener: PacketOpener
  #reader: StandIn | undefined
  #ip = ''
  #port = 0

  constructor(parts: EnsembleParts) {
    const { retransmitMult, suspicionMult, suspicionMaxTimeoutMult, probeInterval } = parts.settings
    const count = parts.places.length
    this.parts = parts
    this.limit = retransmitLimit(retransmitMult, count)
    this.confirmations = expectedConfirmations(suspicionMult, count)
    this.shortest = suspicionMin(suspicionMult, count, probeInterval)
    this.longest = this.shortest * suspicionMaxTimeoutMult
    this.#opener = new PacketOpener(COATS, new Counters(), (type, bytes, start, end) =>
      this.#reader?.message(type, bytes, start, end, this.#ip, this.#port),
    )
  }

  read(reader: StandIn, packet: Uint8Array, ip: string, port: number): void {
    this.#reader = reader
    this.#ip = ip
    this.#port = port
    this.#opener.open(packet)
  }
}

interface Riding {
  message: Uint8Array
  sent: number
}

interface Suspicion {
  startedAt: number
  from: Set<string>
  isDead: boolean
}

const WRITER = new Writer()
const CLAIM = new Claim()
const EVENT = new UserEventCursor()
const text = (bytes: Uint8Array, start = 0, end = bytes.length) =>
  new TextDecoder().decode(bytes.subarray(start, end))

export class StandIn implements Station {
  readonly ip: string
  readonly port = PORT
  isUp = true
  readonly #all: Ensemble
  readonly #self: Place
  /** Its round of the members is an arithmetic progression: each once a round, in an order of its own, without a list. */
  #at: number
  readonly #stride: number
  #seqNo = 0
  #awaited = 0
  readonly #queue: Riding[] = []
  #isTicking = false
  #events: Set<string> | undefined
  #suspicions: Map<string, Suspicion> | undefined
  #relayed: Map<number, { seqNo: number; ip: string; port: number }> | undefined

  constructor(all: Ensemble, number: number) {
    const { places, random } = all.parts
    this.#all = all
    this.#self = places[number]
    this.ip = this.#self.ip
    this.#at = random.below(places.length)
    this.#stride = strideOf(places.length, random)
  }

  get name(): string {
    return text(this.#self.name)
  }

  /** Begins to probe, at any moment of the interval. */
  begin(): void {
    const { schedule, random, settings } = this.#all.parts
    schedule.at(schedule.now + random.next() * settings.probeInterval, () => this.#probe())
  }

  packet(bytes: Uint8Array, ip: string, port: number): void {
    this.#all.read(this, bytes, ip, port)
  }

  /** Whatever comes over a stream is taken for a push/pull. */
  accept(stream: Pipe): PipeEnd {
    let isAnswered = false
    const answer = () => {
      if (isAnswered) return
      isAnswered = true
      stream.write(this.#all.parts.state)
      stream.end()
    }
    return { data: answer, closed: () => undefined }
  }

  /** Says something to all. */
  say(message: Uint8Array): void {
    this.#userEvent(message, 1, message.length)
  }

  message(type: number, bytes: Uint8Array, start: number, end: number, ip: string, port: number): void {
    if (type === MESSAGE.ping) this.#ping(bytes, start, end, ip, port)
    else if (type === MESSAGE.ack) this.#ack(bytes, start, end)
    else if (type === MESSAGE.indirectPing) this.#relay(bytes, start, end, ip, port)
    else if (type === MESSAGE.user) this.#userEvent(bytes, start, end)
    else if (type === MESSAGE.suspect || type === MESSAGE.dead) this.#claim(type, bytes, start, end)
  }

  #probe(): void {
    if (!this.isUp) return
    const { schedule, settings, places } = this.#all.parts
    const target = this.#next()
    this.#seqNo += 1
    const seqNo = this.#seqNo
    this.#awaited = seqNo
    this.#send(this.#pingOf(seqNo, target.name), target.ip)
    const from = schedule.now
    schedule.at(from + settings.probeTimeout, () => {
      if (this.#awaited === seqNo) this.#askOthers(seqNo, target)
    })
    schedule.at(from + settings.probeInterval, () => {
      if (this.#awaited === seqNo && places.length > 1) this.#accuse(target.name)
      this.#probe()
    })
  }

  #next(): Place {
    const { places } = this.#all.parts
    for (let tries = 0; ; tries++) {
      this.#at = (this.#at + this.#stride) % places.length
      const place = places[this.#at]
      const isDead = this.#suspicions?.get(text(place.name))?.isDead ?? false
      if (tries > 2 || (place !== this.#self && !isDead)) return place
    }
  }

  #pingOf(seqNo: number, node: Uint8Array): Uint8Array {
    const { name, address } = this.#self
    return writePing({ seqNo, node, sourceAddress: address, sourcePort: PORT, sourceNode: name })
  }

  #askOthers(seqNo: number, target: Place): void {
    const { settings } = this.#all.parts
    const { name, address } = this.#self
    const source = { sourceAddress: address, sourcePort: PORT, sourceNode: name }
    for (let i = 0; i < settings.indirectChecks; i++) {
      const ask = { seqNo, node: target.name, target: target.address, port: PORT, nack: false, ...source }
      this.#send(writeIndirectPing(ask), this.#anyone().ip)
    }
  }

  #anyone(): Place {
    const { places, random } = this.#all.parts
    for (;;) {
      const place = places[random.below(places.length)]
      if (place !== this.#self) return place
    }
  }

  #ping(bytes: Uint8Array, start: number, end: number, ip: string, port: number): void {
    const ping = readPing(bytes, start, end)
    if (ping !== undefined) this.#send(writeAck(ping.seqNo, null), ip, port)
  }

  #ack(bytes: Uint8Array, start: number, end: number): void {
    const ack = readAck(bytes, start, end)
    if (ack === undefined) return
    if (ack.seqNo === this.#awaited) this.#awaited = 0
    const asker = this.#relayed?.get(ack.seqNo)
    if (asker === undefined) return
    this.#relayed?.delete(ack.seqNo)
    this.#send(writeAck(asker.seqNo, null), asker.ip, asker.port)
  }

  #relay(bytes: Uint8Array, start: number, end: number, ip: string, port: number): void {
    const ask = readIndirectPing(bytes, start, end)
    if (ask === undefined) return
    this.#seqNo += 1
    this.#relayed ??= new Map()
    this.#relayed.set(this.#seqNo, { seqNo: ask.seqNo, ip, port })
    this.#send(this.#pingOf(this.#seqNo, ask.node), ask.targetIp)
  }

  #userEvent(bytes: Uint8Array, start: number, end: number): void {
    if (bytes[start] !== SERF.userEvent || !readUserEvent(EVENT, bytes, start + 1, end)) return
    const name = text(bytes, EVENT.nameStart, EVENT.nameEnd)
    const key = `${EVENT.lamportTime} ${name}`
    this.#events ??= new Set()
    if (this.#events.has(key)) return
    this.#events.add(key)
    this.#all.parts.told('event', name)
    this.#enqueue(bytes.slice(start - 1, end))
  }

  #claim(type: number, bytes: Uint8Array, start: number, end: number): void {
    if (!readSuspect(CLAIM, bytes, start, end)) return
    const name = text(CLAIM.bytes, CLAIM.nodeStart, CLAIM.nodeEnd)
    const from = text(CLAIM.bytes, CLAIM.fromStart, CLAIM.fromEnd)
    if (name === this.name) this.#all.wronged += 1
    else if (type === MESSAGE.dead) this.#fail(name, () => bytes.slice(start - 1, end))
    else this.#suspect(name, from, () => bytes.slice(start - 1, end))
  }

  /** Our own probe failed. */
  #accuse(name: Uint8Array): void {
    this.#suspect(text(name), this.name, () => this.#claimOf(MESSAGE.suspect, name))
  }

  #claimOf(type: typeof MESSAGE.suspect | typeof MESSAGE.dead, name: Uint8Array): Uint8Array {
    writeSuspect(WRITER.reset(), type, { incarnation: 1, name, from: this.#self.name })
    return WRITER.copy()
  }

  #suspect(name: string, from: string, message: () => Uint8Array): void {
    const { schedule } = this.#all.parts
    this.#suspicions ??= new Map()
    const running = this.#suspicions.get(name)
    if (running === undefined) {
      const suspicion = { startedAt: schedule.now, from: new Set([from]), isDead: false }
      this.#suspicions.set(name, suspicion)
      this.#enqueue(message())
      this.#await(name, suspicion)
      return
    }
    if (running.isDead || running.from.has(from) || running.from.size > this.#all.confirmations) return
    running.from.add(from)
    this.#enqueue(message())
    this.#await(name, running)
  }

  /** Plans the verdict; an earlier one that is planned for later finds it given. */
  #await(name: string, { startedAt, from }: Suspicion): void {
    const { shortest, longest, confirmations, parts } = this.#all
    const length = suspicionLength(shortest, longest, from.size - 1, confirmations)
    const confirmed = from.size
    parts.schedule.at(startedAt + length, () => {
      const isNewest = this.#suspicions?.get(name)?.from.size === confirmed
      if (this.isUp && isNewest)
        this.#fail(name, () => this.#claimOf(MESSAGE.dead, new TextEncoder().encode(name)))
    })
  }

  #fail(name: string, message: () => Uint8Array): void {
    this.#suspicions ??= new Map()
    const suspicion = this.#suspicions.get(name) ?? { startedAt: 0, from: new Set(), isDead: false }
    if (suspicion.isDead) return
    suspicion.isDead = true
    this.#suspicions.set(name, suspicion)
    this.#all.parts.told('failed', name)
    this.#enqueue(message())
  }

  #enqueue(message: Uint8Array): void {
    this.#queue.push({ message, sent: 0 })
    if (this.#isTicking) return
    this.#isTicking = true
    const { schedule, settings, random } = this.#all.parts
    // Its ticks stand anywhere in those of others.
    schedule.at(schedule.now + random.next() * settings.gossipInterval, () => this.#tick())
  }

  #tick(): void {
    this.#isTicking = this.isUp && this.#queue.length > 0
    if (!this.#isTicking) return
    const { schedule, settings } = this.#all.parts
    for (let i = 0; i < settings.gossipNodes && this.#queue.length > 0; i++)
      this.#put(
        makeCompound(this.#riders(settings.udpBufferSize - COMPOUND.overhead)),
        this.#anyone().ip,
        PORT,
      )
    schedule.at(schedule.now + settings.gossipInterval, () => this.#tick())
  }

  /** What was sent least, as much as there is room for; each is charged for. */
  #riders(room: number): Uint8Array[] {
    const { limit } = this.#all
    const queue = this.#queue.sort((a, b) => a.sent - b.sent)
    const riders: Uint8Array[] = []
    let left = room
    for (const riding of queue) {
      left -= riding.message.length + COMPOUND.perPart
      if (left < 0 || riders.length === COMPOUND.maxParts - 1) break
      riding.sent += 1
      riders.push(riding.message)
    }
    this.#queue.splice(0, this.#queue.length, ...queue.filter(({ sent }) => sent < limit))
    return riders
  }

  /** Sends a message of the probes, with what may ride on it. */
  #send(message: Uint8Array, ip: string, port = PORT): void {
    if (this.#queue.length === 0) return this.#put(message, ip, port)
    const { udpBufferSize } = this.#all.parts.settings
    const room = udpBufferSize - message.length - COMPOUND.overhead - COMPOUND.perPart
    this.#put(makeCompound([message, ...this.#riders(room)]), ip, port)
  }

  #put(packet: Uint8Array, ip: string, port: number): void {
    if (this.isUp) this.#all.parts.network.send(this, ip, port, packet)
  }
}

/** A step that meets every one of `count` places: it has no divisor in common with it. */
function strideOf(count: number, random: SeededRandom): number {
  for (;;) {
    const stride = 1 + random.below(count)
    if (divisor(stride, count) === 1) return stride
  }
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}
