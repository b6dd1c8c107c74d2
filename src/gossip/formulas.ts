/**
 * The protocol's formulas by their names (protocol page 1, sections 7.2, 7.7, 7.15). Pure numbers, checked one by
 * one against the recorded values of the original in the tests.
 */

/** How many packets a broadcast may ride in a pool of `count` members (section 7.15). */
export function retransmitLimit(mult: number, count: number): number {
  return mult * Math.ceil(Math.log10(count + 1))
}

/** Shortest suspicion in milliseconds (section 7.7), reached when enough members confirm it. */
export function suspicionMin(mult: number, count: number, probeInterval: number): number {
  const nodeScale = Math.max(1, Math.log10(Math.max(1, count)))
  return (mult * Math.floor(nodeScale * 1000) * probeInterval) / 1000
}

/** How many independent confirmations bring a suspicion down to its minimum; 0 in pools too small to have them. */
export function expectedConfirmations(mult: number, count: number): number {
  const expected = mult - 2
  return count - 2 < expected ? 0 : Math.max(0, expected)
}

/**
 * Length of a suspicion in milliseconds after `confirmations` of `expected` (section 7.7; Lifeguard's LHA-Suspicion):
 * the longest at first, shrinking with the logarithm of the confirmations.
 */
export function suspicionLength(min: number, max: number, confirmations: number, expected: number): number {
  if (expected < 1) return min
  const certainty = Math.log(confirmations + 1) / Math.log(expected + 1)
  return Math.max(min, Math.floor(max - certainty * (max - min)))
}

/** Milliseconds between two push/pulls in a pool of `count` members (section 7.2): more members, rarer exchanges. */
export function pushPullPeriod(interval: number, count: number): number {
  return count <= 32 ? interval : interval * (Math.ceil(Math.log2(count) - 5) + 1)
}
