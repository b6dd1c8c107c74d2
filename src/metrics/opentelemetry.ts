/**
 * `folkmoot/metrics/opentelemetry`: the metrics of a cluster as observable instruments of a meter of OpenTelemetry, pulled whenever they are collected. Nothing of
 * its packages is imported.
 *
 *     counter, gauge   ->   observable counter and gauge of the same name; labels are attributes
 *     histogram        ->   OpenTelemetry observes none: NAME.count and NAME.sum are counters, NAME.quantile a gauge with the attribute
 *                           `quantile`: 0, 0.5, 0.9, 0.99 and 1
 */
import type { Metric, MetricLabels } from '../cluster/metrics.ts'
import { Pull, type Pulled } from './pull.ts'

/** Who is told what an instrument measures. */
export interface OpenTelemetryResult {
  observe(instrument: object, value: number, attributes?: Record<string, string>): void
}

/** A Meter of OpenTelemetry's API. */
export interface OpenTelemetryMeter {
  createObservableCounter(name: string, options?: { description?: string }): object
  createObservableGauge(name: string, options?: { description?: string }): object
  addBatchObservableCallback(
    callback: (result: OpenTelemetryResult) => Promise<void>,
    instruments: object[],
  ): void
  removeBatchObservableCallback(
    callback: (result: OpenTelemetryResult) => Promise<void>,
    instruments: object[],
  ): void
}

interface Instrument {
  name: string
  type: 'counter' | 'gauge'
  values: { labels: MetricLabels; value: number }[]
}

/**
 * Observes the metrics of a cluster, those that there are now; what there is later is observed from the collection after the one that finds it. Gives the way to
 * stop, for after `shutdown()`.
 */
export async function registerMetrics(cluster: Pulled, meter: OpenTelemetryMeter): Promise<() => void> {
  const instruments = new Map<string, object>()
  let observed: object[] = []
  const observe = async (result: OpenTelemetryResult) => {
    for (const metric of (await pull.metrics()).values()) {
      for (const { name, values } of instrumentsOf(metric)) {
        const instrument = instruments.get(name)
        if (instrument === undefined) continue
        for (const { labels, value } of values) result.observe(instrument, value, { ...labels })
      }
    }
  }
  const pull = new Pull(cluster, (metrics) => {
    for (const metric of metrics) {
      for (const { name, type } of instrumentsOf(metric)) {
        if (instruments.has(name)) continue
        const options = { description: metric.help }
        const instrument =
          type === 'counter'
            ? meter.createObservableCounter(name, options)
            : meter.createObservableGauge(name, options)
        instruments.set(name, instrument)
      }
    }
    if (instruments.size === observed.length) return
    meter.removeBatchObservableCallback(observe, observed)
    observed = [...instruments.values()]
    meter.addBatchObservableCallback(observe, observed)
  })
  await pull.metrics()
  return () => {
    pull.stop()
    meter.removeBatchObservableCallback(observe, observed)
  }
}

function instrumentsOf(metric: Metric): Instrument[] {
  const { name } = metric
  if (metric.type !== 'histogram') return [{ name, type: metric.type, values: [...metric.values] }]
  const all = metric.values
  const quantiles = all.flatMap(({ labels, min, p50, p90, p99, max }) =>
    Object.entries({ 0: min, 0.5: p50, 0.9: p90, 0.99: p99, 1: max }).map(([quantile, value]) => ({
      labels: { ...labels, quantile },
      value,
    })),
  )
  return [
    {
      name: `${name}.count`,
      type: 'counter',
      values: all.map(({ labels, count }) => ({ labels, value: count })),
    },
    { name: `${name}.sum`, type: 'counter', values: all.map(({ labels, sum }) => ({ labels, value: sum })) },
    { name: `${name}.quantile`, type: 'gauge', values: quantiles },
  ]
}
