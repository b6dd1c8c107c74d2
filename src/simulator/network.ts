/**
 * The network between simulated nodes: datagrams that are delayed, lost and doubled by chance, streams that keep their order, and cuts
 * that faults make. Its chance is its own: a node that draws more does not change the weather.
 */

import { Counters } from '../actors/counters.ts'
import type { SeededRandom } from '../actors/random.ts'
import { Slab } from '../actors/slab.ts'
import { Gates } from './gates.ts'
import type { Schedule } from './schedule.ts'

/** Memoryless waiting as in queues, or the long tail that measured networks have (sigma 1: one in a hundred takes six times the mean). */
export const DELAYS = ['uniform', 'exponential', 'lognormal'] as const
export type Delays = (typeof DELAYS)[number]

export interface Weather {
  /** Share of datagrams that are lost, 0 to 1. */
  loss: number
  /** Share of datagrams that come twice. */
  duplicates: number
  /** One-way delay in milliseconds: between the two, or, with a tail, from the first on with the middle of the two as its mean. */
  delay: readonly [least: number, most: number]
  /** How delays are distributed. Default `uniform`. */
  delays?: Delays
  /** Share of datagrams of which a bit is flipped on the way. Default none. */
  corruption?: number
  /** Share of what is written to streams in whose midst the connection breaks. Default none. */
  breaks?: number
  /** Share of datagrams that come late, by up to two seconds: the tail of real delays. Default none. */
  late?: number
}

const LATEST = 2_000

export const CALM: Weather = { loss: 0, duplicates: 0, delay: [0.1, 1] }

/** What a cut stops in one direction: datagrams alone, or streams too. */
export type Cut = 'udp' | 'all'

/** A node as the network sees it. */
export interface Station {
  readonly ip: string
  readonly port: number
  readonly isUp: boolean
  packet(bytes: Uint8Array, ip: string, port: number): void
  /** A stream from another station; the answer is what its end hears. */
  accept(stream: Pipe, ip: string, port: number): PipeEnd
}

/** What one end of a stream hears. */
export interface PipeEnd {
  data(bytes: Uint8Array): void
  closed(error: string): void
}

/** One end of a stream, to write to. */
export interface Pipe {
  write(bytes: Uint8Array): void
  end(): void
  destroy(): void
}

/** Destroys one of some and forgets it: a pipe that is kept keeps both processes at its ends. */
export function hangUp(pipes: Map<number, Pipe>, number: number): void {
  pipes.get(number)?.destroy()
  pipes.delete(number)
}

export class Network {
  readonly #schedule: Schedule
  readonly #random: SeededRandom
  /** By address: one has one port. */
  readonly #stations = new Map<string, Station>()
  /** By «from>to» addresses. */
  readonly #cuts = new Map<string, Cut>()
  readonly counters = new Counters()
  /** Datagrams on their way. */
  readonly #slab = new Slab()
  /** Of members whose messages are blocked. */
  readonly gates = new Gates<Station>(this.counters)
  weather: Weather

  constructor(schedule: Schedule, random: SeededRandom, weather: Weather) {
    this.#schedule = schedule
    this.#random = random
    this.weather = weather
  }

  attach(station: Station): void {
    this.#stations.set(station.ip, station)
  }

  /** Stops what goes from one station to the other; `heal` lets it through again. */
  cut(from: Station, to: Station, what: Cut): void {
    this.#cuts.set(way(from, to), what)
  }

  heal(): void {
    this.#cuts.clear()
  }

  send(from: Station, ip: string, port: number, packet: Uint8Array): void {
    if (!this.gates.isAnyShut) return this.#send(from, ip, port, packet)
    // A copy, since the sender writes its next packet into the same bytes.
    const waiting = packet.slice()
    this.gates.leaving(from, () => this.#send(from, ip, port, waiting))
  }

  #send(from: Station, ip: string, port: number, packet: Uint8Array): void {
    const to = this.#at(ip, port)
    this.counters.add('sent')
    this.counters.add('bytes', packet.length)
    if (to === undefined) return
    if (this.#cuts.size > 0 && this.#cuts.has(way(from, to))) return this.counters.add('cut')
    if (this.#random.next() < this.weather.loss) return this.counters.add('lost')
    // The receiver gets bytes of its own: in reality nobody shares memory with a peer.
    const copies = this.#random.next() < this.weather.duplicates ? 2 : 1
    if (copies > 1) this.counters.add('duplicated')
    for (let i = 0; i < copies; i++) {
      const bytes = this.#slab.keep(packet)
      this.#flip(bytes)
      this.#schedule.at(this.#schedule.now + this.#delay() + this.#lateness(), () => {
        if (!this.gates.isAnyShut) return this.#arrived(to, bytes, from)
        this.gates.arriving(to, 'datagram', () => this.#arrived(to, bytes, from))
      })
    }
  }

  #at(ip: string, port: number): Station | undefined {
    const station = this.#stations.get(ip)
    return station?.port === port ? station : undefined
  }

  #arrived(to: Station, bytes: Uint8Array, from: Station): void {
    if (to.isUp) to.packet(bytes, from.ip, from.port)
  }

  /**
   * Opens a stream. `opened` hears of the pipe to write to, or `end.closed` that nobody is there. A cut one just gets no answer, as in
   * reality.
   */
  dial(from: Station, ip: string, port: number, end: PipeEnd, opened: (pipe: Pipe) => void): void {
    this.gates.leaving(from, () => this.#dial(from, ip, port, end, opened))
  }

  #dial(from: Station, ip: string, port: number, end: PipeEnd, opened: (pipe: Pipe) => void): void {
    const to = this.#at(ip, port)
    this.counters.add('dialled')
    if (to !== undefined && this.#isCut(from, to)) return this.counters.add('cut')
    this.#schedule.at(this.#schedule.now + this.#delay() + this.#delay(), () => {
      if (to === undefined || !to.isUp) return end.closed('connection refused')
      if (!from.isUp || this.#isCut(from, to)) return
      const there = new Wire(this, this.#schedule, from, to)
      const back = new Wire(this, this.#schedule, to, from)
      there.ear = to.accept(back, from.ip, from.port)
      back.ear = end
      there.back = back
      back.back = there
      opened(there)
    })
  }

  /** When something written now arrives at the other end of a stream; `Infinity` when a cut swallows it. */
  arrival(from: Station, to: Station): number {
    if (!this.#isCut(from, to)) return this.#schedule.now + this.#delay()
    this.counters.add('cut')
    return Number.POSITIVE_INFINITY
  }

  /** Whether the connection breaks while this is written. */
  breaksNow(): boolean {
    const { breaks = 0 } = this.weather
    if (breaks === 0 || this.#random.next() >= breaks) return false
    this.counters.add('broken')
    return true
  }

  #flip(bytes: Uint8Array): void {
    const { corruption = 0 } = this.weather
    if (corruption === 0 || this.#random.next() >= corruption) return
    bytes[this.#random.below(bytes.length)] ^= 1 << this.#random.below(8)
    this.counters.add('corrupted')
  }

  #lateness(): number {
    const { late = 0 } = this.weather
    if (late === 0 || this.#random.next() >= late) return 0
    this.counters.add('late')
    return this.#random.next() * LATEST
  }

  #isCut(a: Station, b: Station): boolean {
    if (this.#cuts.size === 0) return false
    // TCP needs both directions: what is cut in one is cut.
    return this.#cuts.get(way(a, b)) === 'all' || this.#cuts.get(way(b, a)) === 'all'
  }

  #delay(): number {
    const { delays, delay } = this.weather
    const [least, most] = delay
    const drawn = this.#random.next()
    if (delays === undefined || delays === 'uniform') return least + drawn * (most - least)
    const mean = (most - least) / 2
    // One minus it, for it may be 0 and is never 1.
    const waited = -Math.log(1 - drawn)
    if (delays === 'exponential') return least + mean * waited
    const normal = Math.sqrt(2 * waited) * Math.cos(2 * Math.PI * this.#random.next())
    return least + mean * Math.exp(normal - 0.5)
  }
}

function way(from: Station, to: Station): string {
  return `${from.ip}:${from.port}>${to.ip}:${to.port}`
}

/** One direction of a stream. What is written arrives in order. */
class Wire implements Pipe {
  readonly #network: Network
  readonly #schedule: Schedule
  readonly #from: Station
  readonly #to: Station
  /** Who hears; set before anything can arrive. */
  ear: PipeEnd | undefined
  /** The other direction. */
  back: Wire | undefined
  #lastAt = 0
  #isClosed = false

  constructor(network: Network, schedule: Schedule, from: Station, to: Station) {
    this.#network = network
    this.#schedule = schedule
    this.#from = from
    this.#to = to
  }

  write(bytes: Uint8Array): void {
    if (this.#isClosed) return
    const { counters, gates } = this.#network
    counters.add('stream-bytes', bytes.length)
    if (!gates.isAnyShut) return this.#write(bytes)
    const waiting = bytes.slice()
    gates.leaving(this.#from, () => this.#write(waiting))
  }

  #write(bytes: Uint8Array): void {
    const isBroken = this.#network.breaksNow()
    // Half of it is on its way when the connection breaks, and both ends hear of that.
    const copy = bytes.slice(0, isBroken ? bytes.length >> 1 : bytes.length)
    this.#arrive((ear) => ear.data(copy))
    if (!isBroken) return
    this.#close('the connection broke')
    this.back?.destroy()
  }

  end(): void {
    this.#close('')
  }

  destroy(): void {
    this.#close('the connection was reset')
  }

  #close(error: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#network.gates.leaving(this.#from, () => this.#arrive((ear) => ear.closed(error)))
  }

  #arrive(tell: (ear: PipeEnd) => void): void {
    const at = Math.max(this.#lastAt, this.#network.arrival(this.#from, this.#to))
    if (at === Number.POSITIVE_INFINITY) return
    this.#lastAt = at
    this.#schedule.at(at, () => {
      this.#network.gates.arriving(this.#to, 'stream', () => {
        if (this.#to.isUp && this.ear !== undefined) tell(this.ear)
      })
    })
  }
}
