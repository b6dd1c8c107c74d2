/** A metrics snapshot in Prometheus' text format (exposition format 0.0.4), for the agent's own HTTP listener. */
import type { Metric, MetricLabels } from '../cluster/metrics.ts'

export function prometheusText(metrics: readonly Metric[]): string {
  return metrics.map(blockOf).join('')
}

function blockOf(metric: Metric): string {
  const base = metric.name.replace(/[^a-zA-Z0-9_]/g, '_')
  const name = metric.type === 'counter' ? `${base}_total` : base
  // An empty help is none to parsers: the line is left out.
  const help = metric.help === '' ? '' : `# HELP ${name} ${escapedHelp(metric.help)}\n`
  const head = `${help}# TYPE ${name} ${metric.type}\n`
  if (metric.type !== 'histogram') {
    return head + metric.values.map(({ labels, value }) => `${name}${listed(labels)} ${value}\n`).join('')
  }
  const lines = metric.values.map((value) => {
    let below = 0
    const buckets = value.buckets.map(({ atMost, count }) => {
      below += count
      return `${name}_bucket${listed({ ...value.labels, le: String(atMost) })} ${below}\n`
    })
    const all = `${name}_bucket${listed({ ...value.labels, le: '+Inf' })} ${value.count}\n`
    const sums = `${name}_sum${listed(value.labels)} ${value.sum}\n${name}_count${listed(value.labels)} ${value.count}\n`
    return buckets.join('') + all + sums
  })
  return head + lines.join('')
}

function listed(labels: MetricLabels): string {
  const entries = Object.entries(labels)
  if (entries.length === 0) return ''
  return `{${entries.map(([name, value]) => `${name}="${escaped(value)}"`).join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function escapedHelp(help: string): string {
  return help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
