/** What the agent itself counts, under the original's names (protocol page 3, section 5.1): its clients, their requests, runs of its scripts. */
import type { HistogramValue, Metric } from '../cluster/metrics.ts'

/** Scripts that are told apart: reloads may bring new ones for ever. */
const MOST_SCRIPTS = 1_024

interface Runs {
  count: number
  sum: number
  min: number
  max: number
  /** Runs by the power of two that is the least bound of their milliseconds. */
  readonly buckets: Map<number, number>
}

export class Meters {
  readonly #counts = { 'agent.ipc.accept': 0, 'agent.ipc.command': 0 }
  readonly #runs = new Map<string, Runs>()

  /** A client came, or a request of one that has shaken hands. */
  count(name: 'agent.ipc.accept' | 'agent.ipc.command'): void {
    this.#counts[name] += 1
  }

  /** A script ran so many milliseconds. */
  ran(script: string, ms: number): void {
    const runs = this.#runs.get(script) ?? { count: 0, sum: 0, min: ms, max: ms, buckets: new Map() }
    if (!this.#runs.has(script) && this.#runs.size >= MOST_SCRIPTS) return
    this.#runs.set(script, runs)
    runs.count += 1
    runs.sum += ms
    runs.min = Math.min(runs.min, ms)
    runs.max = Math.max(runs.max, ms)
    const atMost = 2 ** Math.ceil(Math.log2(Math.max(ms, 2 ** -10)))
    runs.buckets.set(atMost, (runs.buckets.get(atMost) ?? 0) + 1)
  }

  metrics(): Metric[] {
    const { 'agent.ipc.accept': accepted, 'agent.ipc.command': commands } = this.#counts
    const values = [...this.#runs].map(([script, runs]) => histogramOf(script, runs))
    return [
      counter('agent.ipc.accept', 'RPC clients that connected.', accepted),
      counter('agent.ipc.command', 'Requests of RPC clients.', commands),
      ...(values.length === 0 ? [] : [invocations(values)]),
    ]
  }
}

function counter(name: string, help: string, value: number): Metric {
  return { name, type: 'counter', help, values: [{ labels: {}, value }] }
}

function invocations(values: HistogramValue[]): Metric {
  return { name: 'agent.invoke', type: 'histogram', help: 'Milliseconds that runs of a script took.', values }
}

function histogramOf(script: string, { buckets, ...runs }: Runs): HistogramValue {
  const sorted = [...buckets].sort(([a], [b]) => a - b).map(([atMost, count]) => ({ atMost, count }))
  const at = (share: number) => {
    let left = share * runs.count
    for (const { atMost, count } of sorted) {
      left -= count
      if (left <= 0) return atMost
    }
    return runs.max
  }
  return { labels: { script }, ...runs, p50: at(0.5), p90: at(0.9), p99: at(0.99), buckets: sorted }
}
