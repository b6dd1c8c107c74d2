/**
 * Which stream gives way when peers open too many (protocol page 1, section 12.1; reliability: silent, dripping, many). Somebody who opens
 * ten thousand connections and says nothing must not keep others out until his deadlines end, so a newcomer is never turned away: one that is
 * there already is dropped for it, out of those of the same source when that has too many, else out of all.
 *
 * Honest peers write at once and are done in milliseconds, so the one that goes is the oldest that has said nothing; if all have spoken, the
 * oldest whose message is not complete; if all are being answered, the oldest. Before any of them goes one that is over: it stays so long only for
 * a peer that ended its side and reads on, and a crowd that joins from one address leaves hundreds of them behind.
 */

export interface Inbound {
  readonly ip: string
  /** Bytes that have come. */
  readonly received: number
  /** Its message is complete. */
  readonly isSettled: boolean
  /** It has its answer, and the peer has ended its side: as a rule there is nothing left of it. */
  isOver: boolean
}

/** How far a stream is at its end. */
export interface Ends {
  /** The side that ended first. */
  ended: 'none' | 'ours' | 'theirs'
  isOver: boolean
}

export const UNENDED: Readonly<Ends> = { ended: 'none', isOver: false }

/** One side has ended: we by our answer, the peer by what came. */
export function ended(stream: Ends, side: 'ours' | 'theirs'): void {
  if (stream.ended === 'none') stream.ended = side
  else if (stream.ended !== side) stream.isOver = true
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
  if (ofSource.length >= MOST_PER_SOURCE) return chosen(leastWorth(ofSource), 'drop.stream-source-full')
  if (all.length >= MOST_INBOUND) return chosen(leastWorth(all), 'drop.stream-full')
  return undefined
}

function chosen<Stream extends Inbound>(stream: Stream, counter: string) {
  return { stream, counter: stream.isOver ? 'streams.over' : counter }
}

function leastWorth<Stream extends Inbound>(streams: readonly Stream[]): Stream {
  const over = streams.find(({ isOver }) => isOver)
  const silent = streams.find(({ received, isSettled }) => received === 0 && !isSettled)
  return over ?? silent ?? streams.find(({ isSettled }) => !isSettled) ?? streams[0]
}
