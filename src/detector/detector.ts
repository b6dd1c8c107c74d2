/**
 * The failure detector: the actor that owns the UDP socket. It answers pings, probes one peer after another, pings for
 * others, carries gossip's packets, and hands on everything it hears that is not about probing. It knows nothing of the
 * members but a ring of peers: facts come as `roster` mail, verdicts leave as `silent` mail.
 *
 *     packet --> opener --> ping          ack, in this very turn
 *                           indirectPing  relay.ts     ping for another, ack or nack back
 *                           ack, nack     probe.ts     the probe's life is drawn there
 *                                         relay.ts
 *                           the rest      overheard.ts gathered, to gossip
 *                                         farewell.ts  who got our leave
 *     deliver ------------> outgoing.ts   sealed and sent; broadcasts of the tray ride on pings and acks
 *
 * The path from ping to ack waits for nothing: no mailbox, no timer, no file, no regular expression.
 */
import type { Actor } from '../actors/contract.ts'
import { Counters } from '../actors/counters.ts'
import { toLatin } from '../actors/latin.ts'
import type { Self, ToDetector } from '../actors/mail.ts'
import { type Checksum, eachDelivery } from '../actors/packed.ts'
import type { RosterEntry } from '../actors/roster.ts'
import { Strangers } from '../actors/strangers.ts'
import { coatsOf } from '../options/coats.ts'
import type { Settings } from '../options/options.ts'
import { formatPlace } from '../wire/address.ts'
import { type Encryption, labelOf, PacketOpener, type PacketRefusal } from '../wire/packet.ts'
import { readAck, readIndirectPing, readNack, readPing, writeAck } from '../wire/probe.ts'
import { MESSAGE } from '../wire/types.ts'
import { Coordinates } from './coordinates.ts'
import { Elsewhere } from './elsewhere.ts'
import { Enquiries } from './enquiries.ts'
import { EntryRules } from './entry-rules.ts'
import { Farewell } from './farewell.ts'
import { Greetings } from './greetings.ts'
import { Health } from './health.ts'
import { HostPolicy } from './host-policy.ts'
import { Identity } from './identity.ts'
import { Outgoing } from './outgoing.ts'
import { Overheard } from './overheard.ts'
import { Paths } from './paths.ts'
import { PingNews } from './ping-news.ts'
import { Pings } from './pings.ts'
import { Prober } from './probe.ts'
import { Relays } from './relay.ts'
import { type Peer, Ring } from './ring.ts'
import { RosterSlices } from './roster-slices.ts'
import { Sequence } from './sequence.ts'
import { Warnings } from './warnings.ts'
import type { DetectorWorld } from './world.ts'

/** A wake this many probe intervals late means that we were stopped, not that the others were silent. */
const PAUSE_INTERVALS = 3

export class Detector implements Actor<ToDetector> {
  readonly #world: DetectorWorld
  readonly #pause: number
  readonly #counters = new Counters()
  readonly #health: Health
  readonly #ring: Ring
  readonly #outgoing: Outgoing
  readonly #prober: Prober
  readonly #relays: Relays
  readonly #overheard: Overheard
  readonly #pings: Pings
  readonly #pingNews: PingNews
  readonly #paths = new Paths()
  readonly #coordinates: Coordinates | undefined
  readonly #enquiries: Enquiries
  readonly #farewell: Farewell
  readonly #greetings: Greetings
  readonly #host: HostPolicy
  readonly #opener: PacketOpener
  readonly #elsewhere = new Elsewhere()
  readonly #rules: EntryRules
  readonly #encryption: Encryption
  readonly #strangers: Strangers
  readonly #roster = new RosterSlices((entry) => this.#peer(entry))
  #identity: Identity | undefined
  /** Where the packet came from that is being opened, and when. */
  #ip = ''
  #port = 0
  #now = 0
  #packetsRead = 0

  constructor(settings: Settings, world: DetectorWorld) {
    const coats = coatsOf(settings, (bytes) => world.fillRandom(bytes))
    const counters = this.#counters
    const sequence = new Sequence(world.random)
    this.#world = world
    this.#pause = PAUSE_INTERVALS * settings.probeInterval
    this.#health = new Health(settings.awarenessMaxMultiplier)
    this.#ring = new Ring(world.random, world.records)
    this.#outgoing = new Outgoing(coats, settings.udpBufferSize, world, counters)
    this.#coordinates = settings.coordinates
      ? new Coordinates(() => world.random.next(), counters)
      : undefined
    const parts = {
      world,
      counters,
      outgoing: this.#outgoing,
      sequence,
      ring: this.#ring,
      health: this.#health,
      paths: this.#paths,
      coordinates: this.#coordinates,
    }
    this.#prober = new Prober({
      ...parts,
      settings,
      warnings: new Warnings(world.log, counters),
      completed: (peer, roundTrip, payload) => this.#completed(peer, roundTrip, payload),
    })
    this.#relays = new Relays(this.#outgoing, sequence, counters, settings)
    this.#pings = new Pings(settings.probeTimeout, (id, envelope) => world.reply(id, envelope))
    this.#host = new HostPolicy(settings.hostStall, settings.threads === 'none' ? 'inside' : 'beside', {
      world,
      counters,
      silence: (now) => {
        this.#prober.silence(now)
        this.#relays.abandon()
      },
      speak: (now) => this.#prober.speak(now),
    })
    this.#pingNews = new PingNews((id, envelope) => world.reply(id, envelope))
    const asked = { host: this.#host, relays: this.#relays, pings: this.#pings, pingNews: this.#pingNews }
    this.#enquiries = new Enquiries({ ...parts, ...asked })
    this.#overheard = new Overheard(world.gossip, settings.handoffQueueDepth, counters)
    this.#greetings = new Greetings({ ...parts, gossip: world.gossip })
    this.#farewell = new Farewell({ ...parts, gossip: world.gossip })
    this.#rules = new EntryRules(settings)
    this.#encryption = coats.encryption
    this.#strangers = new Strangers(world.log, coats.label)
    this.#opener = new PacketOpener(coats, counters, this.#message, this.#refused)
  }

  receive(mail: ToDetector, now: number): void {
    this.#enter(now)
    switch (mail.type) {
      case 'packet':
        return this.#packet(mail.bytes, mail.ip, mail.port)
      case 'unsent':
        this.#pings.unsent(mail.seqNo)
        return this.#prober.unsent(mail.seqNo)
      case 'ping-stream-data':
        return this.#prober.streamData(mail.seqNo, mail.bytes)
      case 'ping-stream-failed':
        return this.#prober.streamFailed(mail.seqNo)
      case 'roster':
        this.#ring.expect(mail.expected)
        return this.#roster.add(mail.bytes, now)
      case 'deliver':
        return eachDelivery(mail.bytes, this.#deliver)
      case 'tray':
        return this.#layOut(mail.number, mail.bytes)
      case 'farewell':
        if (this.#identity !== undefined) this.#farewell.start(mail.bytes, this.#identity, now)
        return
      case 'greet':
        if (this.#identity !== undefined && !this.#host.isMute) this.#greetings.greet(mail, this.#identity)
        return
      case 'accused':
        return this.#health.change(1)
      case 'begin':
        return this.#begin(mail.self, now)
      case 'self':
        this.#identity = new Identity(mail.self)
        this.#prober.identity = this.#identity
        return
      case 'keyring':
        this.#encryption.keyring.replace(mail.keys)
        Object.assign(this.#encryption, mail.verify)
        return this.#world.gossip.tell({ type: 'keyring-set', number: mail.number })
      case 'command':
        return this.#enquiries.command(mail.id, mail.command, this.#identity, now)
      default:
        mail satisfies never
    }
  }

  /** For the simulator and its checks. */
  get ring(): Ring {
    return this.#ring
  }

  get wakeAt(): number {
    return Math.min(
      this.#prober.wakeAt,
      this.#relays.wakeAt,
      this.#overheard.wakeAt,
      this.#pings.wakeAt,
      this.#farewell.wakeAt,
      this.#host.wakeAt,
      this.#roster.wakeAt,
    )
  }

  wake(now: number): void {
    this.#enter(now)
    this.#prober.wake(now, this.#packetsRead)
    this.#relays.wake(now)
    this.#pings.wake(now)
    this.#host.wake(now)
    this.#overheard.wake(now)
    this.#farewell.wake(now)
    this.#roster.wake(now)
  }

  #begin(self: Self, now: number): void {
    this.#identity = new Identity(self)
    this.#prober.begin(this.#identity, now)
    this.#host.begin(now)
  }

  /** Every turn begins here, whatever it is for: after a standstill the first may be about a packet that waited. */
  #enter(now: number): void {
    // What was overdue at the end of the last turn, such as the ticks that a long probe let pass, was not slept through.
    const late = now - Math.max(this.wakeAt, this.#now)
    this.#now = now
    if (late > this.#pause) this.#resume(now, late)
  }

  /** We were stopped (SIGSTOP, a suspended machine): nobody is accused for what we slept through, and we doubt ourselves. */
  #resume(now: number, late: number): void {
    this.#counters.add('detector.paused')
    this.#world.log('warn', `woke ${Math.round(late)} ms late: running probes end without a verdict`)
    this.#prober.abandon(now)
    this.#relays.abandon()
    this.#health.change(1)
  }

  #packet(bytes: Uint8Array, ip: string, port: number): void {
    // The socket is bound before gossip has begun: who is heard then would be a member before ourselves.
    if (this.#identity === undefined) return this.#counters.add('drop.not-begun')
    this.#counters.add('memberlist.udp.received', bytes.length)
    this.#packetsRead += 1
    this.#paths.heard(ip, port, this.#now)
    this.#ip = ip
    this.#port = port
    this.#opener.open(bytes)
    this.#overheard.wake(this.#now)
  }

  /** One message out of a packet, its body from `start`. */
  readonly #message = (type: number, bytes: Uint8Array, start: number, end: number): void => {
    switch (type) {
      case MESSAGE.ping:
        return this.#ping(bytes, start, end)
      case MESSAGE.indirectPing:
        return this.#indirectPing(bytes, start, end)
      case MESSAGE.ack:
        return this.#ack(bytes, start, end)
      case MESSAGE.nack:
        return this.#nack(bytes, start, end)
      case MESSAGE.alive:
        if (!this.#rules.hears(this.#ip)) return this.#counters.add('drop.alive-source')
        return this.#overheard.add('alive', bytes, start - 1, end, this.#ip)
      case MESSAGE.suspect:
      case MESSAGE.dead:
      case MESSAGE.user:
        return this.#overheard.add('others', bytes, start - 1, end)
      default:
        return this.#counters.add('drop.type')
    }
  }

  /** A packet that is none of our pool's. */
  readonly #refused = (reason: PacketRefusal, packet: Uint8Array): void => {
    const from = formatPlace(this.#ip, this.#port)
    if (reason === 'decrypt') this.#strangers.unreadable('packet', from, this.#now)
    else this.#strangers.underLabel('packets', from, labelOf(packet), this.#now)
  }

  #ping(bytes: Uint8Array, start: number, end: number): void {
    const ping = readPing(bytes, start, end)
    if (ping === undefined) return this.#counters.add('drop.ping')
    if (!this.#identity?.answersTo(ping.node)) return this.#counters.add('drop.ping-for-another')
    if (this.#host.isMute) return this.#counters.add('drop.host-stalled')
    if (!this.#rules.addresses(ping.sourceNode)) return this.#counters.add('drop.nameless')
    const ack = writeAck(ping.seqNo, this.#coordinates?.payload ?? null)
    const { sourceIp, sourcePort } = ping
    if (sourceIp === '' || sourcePort === 0) this.#outgoing.ride(ack, this.#ip, this.#port, 0)
    else if (sourceIp === this.#ip) this.#outgoing.ride(ack, sourceIp, sourcePort, 0)
    else if (this.#elsewhere.permits(this.#now)) this.#outgoing.send(ack, sourceIp, sourcePort, 0, 'plain')
    else this.#counters.add('drop.reflection')
    this.#greetings.pinged(ping.node)
  }

  #indirectPing(bytes: Uint8Array, start: number, end: number): void {
    const request = readIndirectPing(bytes, start, end)
    if (request === undefined || this.#identity === undefined) return this.#counters.add('drop.indirect-ping')
    if (this.#host.isMute) return this.#counters.add('drop.host-stalled')
    const { node, sourceNode } = request
    if (!this.#rules.addresses(node) || !this.#rules.addresses(sourceNode))
      return this.#counters.add('drop.nameless')
    this.#relays.ask(request, this.#ip, this.#port, this.#identity, this.#now)
  }

  #ack(bytes: Uint8Array, start: number, end: number): void {
    const ack = readAck(bytes, start, end)
    if (ack === undefined) return this.#counters.add('drop.ack')
    const isKnown =
      this.#prober.acked(ack, this.#ip, this.#port, this.#now) ||
      this.#relays.acked(ack.seqNo) ||
      this.#pings.acked(ack.seqNo, this.#now) ||
      this.#farewell.acked(ack.seqNo) ||
      this.#greetings.acked(ack.seqNo)
    if (!isKnown) this.#counters.add('ack.stray')
  }

  #nack(bytes: Uint8Array, start: number, end: number): void {
    const seqNo = readNack(bytes, start, end)
    if (seqNo === undefined) return this.#counters.add('drop.nack')
    this.#prober.nacked(seqNo)
  }

  #peer(entry: RosterEntry): void {
    const { row, instance, standing } = entry
    this.#ring.apply(entry)
    if (standing === 'gone' || standing === 'erased') this.#prober.peerGone(row, instance, this.#now)
    const tenant = standing === 'erased' ? 'nobody' : instance
    this.#paths.settle(row, tenant)
    this.#coordinates?.settle(row, tenant)
  }

  #completed(peer: Peer, roundTrip: number, payload: Uint8Array | null): void {
    const { row, instance, name } = peer
    this.#pingNews.completed(name, roundTrip, payload, this.#now)
    if (payload === null || !this.#ring.isCurrent(row, instance)) return
    this.#coordinates?.observe({ row, instance, name: toLatin(name) }, payload, roundTrip)
  }

  readonly #deliver = (message: Uint8Array, ip: string, port: number, checksum: Checksum): void => {
    this.#outgoing.send(message, ip, port, 0, checksum)
  }

  #layOut(number: number, bytes: Uint8Array): void {
    const leftovers = this.#outgoing.layOut(number, bytes)
    if (leftovers !== undefined) this.#world.gossip.tell({ type: 'piggybacked', ...leftovers })
  }
}
