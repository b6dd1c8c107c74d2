/** What the process says of itself, as far as it means what the original's names mean (protocol page 3, section 5.1, the runtime group). */
import { PerformanceObserver } from 'node:perf_hooks'
import type { Metric } from '../../src/cluster/metrics.ts'

const gc = { runs: 0, pauseNs: 0 }
let _observer: PerformanceObserver | undefined

/** Gauges of the agent's own thread; the cluster's threads have heaps of their own. Collections are counted from the first call on. */
export function processGauges(): Metric[] {
  _observer ??= observed()
  const { rss, heapUsed } = process.memoryUsage()
  return [
    gauge('runtime.alloc_bytes', 'Bytes in use in the heap of the main thread.', heapUsed),
    gauge('runtime.sys_bytes', 'Bytes of memory of the process.', rss),
    gauge(
      'runtime.total_gc_pause_ns',
      'Nanoseconds that garbage collections of the main thread took.',
      gc.pauseNs,
    ),
    gauge('runtime.total_gc_runs', 'Garbage collections of the main thread.', gc.runs),
  ]
}

function observed(): PerformanceObserver {
  const started = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      gc.runs += 1
      gc.pauseNs += Math.round(duration * 1e6)
    }
  })
  started.observe({ entryTypes: ['gc'] })
  return started
}

function gauge(name: string, help: string, value: number): Metric {
  return { name, type: 'gauge', help, values: [{ labels: {}, value }] }
}
