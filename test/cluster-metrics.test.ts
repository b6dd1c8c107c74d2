/**
 * Serf's metrics by their names (protocol page 2, section 6.6): two members do everything that is counted, and the names that `metrics()` then
 * shows are exactly these. Where Serf puts a name from outside into a metric's own, ours is a label with a bound.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Cluster, type Metric } from '../src/index.ts'
import { LoneGossip } from './gossip/lone-gossip.ts'
import { until } from './hostile-tools.ts'

/** The page's table: samples and timers are histograms. */
const SERF: Record<string, Metric['type']> = {
  'serf.coordinate.adjustment-ms': 'histogram',
  'serf.events': 'counter',
  'serf.events.name': 'counter',
  'serf.member.failed': 'counter',
  'serf.member.flap': 'counter',
  'serf.member.join': 'counter',
  'serf.member.left': 'counter',
  'serf.member.update': 'counter',
  'serf.msgs.received': 'histogram',
  'serf.msgs.sent': 'histogram',
  'serf.queries': 'counter',
  'serf.queries.name': 'counter',
  'serf.query_acks': 'counter',
  'serf.query_duplicate_acks': 'counter',
  'serf.query_duplicate_responses': 'counter',
  'serf.query_responses': 'counter',
  'serf.snapshot.appendLine': 'histogram',
  'serf.snapshot.compact': 'histogram',
}
/** Looked at every half minute, which is shown in virtual time. */
const SAMPLED = ['serf.queue.Event', 'serf.queue.Intent', 'serf.queue.Query']
/** Only a peer that lies, or a clock that is too coarse, brings these about: `detector/coordinate.test.ts`. */
const RARE = ['serf.coordinate.rejected', 'serf.coordinate.zero-rtt']

test("metrics() shows Serf's names and no others that look like them, each with a word about it", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'folkmoot-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const options = {
    profile: 'local',
    threads: 'none',
    probeInterval: 50,
    probeTimeout: 25,
    suspicionMult: 1,
  } as const
  const start = async (nodeName: string, more: object = {}) => {
    const cluster = await Cluster.create({ nodeName, bind: '127.0.0.1:0', ...options, ...more })
    t.after(() => cluster.shutdown())
    return cluster
  }
  // A file that is damaged is replaced, as one that has grown too long is.
  writeFileSync(join(folder, 'snapshot'), 'clock: many\n')
  const one = await start('one', { snapshotPath: join(folder, 'snapshot') })
  const place = (cluster: Cluster) => `${cluster.localMember().address}:${cluster.localMember().port}`
  const two = await start('two')
  const bind = place(two)
  await two.join([place(one)])
  await two.setTags({ role: 'b' })
  for (const cluster of [one, two]) cluster.on('query', (query) => query.respond('x'))
  // Over the other as a relay every answer comes twice.
  for (let i = 0; i < 3; i++) {
    const query = one.query('q', '', { requestAck: true, relayFactor: 1, timeout: 1_000 })
    await query.finished
  }
  const heard = once(one, 'user-event')
  await two.userEvent('deploy', 'y'.repeat(300))
  await heard
  await two.shutdown()
  await until(() => one.member('two')?.status === 'failed', 'two has failed')
  const again = await start('two', { bind })
  await again.join([place(one)])
  await until(() => one.member('two')?.status === 'alive', 'two is back')
  await again.leave()
  await until(() => one.member('two')?.status === 'left', 'two has left')
  const metrics = (await one.metrics()).filter(({ name }) => name.startsWith('serf.'))
  const shown = Object.fromEntries(metrics.map(({ name, type }) => [name, type]))
  for (const name of RARE) delete shown[name]
  assert.deepEqual(shown, SERF)
  assert.deepEqual(
    metrics.filter(({ help }) => help === ''),
    [],
  )
  const sent = metrics.find(({ name }) => name === 'serf.msgs.sent')
  assert.ok(sent?.type === 'histogram')
  // A join intent, the shortest of all, has 13 bytes and its name (section 8).
  assert.ok(sent.values[0].min >= 13 && sent.values[0].max < 1_024, JSON.stringify(sent.values[0]))
})

test("the depths of the queues are sampled under Serf's names every half minute", () => {
  const lone = new LoneGossip()
  lone.advance(29_000)
  const sampled = () =>
    Object.keys(lone.stats())
      .filter((name) => /^serf\.queue\.\w+\.count$/.test(name))
      .map((name) => name.replace('.count', ''))
      .sort()
  assert.deepEqual(sampled(), [])
  lone.advance(6_000)
  assert.deepEqual(sampled(), SAMPLED)
})
