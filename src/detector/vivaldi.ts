/**
 * Our own network coordinate and how it learns: each measured round trip moves it a little towards where it would be right (protocol
 * page 2, section 4.16). Pure: chance is passed in and is drawn from only when two members stand in one place.
 *
 *     round trip --> median of the last three with this peer --> place and error --> adjustment --> gravity
 */
import { isPlace } from '../wire/coordinate.ts'
import {
  areCompatible,
  type Coordinate,
  distance,
  isValid,
  originOf,
  pushed,
  rawDistance,
  secondsOf,
  VIVALDI,
  type VivaldiRules,
} from './coordinate.ts'

/** Shortest round trip and least error that anything is divided by. */
const ZERO = 1e-6

/** Why an observation or a coordinate was refused; nothing has changed then. */
export type Refusal = 'dimensions' | 'invalid' | 'round-trip'

export class Vivaldi {
  readonly #rules: VivaldiRules
  readonly #draw: () => number
  readonly #origin: Coordinate
  #own: Coordinate
  /** Round trips of each peer in seconds, oldest first. */
  readonly #latencies = new Map<string, number[]>()
  readonly #adjustments: number[]
  #nextAdjustment = 0
  #resets = 0
  #zeroRoundTrips = 0

  /** `draw` gives uniform numbers in [0, 1). Throws RangeError for rules without a dimension. */
  constructor(draw: () => number, rules: VivaldiRules = VIVALDI) {
    this.#draw = draw
    this.#rules = rules
    this.#origin = originOf(rules)
    this.#own = this.#origin
    this.#adjustments = new Array<number>(rules.adjustmentWindow).fill(0)
  }

  /** Where we stand. Replaced by each observation, never changed. */
  get own(): Coordinate {
    return this.#own
  }

  /** How often our own coordinate had become no number and was begun anew. */
  get resets(): number {
    return this.#resets
  }

  get zeroRoundTrips(): number {
    return this.#zeroRoundTrips
  }

  /** Peers whose last round trips are kept. */
  get filters(): number {
    return this.#latencies.size
  }

  /** Puts us somewhere. */
  set(coordinate: Coordinate): Refusal | undefined {
    const refusal = this.#refusal(coordinate)
    if (refusal === undefined) this.#own = coordinate
    return refusal
  }

  /** Takes in a round trip to `peer`, which stands at `other`, in whole nanoseconds. */
  observe(peer: string, other: Coordinate, roundTrip: number): Refusal | undefined {
    const refusal = this.#refusal(other)
    if (refusal !== undefined) return refusal
    if (!(roundTrip >= 0 && roundTrip <= this.#rules.longestRoundTrip)) return 'round-trip'
    if (roundTrip === 0) this.#zeroRoundTrips += 1
    const seconds = this.filtered(peer, secondsOf(roundTrip))
    this.#move(other, seconds)
    this.#adjust(other, seconds)
    this.#fall()
    // Heights grow by the force over the distance, so a peer that stands almost where we do can throw us out of the world. The samples go
    // too: one that is no number would spoil every adjustment that it is in.
    if (!isPlace(this.#own)) {
      this.#resets += 1
      this.#own = this.#origin
      this.#adjustments.fill(0)
    }
    return undefined
  }

  /** Estimated round trip to somebody at `other`, in whole nanoseconds. Throws Incompatible. */
  distanceTo(other: Coordinate): number {
    return distance(this.#own, other)
  }

  /** Notes a round trip in seconds and gives the median of the last few; of two the longer one. */
  filtered(peer: string, seconds: number): number {
    const latencies = this.#latencies.get(peer)
    if (latencies === undefined) {
      // As written, an array is as long as what is in it; in a large pool few peers come a second time.
      this.#latencies.set(peer, [seconds])
      return seconds
    }
    latencies.push(seconds)
    if (latencies.length > this.#rules.latencyFilter) latencies.shift()
    return latencies.toSorted((a, b) => a - b)[Math.floor(latencies.length / 2)]
  }

  /** The peer is no member any more: its round trips are no use to whoever comes under its name. */
  forget(peer: string): void {
    this.#latencies.delete(peer)
  }

  #refusal(coordinate: Coordinate): Refusal | undefined {
    if (!areCompatible(this.#own, coordinate)) return 'dimensions'
    return isValid(coordinate) ? undefined : 'invalid'
  }

  #move(other: Coordinate, roundTrip: number): void {
    const { errorGain, positionGain, maxError, minHeight } = this.#rules
    const own = this.#own
    const estimate = secondsOf(distance(own, other))
    const measured = Math.max(roundTrip, ZERO)
    const wrongness = Math.abs(estimate - measured) / measured
    const weight = own.error / Math.max(own.error + other.error, ZERO)
    const error = errorGain * weight * wrongness + own.error * (1 - errorGain * weight)
    const force = positionGain * weight * (measured - estimate)
    this.#own = pushed({ ...own, error: Math.min(error, maxError) }, other, force, minHeight, this.#draw)
  }

  #adjust(other: Coordinate, roundTrip: number): void {
    const samples = this.#adjustments
    if (samples.length === 0) return
    samples[this.#nextAdjustment] = roundTrip - rawDistance(this.#own, other)
    this.#nextAdjustment = (this.#nextAdjustment + 1) % samples.length
    let total = 0
    for (const sample of samples) total += sample
    this.#own = { ...this.#own, adjustment: total / (2 * samples.length) }
  }

  /** Gravity. */
  #fall(): void {
    const pull = secondsOf(distance(this.#origin, this.#own)) / this.#rules.gravity
    this.#own = pushed(this.#own, this.#origin, -(pull * pull), this.#rules.minHeight, this.#draw)
  }
}
