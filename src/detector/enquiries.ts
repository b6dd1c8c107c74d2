/** What the facade asks the detector, and the answers: numbers, coordinates, distances, paths, and pings on demand. */
import type { Counters, Report } from '../actors/counters.ts'
import { flatten } from '../actors/counters.ts'
import { toLatin } from '../actors/latin.ts'
import type { DetectorCommand } from '../actors/mail.ts'
import type { Coordinate } from './coordinate.ts'
import { type Coordinates, roundTripBetween } from './coordinates.ts'
import type { Health } from './health.ts'
import type { HostPolicy } from './host-policy.ts'
import type { Identity } from './identity.ts'
import type { Outgoing } from './outgoing.ts'
import type { Paths } from './paths.ts'
import type { PingNews } from './ping-news.ts'
import type { Pings } from './pings.ts'
import type { Relays } from './relay.ts'
import type { Ring } from './ring.ts'
import type { Sequence } from './sequence.ts'
import type { DetectorWorld } from './world.ts'

const UTF8 = new TextEncoder()

export interface EnquiryParts {
  world: DetectorWorld
  counters: Counters
  health: Health
  ring: Ring
  relays: Relays
  paths: Paths
  pings: Pings
  pingNews: PingNews
  sequence: Sequence
  outgoing: Outgoing
  coordinates: Coordinates | undefined
  host: HostPolicy
}

export class Enquiries {
  readonly #parts: EnquiryParts

  constructor(parts: EnquiryParts) {
    this.#parts = parts
  }

  command(id: number, command: DetectorCommand, identity: Identity | undefined, now: number): void {
    const { pingNews } = this.#parts
    if (command.type === 'ping') return this.#ping(id, command, identity, now)
    if (command.type === 'next-pings') return pingNews.next(id, command.reader, now)
    this.#parts.world.reply(id, { ok: true, value: this.#answer(command, identity, now), after: 0 })
  }

  #answer(
    command: Exclude<DetectorCommand, { type: 'ping' | 'next-pings' }>,
    identity: Identity | undefined,
    now: number,
  ): unknown {
    switch (command.type) {
      case 'stats':
        return flatten(this.#report(now))
      case 'metrics':
        return this.#report(now)
      case 'coordinate':
        return this.#placeOf(command.name, identity) ?? null
      case 'distances': {
        const from = this.#placeOf(command.from, identity)
        return command.names.map((name) => roundTripBetween(from, this.#placeOf(name, identity)) ?? null)
      }
      case 'paths':
        return command.names.map((name) => this.#parts.paths.of(keyOf(name), now) ?? null)
      case 'end-pings':
        this.#parts.pingNews.end(command.reader)
        return null
      default:
        return command satisfies never
    }
  }

  #placeOf(name: string, identity: Identity | undefined): Coordinate | undefined {
    const { coordinates } = this.#parts
    const key = keyOf(name)
    return identity?.key === key ? coordinates?.own : coordinates?.of(key)
  }

  #ping(
    id: number,
    { name, ip, port }: { name: string; ip: string; port: number },
    identity: Identity | undefined,
    now: number,
  ): void {
    const { sequence, pings, outgoing } = this.#parts
    const seqNo = sequence.next()
    if (identity === undefined || !pings.ask(id, name, seqNo, now)) return
    outgoing.ride(identity.ping(seqNo, UTF8.encode(name)), ip, port, seqNo)
  }

  /** Counters and gauges by name; those of memberlist's metrics have its names (protocol page 1, section 11). */
  #report(now: number): Report {
    const { counters, health, ring, relays, paths, pings, coordinates, host } = this.#parts
    return counters.report({
      'memberlist.health.score': health.score,
      'ring.peers': ring.peers,
      'ring.size': ring.size,
      'relay.pending': relays.size,
      'ping.pending': pings.size,
      'host.is-stalled': host.isStalled ? 1 : 0,
      'paths.known': paths.size,
      'paths.impaired': paths.impaired,
      'paths.one-way': paths.oneWay(now),
      ...(coordinates && { coordinates: coordinates.size, coordinate_resets: coordinates.resets }),
    })
  }
}

function keyOf(name: string): string {
  return toLatin(UTF8.encode(name))
}
