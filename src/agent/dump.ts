/**
 * What SIGUSR1 writes (protocol page 3, section 5.2): metrics of the last minute in intervals of ten seconds, without the one that is running,
 * in the form of the original's memory sink:
 *
 *     [2026-11-22 21:35:30 +0000 UTC][G] 'serf-agent.runtime.alloc_bytes': 719672.000
 *     [2026-11-22 21:35:30 +0000 UTC][C] 'serf-agent.agent.ipc.accept': Count: 4 Sum: 4.000 LastUpdated: …
 *     [2026-11-22 21:35:30 +0000 UTC][S] 'serf-agent.memberlist.gossip': Count: 60 Min: 0.005 Mean: 0.129 Max: 1.582 Stddev: 0.355 Sum: 7.765 LastUpdated: …
 *
 * A counter's `Count` is its sum: how often it was raised is not known. `LastUpdated` is the end of the interval, in which it was at the latest.
 */
import type { Reading, Samples } from './readings.ts'

export const INTERVAL = 10_000
/** Intervals that are kept, the running one aside: with it a minute. */
const KEPT = 5

/** An interval of the wall's clock, and milliseconds from the process's start to its end, which Go shows behind the time. */
export interface Interval {
  began: Date
  ended: Date
  since: number
}

export class Intervals {
  readonly #kept: string[] = []

  /** An interval is over; `readings` are what came in it. */
  end(readings: readonly Reading[], { began, ended, since }: Interval): void {
    const head = `[${shownDate(began)} +0000 UTC]`
    const tail = `LastUpdated: ${shownDate(ended)} +0000 UTC m=+${(since / 1000).toFixed(9)}`
    const kinds = ['gauge', 'counter', 'samples'] as const
    const lines = kinds.flatMap((kind) => readings.filter((reading) => reading.kind === kind).map(shown))
    this.#kept.push(lines.map((line) => `${head}${line.replace(TAIL, tail)}\n`).join(''))
    if (this.#kept.length > KEPT) this.#kept.shift()
  }

  text(): string {
    return this.#kept.join('')
  }
}

const TAIL = '\u0000'

function shown(reading: Reading): string {
  const { kind, name } = reading
  if (kind === 'gauge') return `[G] '${name}': ${reading.value.toFixed(3)}`
  if (kind === 'counter')
    return `[C] '${name}': Count: ${reading.value} Sum: ${reading.value.toFixed(3)} ${TAIL}`
  return `[S] '${name}': ${spread(reading.value)} ${TAIL}`
}

function spread({ count, sum, min, max, deviation }: Samples): string {
  if (deviation === 0) return `Count: ${count} Sum: ${sum.toFixed(3)}`
  const [least, mean, most, stddev] = [min, sum / count, max, deviation].map((value) => value.toFixed(3))
  return `Count: ${count} Min: ${least} Mean: ${mean} Max: ${most} Stddev: ${stddev} Sum: ${sum.toFixed(3)}`
}

/** `2026-11-22 21:35:30.25`, in UTC: without the end of the fraction that is nothing. */
function shownDate(date: Date): string {
  return date
    .toISOString()
    .replace('T', ' ')
    .replace(/\.?0*Z$/, '')
}
