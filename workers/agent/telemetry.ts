/** Where the agent's metrics go by themselves: to the sinks of the configuration each second, and to standard error at SIGUSR1. */
import { hostname } from 'node:os'
import type { AgentConfig } from '../../src/agent/config.ts'
import { INTERVAL, Intervals } from '../../src/agent/dump.ts'
import { Readings } from '../../src/agent/readings.ts'
import { sinkLines } from '../../src/agent/sinks.ts'
import type { Metric } from '../../src/cluster/metrics.ts'
import { type Sink, statsd, statsite } from './sinks.ts'

/** The original tells its sinks every 100 ms what it gathered one by one; here each time asks all actors. */
const FLUSH = 1_000
/** A timer may ring so much too early: it is not set for the same moment again. */
const EARLY = 50

/** Starts both; the returned function ends them. `metrics` gives a snapshot. */
export function telemetry(config: AgentConfig, metrics: () => Promise<readonly Metric[]>): () => void {
  const sinks: Sink[] = []
  if (config.statsdAddr !== '') sinks.push(statsd(config.statsdAddr))
  if (config.statsiteAddr !== '') sinks.push(statsite(config.statsiteAddr))
  const endDump = keepForDump(sinks.length === 0 ? '' : hostname(), metrics)
  const readings = new Readings(hostname())
  const timer = setInterval(() => {
    void metrics().then(
      (snapshot) => {
        const lines = sinkLines(readings.of(snapshot))
        for (const sink of sinks) sink.send(lines)
      },
      () => undefined,
    )
  }, FLUSH)
  if (sinks.length === 0) clearInterval(timer)
  return () => {
    clearInterval(timer)
    endDump()
    for (const sink of sinks) sink.close()
  }
}

function keepForDump(hostName: string, metrics: () => Promise<readonly Metric[]>): () => void {
  const readings = new Readings(hostName)
  const intervals = new Intervals()
  let timer: NodeJS.Timeout
  const arm = () => {
    timer = setTimeout(look, INTERVAL - ((Date.now() + EARLY) % INTERVAL) + EARLY)
  }
  const look = () => {
    const now = Date.now()
    // Go's intervals begin at whole multiples of their length. A timer may ring a little before its time.
    const began = new Date(Math.round(now / INTERVAL) * INTERVAL - INTERVAL)
    const at = { began, ended: new Date(now), since: process.uptime() * 1000 }
    void metrics()
      .then(
        (snapshot) => intervals.end(readings.of(snapshot), at),
        () => undefined,
      )
      .finally(arm)
  }
  const dump = () => process.stderr.write(intervals.text())
  arm()
  process.on('SIGUSR1', dump)
  return () => {
    clearTimeout(timer)
    process.off('SIGUSR1', dump)
  }
}
