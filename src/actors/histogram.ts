/**
 * A histogram of bounded size: count, sum, least and greatest value exactly, quantiles to within a fifth. Buckets grow by the fourth
 * root of two, so that every power of two from 2^-10 to 2^20 is a bound: milliseconds from a microsecond to a quarter of an hour, or
 * bytes to a MiB. Recording allocates nothing.
 *
 *     bucket   0           1 ...                    120          121
 *     holds    <= 2^-10    <= 2^((bucket - 40)/4)   <= 2^20      the rest
 */

const PER_OCTAVE = 4
const LOWEST_OCTAVE = -10
const HIGHEST_OCTAVE = 20
const OFFSET = -LOWEST_OCTAVE * PER_OCTAVE
const REST = (HIGHEST_OCTAVE - LOWEST_OCTAVE) * PER_OCTAVE + 1

/** How a histogram stands at one instant. Survives structured clone. */
export interface HistogramState {
  count: number
  sum: number
  /** 0 when nothing was recorded. */
  min: number
  max: number
  /** By bucket. */
  counts: Uint32Array
}

/** Greatest value of a bucket; `Infinity` for the last. */
export function bucketBound(bucket: number): number {
  return bucket >= REST ? Number.POSITIVE_INFINITY : 2 ** ((bucket - OFFSET) / PER_OCTAVE)
}

export class Histogram {
  readonly #counts = new Uint32Array(REST + 1)
  #count = 0
  #sum = 0
  #min = 0
  #max = 0

  get count(): number {
    return this.#count
  }

  /** Negative values and what is no number count as 0. */
  record(value: number): void {
    const kept = Number.isFinite(value) ? Math.max(value, 0) : 0
    this.#min = this.#count === 0 ? kept : Math.min(this.#min, kept)
    this.#max = Math.max(this.#max, kept)
    this.#count += 1
    this.#sum += kept
    const bucket = kept === 0 ? 0 : Math.ceil(Math.log2(kept) * PER_OCTAVE) + OFFSET
    this.#counts[Math.min(REST, Math.max(0, bucket))] += 1
  }

  reset(): void {
    this.#counts.fill(0)
    this.#count = this.#sum = this.#min = this.#max = 0
  }

  /** A copy. */
  state(): HistogramState {
    return {
      count: this.#count,
      sum: this.#sum,
      min: this.#min,
      max: this.#max,
      counts: this.#counts.slice(),
    }
  }
}

/** The value below which the part `q` (0 to 1) of all values lies: never too low, too high by a fifth at most. 0 when there are none. */
export function quantile(state: HistogramState, q: number): number {
  const rank = Math.max(1, Math.ceil(q * state.count))
  let seen = 0
  for (let bucket = 0; bucket < state.counts.length; bucket++) {
    seen += state.counts[bucket]
    if (seen >= rank) return Math.min(state.max, Math.max(state.min, bucketBound(bucket)))
  }
  return 0
}

/** Both together, as if one histogram had recorded all. */
export function merged(one: HistogramState, other: HistogramState): HistogramState {
  if (one.count === 0) return other
  if (other.count === 0) return one
  return {
    count: one.count + other.count,
    sum: one.sum + other.sum,
    min: Math.min(one.min, other.min),
    max: Math.max(one.max, other.max),
    counts: one.counts.map((count, bucket) => count + other.counts[bucket]),
  }
}
