/** Middle, tail and end of measured times, for the results of long proofs. */
export function quantiles(times: readonly number[]): Record<string, number> {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (q: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))])
  return { median: at(0.5), p99: at(0.99), longest: at(1) }
}
