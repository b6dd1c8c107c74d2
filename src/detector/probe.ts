/**
 * The probe: is this peer alive? (protocol page 1, section 7.4). One at a time; a probe is a record with one deadline,
 * which an ack ends and which only ever moves on.
 *
 *     tick          ping, or ping + suspect when the peer is suspected
 *      |
 *      v   ProbeTimeout after      indirect pings through helpers,        limit after
 *    asked -------------------> helped   and a ping over TCP -------------------> verdict
 *      |   or ping not sent        |                                               |
 *      | ack                       | ack, late or through a helper                 |--> answered over TCP: as acked, and a warning
 *      v                           v                                               '--> no sign of life: silent
 *    over: health -1             over: health -1                                        health + nacks that are missing,
 *                                                                                       or + 1 when none was expected
 *
 * limit = ProbeInterval * (health + 1), from the tick. An ack of a probe whose ping could not be sent leaves the health alone.
 *
 * A timer rings late when the thread was held up, and then the answer lies unread in the socket. So a deadline is not
 * acted on when it is first seen to have passed: the probe asks to be woken again at once, the adapter reads the socket
 * in between, and only if no ack was in it the deadline counts.
 *
 *     wake: due, seen ----> read: the ack ------------------> over
 *              ^      '---> read: few packets --------------> wake: due, acted on
 *              '----------- read: as many as one turn reads
 *
 * One turn of the event loop reads 32 datagrams, no more (libuv, `uv__udp_recvmsg`; seen here with 500 waiting). When as
 * many came in, the ack may stand further behind, so the deadline is looked at again. A flood must not put off verdicts for
 * ever: after ProbeTimeout more the deadline counts.
 */
import type { Counters } from '../actors/counters.ts'
import { toLatin } from '../actors/latin.ts'
import type { Settings } from '../options/options.ts'
import { writeSuspect } from '../wire/claim.ts'
import { Writer } from '../wire/msgpack.ts'
import { labelBytes, makeCompound } from '../wire/packet.ts'
import type { Ack } from '../wire/probe.ts'
import { sealStream } from '../wire/seal-stream.ts'
import { MESSAGE } from '../wire/types.ts'
import { isUnicast } from './destination.ts'
import { FallbackPing } from './fallback.ts'
import type { Health } from './health.ts'
import type { Identity } from './identity.ts'
import type { Outgoing } from './outgoing.ts'
import type { Paths, Way } from './paths.ts'
import type { Peer, Ring } from './ring.ts'
import type { Sequence } from './sequence.ts'
import type { Warnings } from './warnings.ts'
import type { DetectorWorld } from './world.ts'

/** Datagrams that the event loop reads from a socket before it turns to something else. */
const READ_AT_ONCE = 32

/** What a peer of this protocol maximum or more understands (protocol page 1, section 3). */
const PROTOCOL_MAX = { streamPing: 3, nack: 4, crc: 5 }

interface Probe {
  /** The peer as known when the probe began: the verdict is about this instance at this incarnation. */
  peer: Peer
  seqNo: number
  phase: 'asked' | 'helped'
  askedAt: number
  /** Who was asked to ping it for us. */
  helpers: readonly Peer[]
  sent: 'sent' | 'unsent'
  /** When the phase ends. */
  dueAt: number
  /** Looks at `dueAt` after it has passed: the first, and the last with the number of packets read until then. */
  seenDue: { firstAt: number; lastAt: number; packetsRead: number } | undefined
  endsAt: number
  nacksExpected: number
  nacks: number
  fallback: FallbackPing | undefined
}

/** What the prober works with; all of it belongs to the detector. */
export interface ProbeParts {
  settings: Settings
  world: DetectorWorld
  counters: Counters
  outgoing: Outgoing
  sequence: Sequence
  ring: Ring
  health: Health
  paths: Paths
  warnings: Warnings
  /** The peer acked its first ping in time: how long that took in milliseconds, and what its ack carried. */
  completed(peer: Peer, roundTrip: number, payload: Uint8Array | null): void
}

export class Prober {
  readonly #parts: ProbeParts
  readonly #writer = new Writer()
  /** Names of members that are never pinged over TCP, a character for each byte. */
  readonly #spared: ReadonlySet<string>
  #identity: Identity | undefined
  #probe: Probe | undefined
  #tickAt = Number.POSITIVE_INFINITY

  constructor(parts: ProbeParts) {
    this.#parts = parts
    const encoder = new TextEncoder()
    this.#spared = new Set(parts.settings.tcpFallbackExcept.map((name) => toLatin(encoder.encode(name))))
  }

  /** Starts probing, one interval from now and a random part of another: many nodes of a process must not tick together. */
  begin(identity: Identity, now: number): void {
    const { settings, world } = this.#parts
    this.#identity = identity
    if (settings.probeInterval > 0) this.#tickAt = now + settings.probeInterval * (1 + world.random.next())
  }

  /** We are at another address: what is asked from now on says so. */
  set identity(identity: Identity) {
    this.#identity = identity
  }

  get wakeAt(): number {
    const probe = this.#probe
    return probe === undefined ? this.#tickAt : (probe.seenDue?.lastAt ?? probe.dueAt)
  }

  /** `packetsRead` counts the packets that the detector has read since it was made. */
  wake(now: number, packetsRead: number): void {
    const probe = this.#probe
    if (probe !== undefined && now >= probe.dueAt && this.#isSocketRead(probe, now, packetsRead)) {
      if (probe.phase === 'asked') this.#help(probe)
      else this.#conclude(probe, now)
    }
    if (this.#probe === undefined && now >= this.#tickAt) this.#tick(now)
  }

  /** An ack, from whomever; false when it is not for the probe. */
  acked(ack: Ack, ip: string, port: number, now: number): boolean {
    const probe = this.#probe
    if (probe?.seqNo !== ack.seqNo) return false
    const { peer, helpers, phase } = probe
    const isHelped = helpers.some((helper) => helper.ip === ip && helper.port === port)
    const isDirect = ip === peer.ip && port === peer.port
    // Taken all the same: behind a NAT it may well be the peer (protocol page 1, section 12.1).
    if (!isDirect && !isHelped) this.#unexpected(peer, ip, port, now)
    this.#parts.counters.add(isDirect ? 'probe.acked-direct' : 'probe.acked-relayed')
    if (phase === 'asked') this.#parts.completed(peer, now - probe.askedAt, ack.payload)
    this.#answered(probe, isHelped && !isDirect ? 'indirect' : 'direct', now)
    return true
  }

  /** A helper could not reach the peer, but could reach us. */
  nacked(seqNo: number): void {
    const probe = this.#probe
    if (probe?.seqNo !== seqNo) return this.#parts.counters.add('nack.stray')
    // The bound keeps whoever repeats nacks from meaning more than there are helpers.
    if (probe.nacks <= this.#parts.settings.indirectChecks) probe.nacks += 1
  }

  /** The operating system refused the ping: no use in waiting for its ack (section 7.4, step 3). */
  unsent(seqNo: number): void {
    const probe = this.#probe
    if (probe?.seqNo !== seqNo) return
    this.#parts.counters.add('probe.unsent')
    probe.sent = 'unsent'
    if (probe.phase === 'asked') this.#help(probe)
  }

  streamData(seqNo: number, bytes: Uint8Array): void {
    if (this.#probe?.seqNo === seqNo) this.#probe.fallback?.data(bytes)
  }

  streamFailed(seqNo: number): void {
    if (this.#probe?.seqNo === seqNo) this.#probe.fallback?.failed()
  }

  /** The peer that is being probed has left or was found dead: nothing to find out, and its silence is not our fault. */
  peerGone(row: number, instance: number, now: number): void {
    const probe = this.#probe
    if (probe?.peer.row === row && probe.peer.instance === instance) this.#over(probe, now)
  }

  /** After a pause of ours: the probe ends without a verdict, the next one begins an interval from now. */
  abandon(now: number): void {
    if (this.#probe !== undefined) {
      this.#parts.counters.add('probe.abandoned')
      this.#over(this.#probe, now)
    }
    if (Number.isFinite(this.#tickAt)) this.#tickAt = now + this.#parts.settings.probeInterval
  }

  /** No probe runs or begins until `speak`. */
  silence(now: number): void {
    this.abandon(now)
    this.#tickAt = Number.POSITIVE_INFINITY
  }

  speak(now: number): void {
    const { probeInterval } = this.#parts.settings
    if (probeInterval > 0) this.#tickAt = now + probeInterval
  }

  /** Whether an ack that was there when the deadline passed would have been read by now; else the look is noted. */
  #isSocketRead(probe: Probe, now: number, packetsRead: number): boolean {
    const { seenDue } = probe
    if (seenDue !== undefined) {
      const isPatient = now - seenDue.firstAt < this.#parts.settings.probeTimeout
      if (packetsRead - seenDue.packetsRead < READ_AT_ONCE || !isPatient) return true
    }
    probe.seenDue = { firstAt: seenDue?.firstAt ?? now, lastAt: now, packetsRead }
    return false
  }

  /** Ticks that pass while a probe is on are one tick when it ends (section 7.2). */
  #tick(now: number): void {
    const { settings, ring } = this.#parts
    const { probeInterval } = settings
    this.#tickAt += probeInterval * (1 + Math.floor((now - this.#tickAt) / probeInterval))
    const peer = ring.next()
    if (peer !== undefined && this.#identity !== undefined) this.#ask(peer, this.#identity, now)
  }

  #ask(peer: Peer, identity: Identity, now: number): void {
    const { settings, counters, outgoing, sequence, health } = this.#parts
    const endsAt = now + settings.probeInterval * (health.score + 1)
    const seqNo = sequence.next()
    this.#probe = {
      peer,
      seqNo,
      phase: 'asked',
      askedAt: now,
      helpers: [],
      sent: 'sent',
      dueAt: Math.min(now + settings.probeTimeout, endsAt),
      seenDue: undefined,
      endsAt,
      nacksExpected: 0,
      nacks: 0,
      fallback: undefined,
    }
    counters.add('probe.started')
    if (health.score > 0) counters.add('memberlist.degraded.probe')
    const ping = identity.ping(seqNo, peer.name)
    if (!peer.isSuspect || !settings.buddy) return outgoing.ride(ping, peer.ip, peer.port, seqNo)
    const checksum = peer.protocolMax >= PROTOCOL_MAX.crc ? 'crc' : 'plain'
    const packet = makeCompound([ping, this.#suspicion(peer, identity)])
    // With the longest names and a small buffer the suspicion has no room: it will come by gossip.
    outgoing.send(packet.length <= outgoing.room ? packet : ping, peer.ip, peer.port, seqNo, checksum)
  }

  #suspicion({ incarnation, name }: Peer, identity: Identity): Uint8Array {
    writeSuspect(this.#writer.reset(), MESSAGE.suspect, { incarnation, name, from: identity.name })
    return this.#writer.copy()
  }

  #help(probe: Probe): void {
    const { settings, ring, outgoing } = this.#parts
    const { peer, seqNo } = probe
    probe.phase = 'helped'
    probe.dueAt = probe.endsAt
    probe.seenDue = undefined
    if (this.#identity === undefined || !isUnicast(peer.ip)) return
    probe.helpers = ring.randomAlive(settings.indirectChecks, peer.row)
    for (const helper of probe.helpers) {
      const answer = helper.protocolMax >= PROTOCOL_MAX.nack ? 'ack-or-nack' : 'ack'
      if (answer === 'ack-or-nack') probe.nacksExpected += 1
      outgoing.ride(this.#identity.indirectPing(seqNo, peer, answer), helper.ip, helper.port, 0)
    }
    const isSpared = !settings.tcpFallbackPings || this.#spared.has(toLatin(peer.name))
    if (!isSpared && peer.protocolMax >= PROTOCOL_MAX.streamPing) {
      const { coats } = outgoing
      const request = sealStream(this.#identity.ping(seqNo, peer.name), coats)
      this.#parts.counters.add('memberlist.tcp.sent', request.length - labelBytes(coats))
      probe.fallback = new FallbackPing(this.#parts.world, seqNo, peer, request, coats)
    }
  }

  #conclude(probe: Probe, now: number): void {
    const { world, counters, health } = this.#parts
    if (probe.fallback?.isAnswered) {
      counters.add('probe.acked-stream')
      const text = `${textOf(probe.peer)} answers over TCP but not over UDP: is UDP blocked on the way?`
      this.#parts.warnings.say(`udp ${toLatin(probe.peer.name)}`, text, now)
      return this.#answered(probe, 'tcp', now)
    }
    const missing = Math.max(0, probe.nacksExpected - probe.nacks)
    const { row, instance, incarnation } = probe.peer
    counters.add('probe.failed')
    this.#note(probe.peer, 'none')
    this.#over(probe, now)
    health.change(probe.nacksExpected === 0 ? 1 : missing)
    world.gossip.tell({ type: 'silent', row, instance, incarnation })
  }

  #unexpected(peer: Peer, ip: string, port: number, now: number): void {
    const { counters, warnings } = this.#parts
    counters.add('ack.unexpected-source')
    const text = `the ack of ${textOf(peer)} came from ${ip}:${port}, which was not asked: a NAT, or somebody guesses`
    warnings.say(`source ${toLatin(peer.name)}`, text, now)
  }

  #answered(probe: Probe, way: Way, now: number): void {
    this.#note(probe.peer, way)
    this.#over(probe, now)
    if (probe.sent === 'sent') this.#parts.health.change(-1)
  }

  #note(peer: Peer, way: Way): void {
    this.#parts.paths.note(peer, toLatin(peer.name), way)
  }

  #over(probe: Probe, now: number): void {
    this.#parts.counters.observe('memberlist.probeNode', now - probe.askedAt)
    probe.fallback?.close()
    this.#probe = undefined
  }
}

function textOf({ name, ip, port }: Peer): string {
  return `${new TextDecoder().decode(name)} (${ip.includes(':') ? `[${ip}]` : ip}:${port})`
}
