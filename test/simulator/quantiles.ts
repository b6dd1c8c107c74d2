/** Middle, tail and end of measured times, for the results of long proofs. */
import { quantile } from '../../bench/experiments/pool.ts'

export function quantiles(times: readonly number[]): Record<string, number> {
  const at = (q: number) => Math.round(quantile(times, q))
  return { median: at(0.5), p99: at(0.99), longest: at(1) }
}
