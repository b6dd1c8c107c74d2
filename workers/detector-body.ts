/**
 * The detector with its sockets, its loop and its replies. In a file of its own, so that nothing of the other actors is loaded into
 * its thread: what stands between a ping and its ack is what this file imports, and a test reads that.
 */
import type { Actor, Envelope, Outlet } from '../src/actors/contract.ts'
import type { DetectorCommand, Self, ToDetector, ToGossip } from '../src/actors/mail.ts'
import { Detector } from '../src/detector/detector.ts'
import type { Settings } from '../src/options.ts'
import { type Bound, bound, type Place, Replies } from './body.ts'
import { fillByTheSystem, seededByTheSystem } from './chance.ts'
import { PingStreams } from './streams-of-pings.ts'
import { Turn } from './turn.ts'
import { Udp } from './udp.ts'
import { Vitals } from './vitals.ts'

export class DetectorBody {
  readonly #replies = new Replies()
  readonly #vitals: Vitals
  readonly #turn: Turn<ToDetector>
  readonly #udp: Udp
  readonly #pings: PingStreams

  constructor(settings: Settings, gossip: Outlet<ToGossip>, place: Place) {
    this.#vitals = new Vitals(place.mailboxes, place.log)
    const actor: Actor<ToDetector> = new Detector(settings, {
      random: seededByTheSystem(),
      fillRandom: fillByTheSystem,
      gossip,
      send: (packet, ip, port, seqNo) => this.#udp.send(packet, ip, port, seqNo),
      dialPing: (seqNo, ip, port, request) => this.#pings.dial(seqNo, ip, port, request),
      closePing: (seqNo) => this.#pings.close(seqNo),
      host: { beats: place.beats, changed: place.stalled },
      reply: (id, envelope) => this.#replies.reply(id, envelope),
      log: place.log,
    })
    const turn = new Turn(actor, place.crashed, this.#vitals)
    this.#turn = turn
    this.#udp = new Udp({
      packet: (bytes, ip, port) => turn.receive({ type: 'packet', bytes, ip, port }),
      unsent: (seqNo) => turn.receive({ type: 'unsent', seqNo }),
    })
    this.#pings = new PingStreams({
      data: (seqNo, bytes) => turn.receive({ type: 'ping-stream-data', seqNo, bytes }),
      failed: (seqNo) => turn.receive({ type: 'ping-stream-failed', seqNo }),
    })
  }

  receive(mail: ToDetector): void {
    this.#turn.receive(mail)
  }

  bind(ip: string, port: number): Promise<Bound> {
    return bound(async () => {
      await this.#udp.bind(ip, port)
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
    this.#pings.closeAll()
    await this.#udp.close()
  }
}
