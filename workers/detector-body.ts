/**
 * The detector with its sockets, its loop and its replies. In a file of its own, so that nothing of the other actors is loaded into
 * its thread: what stands between a ping and its ack is what this file imports, and a test reads that.
 */
import type { Actor, Envelope, Outlet } from '../src/actors/contract.ts'
import type { DetectorCommand, Self, ToDetector, ToGossip } from '../src/actors/mail.ts'
import type { PacketEvents, Packets, Transport } from '../src/cluster/transport.ts'
import { Detector } from '../src/detector/detector.ts'
import type { Settings } from '../src/options/options.ts'
import { type Bound, bound, type Place, Replies } from './body.ts'
import { fillByTheSystem, seededByTheSystem } from './chance.ts'
import { Connections } from './connections.ts'
import { guarded } from './guarded.ts'
import { PingStreams } from './streams-of-pings.ts'
import { Turn } from './turn.ts'
import { Udp, type UdpBuffers } from './udp.ts'
import { Vitals } from './vitals.ts'
import { Zones } from './zones.ts'

export class DetectorBody {
  readonly #replies = new Replies()
  readonly #vitals: Vitals
  readonly #turn: Turn<ToDetector>
  readonly #buffers: UdpBuffers
  readonly #own: () => Promise<Transport | undefined>
  /** There once bound. */
  #packets: Packets | undefined
  #pings: PingStreams | undefined

  constructor(settings: Settings, gossip: Outlet<ToGossip>, place: Place) {
    this.#buffers = { receive: settings.udpReceiveBuffer, send: settings.udpSendBuffer }
    this.#vitals = new Vitals(place.mailboxes, place.log)
    const actor: Actor<ToDetector> = new Detector(settings, {
      random: seededByTheSystem(),
      fillRandom: fillByTheSystem,
      gossip,
      send: (packet, ip, port, seqNo) => this.#packets?.send(packet, ip, port, seqNo),
      dialPing: (seqNo, ip, port, request) => this.#pings?.dial(seqNo, ip, port, request),
      closePing: (seqNo) => this.#pings?.close(seqNo),
      host: { beats: place.beats, changed: place.stalled },
      reply: (id, envelope) => this.#replies.reply(id, envelope),
      log: place.log,
    })
    this.#turn = new Turn(actor, place.crashed, this.#vitals)
    this.#own = place.transport ?? (async () => undefined)
  }

  receive(mail: ToDetector): void {
    this.#turn.receive(mail)
  }

  bind(ip: string, port: number): Promise<Bound> {
    return bound(async () => {
      const { packets, pings } = this.#carriers(await this.#own())
      this.#packets = packets
      this.#pings = pings
      try {
        await packets.bind(ip, port)
      } catch (error) {
        await this.#closeCarriers()
        throw error
      }
      return port
    })
  }

  begin(self: Self): void {
    this.#turn.receive({ type: 'begin', self })
  }

  async command(command: DetectorCommand): Promise<Envelope<unknown>> {
    const envelope = await this.#replies.expect((id) => this.#turn.receive({ type: 'command', id, command }))
    return this.#vitals.join(envelope, command.type)
  }

  async close(): Promise<void> {
    this.#turn.stop()
    this.#vitals.stop()
    await this.#closeCarriers()
  }

  /** What carries packets and pings over streams: made anew for each try to bind. */
  #carriers(own: Transport | undefined): { packets: Packets; pings: PingStreams } {
    const turn = this.#turn
    const fenced = own && guarded(own, (where, error) => this.#vitals.fault(where, error))
    const events: PacketEvents = {
      packet: (bytes, ip, port) => turn.receive({ type: 'packet', bytes, ip, port }),
      unsent: (seqNo) => turn.receive({ type: 'unsent', seqNo }),
    }
    const pings = {
      data: (seqNo: number, bytes: Uint8Array) => turn.receive({ type: 'ping-stream-data', seqNo, bytes }),
      failed: (seqNo: number) => turn.receive({ type: 'ping-stream-failed', seqNo }),
    }
    const zones = new Zones()
    return {
      packets: fenced?.packets(events) ?? new Udp(events, zones, this.#buffers),
      pings: new PingStreams(pings, (heard) => fenced?.streams(heard) ?? new Connections(heard, zones)),
    }
  }

  async #closeCarriers(): Promise<void> {
    await this.#pings?.closeAll()
    await this.#packets?.close()
    this.#packets = undefined
    this.#pings = undefined
  }
}
