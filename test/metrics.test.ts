/** Histograms and the metrics snapshot. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Cluster } from 'folkmoot'
import { Counters, flatten } from '../src/actors/counters.ts'
import { Histogram, merged, quantile } from '../src/actors/histogram.ts'
import { metricsOf } from '../src/cluster/metrics.ts'

test('a quantile is never too low and too high by a fifth at most; count, sum, least and greatest are exact', () => {
  const values = fc.array(fc.double({ min: 0.001, max: 1_000_000, noNaN: true }), {
    minLength: 1,
    maxLength: 200,
  })
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (list, q) => {
      const histogram = new Histogram()
      for (const value of list) histogram.record(value)
      const state = histogram.state()
      const sorted = list.toSorted((a, b) => a - b)
      const exact = sorted[Math.max(1, Math.ceil(q * list.length)) - 1]
      const told = quantile(state, q)
      assert.ok(told >= exact && told <= exact * 1.2, `${told} for ${exact}`)
      assert.equal(state.count, list.length)
      assert.deepEqual([state.min, state.max], [sorted[0], sorted.at(-1)])
      assert.ok(Math.abs(state.sum - list.reduce((sum, value) => sum + value, 0)) < 1e-6 * state.sum)
    }),
  )
})

test('values beyond the buckets and values that are none are kept in the outer buckets', () => {
  const histogram = new Histogram()
  for (const value of [0, -3, Number.NaN, 1e-9, 2 ** 40]) histogram.record(value)
  const state = histogram.state()
  assert.deepEqual([state.counts[0], state.counts.at(-1)], [4, 1])
  assert.equal(quantile(state, 1), 2 ** 40)
  assert.equal(quantile(new Histogram().state(), 0.5), 0)
})

test('two histograms together are one that recorded all', () => {
  const values = fc.array(fc.integer({ min: 0, max: 1_000_000 }))
  fc.assert(
    fc.property(values, values, (one, other) => {
      const record = (list: number[]) => {
        const histogram = new Histogram()
        for (const value of list) histogram.record(value)
        return histogram.state()
      }
      assert.deepEqual(merged(record(one), record(other)), record([...one, ...other]))
    }),
  )
})

test('counters, gauges and histograms become typed metrics with labels; drops are one metric by reason', () => {
  const detector = new Counters()
  detector.add('drop.ping', 2)
  detector.add('drop.ack')
  detector.add('memberlist.udp.sent', 100)
  for (const ms of [1, 2, 4]) detector.observe('memberlist.probeNode', ms)
  const gossip = new Counters()
  gossip.add('drop.ack', 5)
  const gauges = { members: 3, 'memberlist.node.instances{node_state=alive}': 2 }
  const metrics = metricsOf(
    new Map([
      ['detector', detector.report({})],
      ['gossip', gossip.report(gauges)],
    ]),
    { pool: 'p' },
  )
  const of = (actor: string, labels = {}) => ({ pool: 'p', actor, ...labels })
  assert.deepEqual(
    metrics.map(({ name, type, values }) => ({ name, type, values })),
    [
      {
        name: 'folkmoot.drop',
        type: 'counter',
        values: [
          { labels: of('detector', { reason: 'ping' }), value: 2 },
          { labels: of('detector', { reason: 'ack' }), value: 1 },
          { labels: of('gossip', { reason: 'ack' }), value: 5 },
        ],
      },
      { name: 'folkmoot.members', type: 'gauge', values: [{ labels: of('gossip'), value: 3 }] },
      {
        name: 'memberlist.node.instances',
        type: 'gauge',
        values: [{ labels: of('gossip', { node_state: 'alive' }), value: 2 }],
      },
      {
        name: 'memberlist.probeNode',
        type: 'histogram',
        values: [
          {
            labels: of('detector'),
            count: 3,
            sum: 7,
            min: 1,
            max: 4,
            p50: 2,
            p90: 4,
            p99: 4,
            buckets: [
              { atMost: 1, count: 1 },
              { atMost: 2, count: 1 },
              { atMost: 4, count: 1 },
            ],
          },
        ],
      },
      { name: 'memberlist.udp.sent', type: 'counter', values: [{ labels: of('detector'), value: 100 }] },
    ],
  )
  assert.ok(metrics.every(({ help }) => help !== ''))
  assert.equal(flatten(detector.report({}))['memberlist.probeNode.p50'], 2)
})

test('a member gives its metrics, each with its actor and the labels of the option', async (t) => {
  const cluster = await Cluster.create({
    bind: '127.0.0.1:0',
    threads: 'none',
    metricLabels: { pool: 'lan' },
  })
  t.after(() => cluster.shutdown())
  const metrics = await cluster.metrics()
  const members = metrics.find(({ name }) => name === 'folkmoot.members')
  assert.equal(members?.type, 'gauge')
  assert.deepEqual(members?.values, [
    { labels: { pool: 'lan', actor: 'gossip' }, value: 1 },
    { labels: { pool: 'lan', actor: 'dispatch' }, value: 1 },
  ])
  assert.deepEqual(
    metrics.map(({ name }) => name),
    metrics.map(({ name }) => name).sort(),
  )
})
