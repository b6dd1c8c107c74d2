/**
 * Network coordinates at work: our own rides on every ack, those of the peers come back on theirs, and both together estimate the round
 * trip between any two members without a packet.
 *
 *     ack of a probe, answered in time by the peer itself
 *         payload --> refused and counted                     (version, malformed, dimensions, range, round trip)
 *                 '-> vivaldi.ts: we move                     the peer's place is kept
 *                        '-> our next acks carry the new place, encoded once
 *
 * Bound: one place per row of the member table, and it goes with the member.
 */
import type { Counters } from '../actors/counters.ts'
import { readCoordinate, writeCoordinate } from '../wire/coordinate.ts'
import { type Coordinate, distance, VIVALDI } from './coordinate.ts'
import { Vivaldi } from './vivaldi.ts'

const NANOSECONDS = 1_000_000
/** The name of a member that is not known by any. */
const NOBODY = -1

interface Place {
  name: string
  instance: number
  coordinate: Coordinate
}

/** Whom a coordinate came from: the row in the member table, who lives there, and the name with one character per byte. */
export interface Placed {
  row: number
  instance: number
  name: string
}

export class Coordinates {
  readonly #counters: Counters
  readonly #vivaldi: Vivaldi
  readonly #places = new Map<number, Place>()
  readonly #rows = new Map<string, number>()
  #payload: Uint8Array

  /** `draw` gives uniform numbers in [0, 1). */
  constructor(draw: () => number, counters: Counters) {
    this.#counters = counters
    this.#vivaldi = new Vivaldi(draw)
    this.#payload = writeCoordinate(this.#vivaldi.own)
  }

  /** What our acks carry. */
  get payload(): Uint8Array {
    return this.#payload
  }

  get own(): Coordinate {
    return this.#vivaldi.own
  }

  /** How often ours had to begin anew. */
  get resets(): number {
    return this.#vivaldi.resets
  }

  /** Peers whose place is known. */
  get size(): number {
    return this.#places.size
  }

  /** The peer acked its probe with this payload after so many milliseconds. An empty payload says that it has no coordinate. */
  observe(peer: Placed, payload: Uint8Array, roundTrip: number): void {
    if (payload.length === 0) return
    const read = readCoordinate(payload, VIVALDI.dimensions)
    if (typeof read === 'string') return this.#reject(read)
    const before = this.#vivaldi.own
    const nanoseconds = Math.round(roundTrip * NANOSECONDS)
    if (nanoseconds === 0) this.#counters.add('serf.coordinate.zero-rtt')
    const refusal = this.#vivaldi.observe(peer.name, read, nanoseconds)
    if (refusal !== undefined) return this.#reject(refusal)
    this.#counters.observe('serf.coordinate.adjustment-ms', this.#vivaldi.distanceTo(before) / NANOSECONDS)
    this.#places.set(peer.row, { name: peer.name, instance: peer.instance, coordinate: read })
    this.#rows.set(peer.name, peer.row)
    this.#payload = writeCoordinate(this.#vivaldi.own)
  }

  /** Whoever lives in this row now, if anybody: the place of anybody else is forgotten. */
  settle(row: number, instance: number | 'nobody'): void {
    const place = this.#places.get(row)
    if (place === undefined || place.instance === instance) return
    this.#places.delete(row)
    // Its name may live in another row by now.
    if (this.#rows.get(place.name) === row) {
      this.#rows.delete(place.name)
      this.#vivaldi.forget(place.name)
    }
  }

  /** The place of a peer, its name with one character per byte; undefined as long as it never told us. */
  of(name: string): Coordinate | undefined {
    return this.#places.get(this.#rows.get(name) ?? NOBODY)?.coordinate
  }

  /** Payloads that cannot be read count too, which the original only logs. */
  #reject(reason: string): void {
    this.#counters.add('serf.coordinate.rejected')
    this.#counters.add(`drop.coordinate-${reason}`)
  }
}

/** Estimated round trip between two places in milliseconds; undefined where one is not known. */
export function roundTripBetween(
  one: Coordinate | undefined,
  other: Coordinate | undefined,
): number | undefined {
  return one === undefined || other === undefined ? undefined : distance(one, other) / NANOSECONDS
}
