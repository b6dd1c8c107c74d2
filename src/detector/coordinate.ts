/**
 * Network coordinates (protocol page 2, section 4.16; Dabek et al., "Vivaldi", 2004, with the height of its section 5.4): a point in
 * seconds, so placed that the distance of two points is about the round trip between their members. Functions of values; nothing here
 * is changed in place. Operations stand in the original's order, since its results are reproduced bit for bit.
 */

/** A member's place. All but `error` are seconds. */
export interface Coordinate {
  readonly vector: readonly number[]
  /** How little the place is to be believed: 0 is certain, 1.5 knows nothing. No unit. */
  readonly error: number
  /** Mean difference of what was measured to what the place says; the part that no place can explain. */
  readonly adjustment: number
  /** Time that every way from this member takes on top: its access link. */
  readonly height: number
}

/** The original's constants. */
export const VIVALDI = {
  dimensions: 8,
  /** Greatest error, and the error of a new coordinate. */
  maxError: 1.5,
  /** How fast the error follows what is measured. */
  errorGain: 0.25,
  /** How far a measurement moves the place. */
  positionGain: 0.25,
  /** Measurements that the adjustment is the mean of; 0: no adjustment. */
  adjustmentWindow: 20,
  minHeight: 1e-5,
  /** Round trips of one peer of which the median counts. */
  latencyFilter: 3,
  /** How weakly all places are drawn to the origin, so that a pool does not drift away together. */
  gravity: 150,
  /** Longest round trip that is believed, in nanoseconds. */
  longestRoundTrip: 10_000_000_000,
}

export type VivaldiRules = typeof VIVALDI

const ZERO = 1e-6
const NANOSECONDS = 1_000_000_000

/** Two coordinates of different dimension have no distance and no force between them. */
export class Incompatible extends Error {
  constructor() {
    super('the dimensions of the coordinates are not compatible')
  }
}

/** Where every member begins. Throws RangeError for no dimension. */
export function originOf(rules: VivaldiRules): Coordinate {
  if (!(rules.dimensions >= 1)) throw new RangeError('the dimensionality of coordinates must be 1 or more')
  return {
    vector: new Array<number>(rules.dimensions).fill(0),
    error: rules.maxError,
    adjustment: 0,
    height: rules.minHeight,
  }
}

/** Whether all its numbers are numbers. */
export function isValid({ vector, error, adjustment, height }: Coordinate): boolean {
  return [...vector, error, adjustment, height].every(Number.isFinite)
}

export function areCompatible(one: Coordinate, other: Coordinate): boolean {
  return one.vector.length === other.vector.length
}

/** Seconds as Go has them of so many whole nanoseconds: in two parts, which rounds otherwise than one division. */
export function secondsOf(nanoseconds: number): number {
  return Math.trunc(nanoseconds / NANOSECONDS) + (nanoseconds % NANOSECONDS) / NANOSECONDS
}

/** The distance without adjustments, in seconds. Throws Incompatible. */
export function rawDistance(one: Coordinate, other: Coordinate): number {
  if (!areCompatible(one, other)) throw new Incompatible()
  let squares = 0
  for (let axis = 0; axis < one.vector.length; axis++) {
    const component = one.vector[axis] - other.vector[axis]
    squares += component * component
  }
  return Math.sqrt(squares) + one.height + other.height
}

/** The estimated round trip between two members in whole nanoseconds. Adjustments that would make it negative are left out. Throws Incompatible. */
export function distance(one: Coordinate, other: Coordinate): number {
  const raw = rawDistance(one, other)
  const adjusted = raw + one.adjustment + other.adjustment
  return Math.trunc((adjusted > 0 ? adjusted : raw) * NANOSECONDS)
}

/** `coordinate` pushed away from `from` by `force` seconds, or drawn to it where that is negative. Throws Incompatible. */
export function pushed(
  coordinate: Coordinate,
  from: Coordinate,
  force: number,
  minHeight: number,
  draw: () => number,
): Coordinate {
  if (!areCompatible(coordinate, from)) throw new Incompatible()
  const { unit, length } = direction(coordinate.vector, from.vector, draw)
  const height =
    length > ZERO
      ? Math.max(minHeight, ((coordinate.height + from.height) * force) / length + coordinate.height)
      : coordinate.height
  return { ...coordinate, vector: sum(coordinate.vector, scaled(unit, force)), height }
}

/**
 * The direction from `b` to `a` as a vector of length 1, and how far they are apart. For two that stand in one place it is a random
 * direction and 0. `draw` gives uniform numbers in [0, 1).
 */
export function direction(
  a: readonly number[],
  b: readonly number[],
  draw: () => number,
): { unit: number[]; length: number } {
  const between = difference(a, b)
  const length = magnitude(between)
  if (length > ZERO) return { unit: scaled(between, 1 / length), length }
  const random = a.map(() => draw() - 0.5)
  const drawn = magnitude(random)
  if (drawn > ZERO) return { unit: scaled(random, 1 / drawn), length: 0 }
  return { unit: a.map((_, axis) => (axis === 0 ? 1 : 0)), length: 0 }
}

export function sum(a: readonly number[], b: readonly number[]): number[] {
  return a.map((component, axis) => component + b[axis])
}

export function difference(a: readonly number[], b: readonly number[]): number[] {
  return a.map((component, axis) => component - b[axis])
}

export function scaled(vector: readonly number[], factor: number): number[] {
  return vector.map((component) => component * factor)
}

export function magnitude(vector: readonly number[]): number {
  let squares = 0
  for (const component of vector) squares += component * component
  return Math.sqrt(squares)
}
