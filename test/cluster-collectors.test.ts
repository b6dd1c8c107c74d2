/** Those who collect from a cluster: prom-client, OpenTelemetry, pino and diagnostics channels, each the real one. */
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { Cluster, type ClusterOptions, type Metric } from 'folkmoot'
import * as opentelemetry from 'folkmoot/metrics/opentelemetry'
import * as prometheus from 'folkmoot/metrics/prometheus'
import { pino } from 'pino'
import { Counter, Registry } from 'prom-client'

async function lone(t: TestContext, options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = await Cluster.create({ nodeName: 'lone', bind: '127.0.0.1:0', threads: 'none', ...options })
  t.after(() => cluster.shutdown())
  return cluster
}

test('prom-client: counters, gauges and whole histograms beside metrics of the host', async (t) => {
  const cluster = await lone(t, { metricLabels: { service: 'a "quoted" one' } })
  const registry = new Registry()
  new Counter({ name: 'hosts_own_total', help: 'of the host', registers: [registry] }).inc()
  const stop = await prometheus.registerMetrics(cluster, registry)
  for (let i = 0; i < 3; i++) await cluster.userEvent('deploy', 'x')
  await registry.metrics()
  const text = await registry.metrics()
  assert.match(text, /# HELP hosts_own_total of the host\n# TYPE hosts_own_total counter\nhosts_own_total 1/)
  assert.match(
    text,
    /# HELP folkmoot_members \w+ [^\n]+\n# TYPE folkmoot_members gauge\nfolkmoot_members\{service="a \\"quoted\\" one",actor="gossip"\} 1\n/,
  )
  assert.match(text, /serf_events_total\{[^}]*actor="gossip"[^}]*\} 3\n/)
  // Each histogram is there, with buckets and count.
  const metrics = await cluster.metrics()
  const histograms = metrics.filter(({ type }) => type === 'histogram')
  assert.ok(histograms.length > 0)
  for (const { name } of histograms) {
    const plain = name.replaceAll(/\W/g, '_')
    const buckets = [...text.matchAll(new RegExp(`^${plain}_bucket\\{.*le="([^"]+)".*\\} (\\d+)$`, 'gm'))]
    const [, count] = text.match(new RegExp(`^${plain}_count\\{.*\\} (\\d+)$`, 'm')) ?? []
    assert.ok(count !== undefined && buckets.length > 0, name)
  }
  const json = await registry.getMetricsAsJSON()
  assert.equal(new Set(json.map(({ name }) => name)).size, json.length)
  assert.equal(json.length, new Set(metrics.map(({ name }) => name)).size + 1, 'each once')
  await cluster.shutdown()
  assert.match(await registry.metrics(), /hosts_own_total 1/, 'a closed cluster does not break a scrape')
  stop()
  assert.equal((await registry.metrics()).includes('folkmoot'), false)
})

test('the buckets of a histogram count what is below them too, up to its count', async () => {
  const buckets = [
    { atMost: 1, count: 2 },
    { atMost: 5, count: 3 },
    { atMost: Number.POSITIVE_INFINITY, count: 1 },
  ]
  const values = [{ labels: {}, count: 6, sum: 20, min: 1, max: 9, p50: 3, p90: 8, p99: 9, buckets }]
  const registry = new Registry()
  const metrics = async () => [{ name: 'took', type: 'histogram' as const, help: 'h', values }]
  await prometheus.registerMetrics({ metrics }, registry)
  const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith('took'))
  assert.deepEqual(lines, [
    'took_bucket{le="1"} 2',
    'took_bucket{le="5"} 5',
    'took_bucket{le="+Inf"} 6',
    'took_sum 20',
    'took_count 6',
  ])
})

test('one scrape is one look at the actors', async () => {
  let looks = 0
  const values = [{ labels: { actor: 'gossip' }, value: 1 }]
  const metrics = async () => {
    looks += 1
    await new Promise((resolve) => setImmediate(resolve))
    return ['a', 'b', looks > 1 ? 'late' : 'c'].map((name) => ({
      name,
      type: 'gauge' as const,
      help: 'h',
      values,
    }))
  }
  const registry = new Registry()
  await prometheus.registerMetrics({ metrics }, registry)
  await registry.metrics()
  assert.equal(looks, 2)
  const text = await registry.metrics()
  assert.equal(looks, 3)
  assert.match(text, /late\{actor="gossip"\} 1/)
  assert.doesNotMatch(text, /^c\{/m, 'what is no more has no value')
})

test('OpenTelemetry: what its SDK collects is what the cluster says', async (t) => {
  const cluster = await lone(t, { metricLabels: { service: 'a' } })
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const provider = new MeterProvider({ readers: [reader] })
  t.after(() => provider.shutdown())
  const looks: Metric[][] = []
  const watched = {
    metrics: async () => {
      const metrics = await cluster.metrics()
      looks.push(metrics)
      return metrics
    },
  }
  const meter = provider.getMeter('test')
  const added = t.mock.method(meter, 'addBatchObservableCallback')
  const removed = t.mock.method(meter, 'removeBatchObservableCallback')
  const callbacks = () =>
    added.mock.callCount() - removed.mock.calls.filter(({ arguments: [, of] }) => of.length > 0).length
  const stop = await opentelemetry.registerMetrics(watched, meter)
  for (let i = 0; i < 3; i++) await cluster.userEvent('deploy', 'x')
  await reader.forceFlush()
  exporter.reset()
  await reader.forceFlush()
  const collected = exporter.getMetrics()[0].scopeMetrics.flatMap(({ metrics }) => metrics)
  const of = (name: string) => collected.find(({ descriptor }) => descriptor.name === name)
  const members = of('folkmoot.members')?.dataPoints.map(({ attributes, value }) => [attributes, value])
  assert.deepEqual(members?.[0], [{ service: 'a', actor: 'gossip' }, 1])
  assert.ok(of('serf.events')?.dataPoints.some(({ value }) => value === 3))
  // What came up since the look before is told by the next.
  const [known, told] = looks.slice(-2)
  const histograms = told.filter(
    ({ name, type }) => type === 'histogram' && known.some((one) => one.name === name),
  )
  assert.ok(histograms.length > 0)
  for (const { name, values, help } of histograms) {
    const [count, sum] = [of(`${name}.count`), of(`${name}.sum`)]
    assert.ok(count?.dataPointType === DataPointType.SUM && count.isMonotonic)
    assert.equal(count.descriptor.description, help)
    for (const [i, value] of values.entries()) {
      assert.ok('count' in value)
      assert.deepEqual([count?.dataPoints[i].value, sum?.dataPoints[i].value], [value.count, value.sum], name)
    }
    assert.equal(of(`${name}.quantile`)?.dataPoints.length, 5 * values.length, name)
  }
  const before = looks.length
  await reader.forceFlush()
  assert.equal(looks.length, before + 1)
  assert.equal(of('folkmoot.members')?.dataPointType, DataPointType.GAUGE)
  assert.equal(of('serf.events')?.dataPointType, DataPointType.SUM)
  assert.equal(callbacks(), 1, 'whatever instruments came since')
  stop()
  assert.equal(callbacks(), 0)
  await reader.forceFlush()
  assert.equal(looks.length, before + 1)
})

test('a look that is under way when it ends registers nothing any more', async () => {
  let look: (metrics: Metric[]) => void = () => undefined
  const found = (name: string): Metric[] => [{ name, type: 'gauge', help: '', values: [] }]
  const late = {
    metrics: () => new Promise<Metric[]>((resolve) => (look = resolve)),
  }
  const registry = new Registry()
  const registering = prometheus.registerMetrics(late, registry)
  look(found('one'))
  const stop = await registering
  const scrape = registry.metrics()
  await new Promise((resolve) => setImmediate(resolve))
  stop()
  look(found('two'))
  assert.match(await scrape, /# HELP one one\n/)
  assert.deepEqual(await registry.getMetricsAsJSON(), [])
})

test('pino is a logger', async (t) => {
  const lines: { level: number; msg: string; from: string }[] = []
  const logger = pino({ level: 'debug' }, { write: (line: string) => lines.push(JSON.parse(line)) })
  const cluster = await lone(t, {
    bind: '0.0.0.0:0',
    advertise: '127.0.0.1',
    logger: logger.child({ from: 'folkmoot' }),
    threads: 'one',
  })
  // Bound to more than loopback without a key: that is warned of.
  while (!lines.some(({ level }) => level >= 40)) await new Promise((resolve) => setTimeout(resolve, 10))
  await cluster.shutdown()
  assert.ok(lines.every(({ msg, from }) => typeof msg === 'string' && msg.length > 0 && from === 'folkmoot'))
})

test('diagnostics channels carry events as long as somebody subscribes, and cost nothing else', async (t) => {
  const cluster = await lone(t)
  const heard: unknown[] = []
  const hear = (message: unknown) => heard.push(message)
  await cluster.userEvent('before', 'x')
  await new Promise((resolve) => setTimeout(resolve, 50))
  subscribe('folkmoot:user-event', hear)
  t.after(() => unsubscribe('folkmoot:user-event', hear))
  await cluster.userEvent('deploy', 'x')
  while (heard.length < 1) await new Promise((resolve) => setTimeout(resolve, 5))
  const [message] = heard
  assert.equal(Reflect.get(Object(message), 'cluster'), cluster)
  const event = Reflect.get(Object(message), 'event')
  assert.equal(event.name, 'deploy')
  assert.equal(cluster.listenerCount('user-event'), 0)
  unsubscribe('folkmoot:user-event', hear)
  const told = once(cluster, 'user-event')
  await cluster.userEvent('after', 'x')
  await told
  assert.equal(heard.length, 1)
})
