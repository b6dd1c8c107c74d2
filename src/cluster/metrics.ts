/**
 * The metrics snapshot: what the actors report, as a typed list that an adapter for Prometheus, OpenTelemetry or statsd can walk
 * without knowing any name. Pulled, never pushed; what it costs is paid by who asks.
 *
 *     a counter 'drop.ping' of the detector     folkmoot.drop           { actor: 'detector', reason: 'ping' }
 *     'memberlist.udp.sent'                     as it is                { actor: 'detector' }
 *     'members'                                 folkmoot.members        { actor: 'gossip' }
 *     'x{state=alive}'                          folkmoot.x              { actor, state: 'alive' }
 *
 * Names of memberlist and Serf mean what they mean there; all others are ours and begin with `folkmoot.`.
 */
import type { Report } from '../actors/counters.ts'
import { bucketBound, type HistogramState, quantile } from '../actors/histogram.ts'
import type { ActorName } from '../actors/mail.ts'
import { helpOf } from './metric-help.ts'

export type MetricLabels = Readonly<Record<string, string>>

/** One value of a counter (since the start) or of a gauge (now). */
export interface MetricValue {
  readonly labels: MetricLabels
  readonly value: number
}

/** One histogram: all that was recorded since the start. */
export interface HistogramValue {
  readonly labels: MetricLabels
  readonly count: number
  readonly sum: number
  /** 0 when `count` is. */
  readonly min: number
  readonly max: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  /** Values up to `atMost` and above the bucket before, empty buckets left out. Every power of two from 2^-10 to 2^20 is a bound. */
  readonly buckets: readonly { readonly atMost: number; readonly count: number }[]
}

export type MetricType = 'counter' | 'gauge' | 'histogram'

/** A metric with a value for each set of labels. `help` says what it means, in one line. */
export type Metric =
  | {
      readonly name: string
      readonly type: 'counter' | 'gauge'
      readonly help: string
      readonly values: readonly MetricValue[]
    }
  | {
      readonly name: string
      readonly type: 'histogram'
      readonly help: string
      readonly values: readonly HistogramValue[]
    }

const FOREIGN = ['memberlist.', 'serf.', 'folkmoot.']
const DROP = 'drop.'

/** The reports of the actors as one list, sorted by name. `common` labels are added to every value. */
export function metricsOf(reports: ReadonlyMap<ActorName, Report>, common: MetricLabels = {}): Metric[] {
  const numbers = new Map<string, { type: 'counter' | 'gauge'; values: MetricValue[] }>()
  const histograms = new Map<string, HistogramValue[]>()
  for (const [actor, report] of reports) {
    const labelled = (raw: string) => named(raw, { ...common, actor })
    const add = (type: 'counter' | 'gauge', raw: string, value: number) => {
      const { name, labels } = labelled(raw)
      const metric = numbers.get(name) ?? { type, values: [] }
      metric.values.push({ labels, value })
      numbers.set(name, metric)
    }
    for (const [raw, value] of Object.entries(report.counters)) add('counter', raw, value)
    for (const [raw, value] of Object.entries(report.gauges)) add('gauge', raw, value)
    for (const [raw, state] of Object.entries(report.histograms)) {
      const { name, labels } = labelled(raw)
      const values = histograms.get(name) ?? []
      values.push(histogramValue(labels, state))
      histograms.set(name, values)
    }
  }
  const metrics: Metric[] = []
  for (const [name, { type, values }] of numbers) metrics.push({ name, type, help: helpOf(name), values })
  for (const [name, values] of histograms)
    metrics.push({ name, type: 'histogram', help: helpOf(name), values })
  return metrics.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The public name and labels of what an actor calls `raw`. */
function named(raw: string, labels: Record<string, string>): { name: string; labels: MetricLabels } {
  if (raw.startsWith(DROP)) {
    return { name: 'folkmoot.drop', labels: { ...labels, reason: raw.slice(DROP.length) } }
  }
  const open = raw.indexOf('{')
  const bare = open < 0 ? raw : raw.slice(0, open)
  if (open >= 0) {
    for (const pair of raw.slice(open + 1, -1).split(',')) {
      const at = pair.indexOf('=')
      labels[pair.slice(0, at)] = pair.slice(at + 1)
    }
  }
  const isForeign = FOREIGN.some((prefix) => bare.startsWith(prefix))
  return { name: isForeign ? bare : `folkmoot.${bare}`, labels }
}

function histogramValue(labels: MetricLabels, state: HistogramState): HistogramValue {
  const { count, sum, min, max, counts } = state
  const buckets: { atMost: number; count: number }[] = []
  for (let bucket = 0; bucket < counts.length; bucket++) {
    if (counts[bucket] > 0) buckets.push({ atMost: bucketBound(bucket), count: counts[bucket] })
  }
  const at = (q: number) => quantile(state, q)
  return { labels, count, sum, min, max, p50: at(0.5), p90: at(0.9), p99: at(0.99), buckets }
}
