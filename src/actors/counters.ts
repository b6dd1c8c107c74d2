/**
 * What an actor counts and measures, by name: what it did, what it dropped and why, how long things took. Names follow memberlist and
 * Serf where the meaning is the same (protocol page 1, section 11; page 2, section 6.6). A name may end in labels, which `metrics()`
 * takes apart: `memberlist.node.instances{node_state=alive}`. What follows `drop.` is the reason.
 */
import { Histogram, type HistogramState, quantile } from './histogram.ts'

export class Counters {
  readonly #counts = new Map<string, number>()
  readonly #samples = new Map<string, Histogram>()
  readonly #gauges = new Map<string, number>()

  add(name: string, amount = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + amount)
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  /** Sets a gauge that is known only when something happens; those that can be asked for at any time go into `report`. */
  set(name: string, value: number): void {
    this.#gauges.set(name, value)
  }

  /** Records a sample: a duration in milliseconds, a size in bytes, a depth. Allocates at the first of a name only. */
  observe(name: string, value: number): void {
    let samples = this.#samples.get(name)
    if (samples === undefined) {
      samples = new Histogram()
      this.#samples.set(name, samples)
    }
    samples.record(value)
  }

  /** A copy of the counters, by name. */
  snapshot(): Record<string, number> {
    return Object.fromEntries(this.#counts)
  }

  /** All that was counted and measured, and the gauges as they stand. */
  report(gauges: Record<string, number>): Report {
    const histograms: Record<string, HistogramState> = {}
    for (const [name, samples] of this.#samples) histograms[name] = samples.state()
    return {
      counters: this.snapshot(),
      gauges: { ...Object.fromEntries(this.#gauges), ...gauges },
      histograms,
    }
  }
}

/** What an actor answers when it is asked for its metrics. Survives structured clone. */
export interface Report {
  counters: Record<string, number>
  gauges: Record<string, number>
  histograms: Record<string, HistogramState>
}

/** One report of two. Names do not meet. */
export function joinReports(one: Report, other: Report): Report {
  return {
    counters: { ...one.counters, ...other.counters },
    gauges: { ...one.gauges, ...other.gauges },
    histograms: { ...one.histograms, ...other.histograms },
  }
}

/** A report as plain numbers by name, as `stats()` shows it: of each histogram the count, the median, p99 and the greatest value. */
export function flatten({ counters, gauges, histograms }: Report): Record<string, number> {
  const flat = { ...counters, ...gauges }
  for (const [name, state] of Object.entries(histograms)) {
    flat[`${name}.count`] = state.count
    flat[`${name}.p50`] = quantile(state, 0.5)
    flat[`${name}.p99`] = quantile(state, 0.99)
    flat[`${name}.max`] = state.max
  }
  return flat
}
