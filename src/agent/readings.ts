/**
 * Metrics as the original's sinks name them (protocol page 3, section 5): everything under `serf-agent.`, labels as parts of the name, and what
 * came between two looks, since counters of a `Cluster` count from its start and those of a sink from the last time.
 */
import type { Metric, MetricLabels } from '../cluster/metrics.ts'

const PREFIX = 'serf-agent'
/** Names of the original, which knows no actors; those of ours are told apart by them. */
const OURS = 'folkmoot.'

/** Values up to `atMost` and above the bucket before. */
interface Bucket {
  readonly atMost: number
  readonly count: number
}

export interface Samples {
  count: number
  sum: number
  /** Bounds of what came, as fine as the buckets are. */
  min: number
  max: number
  /** Standard deviation, as fine as the buckets are. */
  deviation: number
}

/** One metric of a look: a gauge as it is, a counter or samples by what came since the last look. */
export type Reading =
  | { kind: 'gauge'; name: string; value: number }
  | { kind: 'counter'; name: string; value: number }
  | { kind: 'samples'; name: string; value: Samples }

interface Totals {
  kind: 'gauge' | 'counter' | 'samples'
  count: number
  sum: number
  min: number
  max: number
  buckets: Map<number, number>
}

/** What somebody was told so far. Of two lookers each has its own. */
export class Readings {
  readonly #hostName: string
  #last = new Map<string, Totals>()

  /** Gauges, and only they, carry the name of the host, where it is not empty: several hosts may share a sink. */
  constructor(hostName: string) {
    this.#hostName = hostName
  }

  /** Counters and samples of which nothing came are left out. */
  of(metrics: readonly Metric[]): Reading[] {
    const now = this.#totals(metrics)
    const before = this.#last
    this.#last = now
    const found: Reading[] = []
    for (const [name, totals] of now) {
      const { kind, sum } = totals
      const last = before.get(name)
      if (kind === 'gauge') found.push({ kind, name, value: sum })
      // An actor that was started again counts from 0 again.
      else if (kind === 'counter') {
        const value = last === undefined || sum < last.sum ? sum : sum - last.sum
        if (value > 0) found.push({ kind, name, value })
      } else {
        const value = since(last === undefined || totals.count < last.count ? undefined : last, totals)
        if (value.count > 0) found.push({ kind, name, value })
      }
    }
    return found
  }

  /** Values by the sink's names. What several actors count under one name of the original is one number to it. */
  #totals(metrics: readonly Metric[]): Map<string, Totals> {
    const all = new Map<string, Totals>()
    const at = (name: string, kind: Totals['kind']) => {
      const known = all.get(name)
      if (known !== undefined) return known
      const fresh = { kind, count: 0, sum: 0, min: Infinity, max: 0, buckets: new Map<number, number>() }
      all.set(name, fresh)
      return fresh
    }
    for (const metric of metrics) {
      if (metric.type !== 'histogram') {
        const host = metric.type === 'gauge' && this.#hostName !== '' ? [this.#hostName] : []
        for (const { labels, value } of metric.values)
          at(nameOf(host, metric.name, labels), metric.type).sum += value
        continue
      }
      for (const value of metric.values) {
        if (value.count > 0) add(at(nameOf([], metric.name, value.labels), 'samples'), value)
      }
    }
    return all
  }
}

function add(totals: Totals, value: Omit<Totals, 'kind' | 'buckets'> & { buckets: readonly Bucket[] }): void {
  totals.count += value.count
  totals.sum += value.sum
  totals.min = Math.min(totals.min, value.min)
  totals.max = Math.max(totals.max, value.max)
  for (const { atMost, count } of value.buckets)
    totals.buckets.set(atMost, (totals.buckets.get(atMost) ?? 0) + count)
}

/** The samples that `now` has and `before` has not. Single ones are not kept: their spread is that of the buckets they fell into. */
function since(before: Totals | undefined, now: Totals): Samples {
  const count = now.count - (before?.count ?? 0)
  const sum = now.sum - (before?.sum ?? 0)
  const grown = [...now.buckets]
    .map(([atMost, all]) => ({ atMost, count: all - (before?.buckets.get(atMost) ?? 0) }))
    .filter((bucket) => bucket.count > 0)
    .sort((a, b) => a.atMost - b.atMost)
  if (count <= 1 || grown.length === 0)
    return { count, sum, min: sum / Math.max(1, count), max: sum / Math.max(1, count), deviation: 0 }
  const mean = sum / count
  const middle = (atMost: number) => Math.min(now.max, Math.max(now.min, atMost * 0.75))
  const square = grown.reduce((all, bucket) => all + bucket.count * (middle(bucket.atMost) - mean) ** 2, 0)
  return {
    count,
    sum,
    min: Math.min(mean, Math.max(now.min, grown[0].atMost / 2)),
    max: Math.max(mean, Math.min(now.max, grown[grown.length - 1].atMost)),
    deviation: Math.sqrt(square / (count - 1)),
  }
}

function nameOf(host: readonly string[], name: string, { actor, ...labels }: MetricLabels): string {
  const own = name.startsWith(OURS) && actor !== undefined ? [actor] : []
  // `serf.events.name` has a label `name`, which to the original is the last part itself.
  const part = name.slice(name.lastIndexOf('.') + 1)
  const stem = Object.hasOwn(labels, part) ? name.slice(0, -part.length - 1) : name
  return clean([PREFIX, ...host, stem, ...own, ...Object.values(labels)].join('.'))
}

/** What would end a name, a line or a packet of a sink becomes «_». */
function clean(name: string): string {
  return name.replace(/[\s:|@]/g, '_')
}
