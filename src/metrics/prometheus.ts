/**
 * `folkmoot/metrics/prometheus`: the metrics of a cluster in a registry of prom-client, pulled whenever the registry is scraped. Nothing of prom-client is
 * imported: a registry asks its metrics for their values, and that is all that is needed to be one, histograms included, which have no
 * other way in.
 *
 *     memberlist.udp.sent   ->   memberlist_udp_sent           names as Prometheus has them; counters end in _total
 */
import type { HistogramValue, Metric } from '../cluster/metrics.ts'
import { Pull, type Pulled } from './pull.ts'

/** A registry of prom-client. */
export interface PrometheusRegistry {
  registerMetric(metric: PrometheusMetric): void
  removeSingleMetric(name: string): void
}

/** A metric as a registry asks it. */
export interface PrometheusMetric {
  readonly name?: string
  get(): Promise<unknown>
}

interface Line {
  metricName: string
  labels: Record<string, string | number>
  value: number
}

/**
 * Registers the metrics of a cluster, those that there are now; what there is later is registered at the first scrape that finds it, and told by
 * the next. Two clusters in one registry would claim the same names: give each its own. Gives the way to take them out, for after `shutdown()`.
 */
export async function registerMetrics(cluster: Pulled, registry: PrometheusRegistry): Promise<() => void> {
  const registered = new Map<string, PrometheusMetric>()
  const pull = new Pull(cluster, (metrics) => {
    for (const { name } of metrics) if (!registered.has(name)) register(name)
  })
  const register = (name: string) => {
    const metric = { name: plain(name), get: async () => shown(await pull.metric(name), name) }
    registered.set(name, metric)
    registry.registerMetric(metric)
  }
  await pull.metrics()
  return () => {
    pull.stop()
    for (const name of registered.keys()) registry.removeSingleMetric(plain(name))
  }
}

function plain(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, '_')
}

/** A metric as a registry prints it; one that has gone has no values. */
function shown(metric: Metric | undefined, name: string) {
  const type = metric?.type ?? 'gauge'
  const base = plain(name)
  const shownName = type === 'counter' ? `${base}_total` : base
  const help = metric?.help || name
  if (metric === undefined) return { name: shownName, help, type, aggregator: 'sum', values: [] }
  const values =
    metric.type === 'histogram'
      ? metric.values.flatMap((value) => linesOf(base, value))
      : metric.values.map(({ labels, value }) => ({ metricName: shownName, labels: { ...labels }, value }))
  return { name: shownName, help, type, aggregator: 'sum', values }
}

/** Buckets count what is below them too. */
function linesOf(name: string, { labels, count, sum, buckets }: HistogramValue): Line[] {
  let below = 0
  const lines: Line[] = []
  for (const bucket of buckets) {
    below += bucket.count
    if (bucket.atMost === Number.POSITIVE_INFINITY) break
    lines.push({ metricName: `${name}_bucket`, labels: { ...labels, le: bucket.atMost }, value: below })
  }
  lines.push({ metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count })
  lines.push({ metricName: `${name}_sum`, labels: { ...labels }, value: sum })
  lines.push({ metricName: `${name}_count`, labels: { ...labels }, value: count })
  return lines
}
