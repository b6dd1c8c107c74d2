/** A detector with a world that only writes down what it sends: for tests in virtual time. */

import type { Envelope } from '../../src/actors/contract.ts'
import { Counters } from '../../src/actors/counters.ts'
import type { DetectorCommand, ToDetector, ToGossip } from '../../src/actors/mail.ts'
import { Pack } from '../../src/actors/packed.ts'
import { fillFrom, SeededRandom } from '../../src/actors/random.ts'
import { packRosterEntry, type RosterStanding } from '../../src/actors/roster.ts'
import { Detector } from '../../src/detector/detector.ts'
import { type ClusterOptions, settle } from '../../src/options/options.ts'
import { PacketOpener } from '../../src/wire/packet.ts'
import {
  type IndirectPing,
  type Ping,
  readAck,
  readIndirectPing,
  readNack,
  readPing,
} from '../../src/wire/probe.ts'
import { MESSAGE } from '../../src/wire/types.ts'

export interface Heard {
  to: string
  type: number
  ping?: Ping | undefined
  indirect?: IndirectPing | undefined
  /** Sequence number of whatever it is. */
  seqNo: number
}

const utf8 = (text: string) => new TextEncoder().encode(text)

export class LoneDetector {
  readonly toGossip: ToGossip[] = []
  readonly packets: { packet: Uint8Array; to: string; seqNo: number }[] = []
  readonly dialled: { seqNo: number; to: string }[] = []
  readonly closed: number[] = []
  readonly logged: string[] = []
  readonly answers: Envelope<unknown>[] = []
  readonly detector: Detector
  readonly hostChanges: { state: 'stalled' | 'recovered'; stalledFor: number; at: number }[] = []
  /** Since when the main thread stands still; undefined while it turns. */
  stalledAt: number | undefined
  waiting = 0
  now = 0

  constructor(options: ClusterOptions = {}, state: 'begun' | 'unbegun' = 'begun', seed = 7) {
    const settings = settle(
      {
        nodeName: 'self',
        bind: '10.0.0.99:7946',
        compression: false,
        hostStall: { after: 0 },
        ...options,
      },
      'self',
    )
    this.detector = new Detector(settings, {
      random: new SeededRandom(seed),
      fillRandom: fillFrom(new SeededRandom(8)),
      gossip: { tell: (mail) => this.toGossip.push(mail), waiting: () => this.waiting },
      send: (packet, ip, port, seqNo) =>
        this.packets.push({ packet: packet.slice(), to: `${ip}:${port}`, seqNo }),
      dialPing: (seqNo, ip, port) => this.dialled.push({ seqNo, to: `${ip}:${port}` }),
      closePing: (seqNo) => this.closed.push(seqNo),
      host: {
        beats: () => this.stalledAt ?? this.now,
        changed: (state, stalledFor) => this.hostChanges.push({ state, stalledFor, at: this.now }),
      },
      reply: (_id, envelope) => this.answers.push(envelope),
      log: (_, message) => this.logged.push(message),
    })
    if (state === 'unbegun') return
    this.mail({ type: 'begin', self: { name: 'self', ip: '10.0.0.99', port: 7946, bindPort: 7946 } })
  }

  mail(mail: ToDetector): void {
    this.detector.receive(mail, this.now)
  }

  /** Peers 1 to count, at 10.0.0.1 and so on. */
  peers(count: number, standing: RosterStanding = 'alive', protocolMax = 5): void {
    for (let row = 1; row <= count; row++) this.peer(row, standing, { protocolMax })
  }

  peer(row: number, standing: RosterStanding, { instance = 1, incarnation = 5, protocolMax = 5 } = {}): void {
    const pack = new Pack()
    const address = Uint8Array.of(10, 0, 0, row)
    packRosterEntry(pack, {
      row,
      instance,
      incarnation,
      port: 7946,
      standing,
      protocolMax,
      address,
      name: utf8(`p${row}`),
    })
    this.mail({ type: 'roster', bytes: pack.take(), expected: 0 })
  }

  /** Lets virtual time pass, waking the actor whenever it wants to be woken. */
  advance(milliseconds: number): void {
    const until = this.now + milliseconds
    for (let wakes = 0; this.detector.wakeAt <= until; wakes++) {
      if (wakes > 100_000) throw new Error('the detector never sleeps')
      this.now = Math.max(this.now, this.detector.wakeAt)
      this.detector.wake(this.now)
    }
    this.now = until
  }

  /** Until something is sent; what it is. */
  nextProbe(): Heard[] {
    this.packets.length = 0
    for (let waited = 0; this.packets.length === 0; waited += 10) {
      if (waited > 60_000) throw new Error('no probe')
      this.advance(10)
    }
    return this.sent()
  }

  /** All messages sent since the last call. */
  sent(): Heard[] {
    const heard: Heard[] = []
    for (const { packet, to } of this.packets.splice(0)) {
      const coats = { compression: true, label: new Uint8Array(0) }
      new PacketOpener(coats, new Counters(), (type, bytes, start, end) => {
        heard.push(read(to, type, bytes, start, end))
      }).open(packet)
    }
    return heard
  }

  /** A packet from a peer. */
  hear(packet: Uint8Array, from = '10.0.0.1'): void {
    this.mail({ type: 'packet', bytes: packet, ip: from, port: 7946 })
  }

  /** Verdicts so far. */
  get silent(): ToGossip[] {
    return this.toGossip.filter(({ type }) => type === 'silent')
  }

  /** The answer to a command; undefined as long as there is none. */
  ask(command: DetectorCommand): unknown {
    const { length } = this.answers
    this.mail({ type: 'command', id: 1, command })
    const answer = this.answers[length]
    return answer?.ok ? answer.value : undefined
  }

  stats(command: DetectorCommand = { type: 'stats' }): Record<string, number> {
    const stats = Object.entries(this.ask(command) ?? {})
    return Object.fromEntries(stats.map(([name, value]) => [name, Number(value)]))
  }

  get health(): number {
    return this.stats()['memberlist.health.score']
  }
}

function read(to: string, type: number, bytes: Uint8Array, start: number, end: number): Heard {
  const ping = type === MESSAGE.ping ? readPing(bytes, start, end) : undefined
  const indirect = type === MESSAGE.indirectPing ? readIndirectPing(bytes, start, end) : undefined
  const ack = type === MESSAGE.ack ? readAck(bytes, start, end)?.seqNo : undefined
  const nack = type === MESSAGE.nack ? readNack(bytes, start, end) : undefined
  return { to, type, ping, indirect, seqNo: ping?.seqNo ?? indirect?.seqNo ?? ack ?? nack ?? -1 }
}
