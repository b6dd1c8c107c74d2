/**
 * Which stream gives way when peers open too many (protocol page 1, section 12.1; reliability: silent, dripping, many). Somebody who opens
 * ten thousand connections and says nothing must not keep others out until his deadlines end, so a newcomer is never turned away: one that is
 * there already is dropped for it, out of those of the same source when that has too many, else out of all.
 *
 * Honest peers write at once and are done in milliseconds, so the one that goes is the oldest that has said nothing; if all have spoken, the
 * oldest whose message is not complete; if all are being answered, the oldest.
 */

export interface Inbound {
  readonly ip: string
  /** Bytes that have come. */
  readonly received: number
  /** Its message is complete. */
  readonly isSettled: boolean
}

/** Streams open at once that peers opened. Twice as many push/pulls as may run would be 256; the rest are those whose peers are slow to close. */
export const MOST_INBOUND = 512
/** Of one address. Many members may live behind one, so it is a quarter of all and as many as there may be push/pulls. */
export const MOST_PER_SOURCE = 128

/** A stream that must give way before one more from `ip` is added, and the counter of the reason. `streams` are in the order of their age. */
export function overfull<Stream extends Inbound>(
  streams: Iterable<Stream>,
  ip: string,
): { stream: Stream; counter: string } | undefined {
  const all = [...streams]
  const ofSource = all.filter((stream) => stream.ip === ip)
  if (ofSource.length >= MOST_PER_SOURCE)
    return { stream: leastWorth(ofSource), counter: 'drop.stream-source-full' }
  if (all.length >= MOST_INBOUND) return { stream: leastWorth(all), counter: 'drop.stream-full' }
  return undefined
}

function leastWorth<Stream extends Inbound>(streams: readonly Stream[]): Stream {
  const silent = streams.find(({ received, isSettled }) => received === 0 && !isSettled)
  return silent ?? streams.find(({ isSettled }) => !isSettled) ?? streams[0]
}
