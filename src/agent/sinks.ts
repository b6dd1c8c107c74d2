/** Metrics as the original's sinks want them (protocol page 3, section 5): lines `name:value|type`, gauges with the host's name. */
import type { Metric, MetricLabels } from '../cluster/metrics.ts'

const PREFIX = 'serf-agent'

interface Told {
  count: number
  sum: number
}

/** What was told to a sink so far: counters and samples go out as what came since. */
export class SinkLines {
  readonly #hostName: string
  readonly #told = new Map<string, Told>()

  constructor(hostName: string) {
    this.#hostName = hostName
  }

  /** The lines of a snapshot; what has not moved has none. */
  of(metrics: readonly Metric[]): string[] {
    return metrics.flatMap((metric) => {
      const { name, type } = metric
      if (type === 'histogram')
        return metric.values.flatMap((value) => this.#sample(nameOf([], name, value.labels), value))
      if (type === 'counter')
        return metric.values.flatMap(({ labels, value }) => this.#count(nameOf([], name, labels), value))
      return metric.values.map(({ labels, value }) =>
        line(nameOf([this.#hostName], name, labels), value, 'g'),
      )
    })
  }

  #count(name: string, count: number): string[] {
    const before = this.#told.get(name)?.count ?? 0
    this.#told.set(name, { count, sum: 0 })
    return count === before ? [] : [line(name, count - before, 'c')]
  }

  /** Single samples are not kept: the mean of those since the last time stands for them. */
  #sample(name: string, { count, sum }: Told): string[] {
    const before = this.#told.get(name) ?? { count: 0, sum: 0 }
    this.#told.set(name, { count, sum })
    return count === before.count ? [] : [line(name, (sum - before.sum) / (count - before.count), 'ms')]
  }
}

/** The original knows no actors; all other labels become parts of the name. */
function nameOf(host: readonly string[], name: string, { actor: _actor, ...labels }: MetricLabels): string {
  return clean([PREFIX, ...host, name, ...Object.values(labels)].join('.'))
}

function line(name: string, value: number, kind: 'c' | 'g' | 'ms'): string {
  return `${name}:${value.toFixed(6)}|${kind}\n`
}

function clean(name: string): string {
  return name.replace(/[ :]/g, '_')
}

/** Lines in packets of at most so many bytes. */
export function packets(lines: readonly string[], most: number): string[] {
  const filled: string[] = []
  let packet = ''
  for (const line of lines) {
    if (packet !== '' && packet.length + line.length > most) {
      filled.push(packet)
      packet = ''
    }
    packet += line
  }
  return packet === '' ? filled : [...filled, packet]
}
