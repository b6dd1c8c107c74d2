/**
 * The packed package on the other versions of Node it is for, from the binaries that the registry has: in CI, and elsewhere when
 * FOLKMOOT_NODES is set: the oldest that it says it runs on, and the newer lines. Members in every placement, typed events and queries, metrics in a
 * registry and in a meter, a simulation, an agent's command line, and a wire round trip.
 */
import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { consumer, folderIn, kept, root, run, withoutRegistry } from './workshop.ts'

const isAsked = process.env.CI !== undefined || process.env.FOLKMOOT_NODES !== undefined
const skip = isAsked
  ? await withoutRegistry()
  : 'other versions of Node are tried in CI, or with FOLKMOOT_NODES set'

/** What a host has beside the package: as the lock file of this repository has it. */
const COMPANIONS = ['prom-client', '@opentelemetry', 'zod']

const PROGRAM = `import { InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { Cluster, InvalidPayload, typed } from 'folkmoot'
import * as opentelemetry from 'folkmoot/metrics/opentelemetry'
import * as prometheus from 'folkmoot/metrics/prometheus'
import { simulate } from 'folkmoot/simulator'
import { decodePacket, encodeTree } from 'folkmoot/wire'
import { Registry } from 'prom-client'
import { z } from 'zod'

for (const threads of ['per-actor', 'one', 'none']) {
  const create = (nodeName) => Cluster.create({ nodeName, profile: 'local', bind: '127.0.0.1:0', threads, encryptionKeys: [Buffer.alloc(32, 7)] })
  const [one, two] = await Promise.all([create('one'), create('two')])
  await two.join([\`127.0.0.1:\${one.localMember().port}\`])
  two.on('query', (query) => query.respond('here'))
  const { how } = await one.query('where', undefined, { nodes: ['two'], timeout: 30_000 }).finished
  await two.leave()
  await Promise.all([one.shutdown(), two.shutdown()])
  console.log(threads, how)
}

const cluster = await Cluster.create({ nodeName: 'typist', bind: '127.0.0.1:0' })
const pool = typed(cluster, {
  events: { install: z.object({ version: z.string() }) },
  queries: { load: { request: z.object({ minutes: z.number() }), response: z.number() } },
})
const installed = new Promise((resolve) => pool.onEvent('install', ({ value }) => resolve(value.version)))
pool.onQuery('load', ({ value }) => value.minutes * 2)
await pool.userEvent('install', { version: '1.2.3' })
const { answers } = await (await pool.query('load', { minutes: 15 })).finished
const wrong = await pool.userEvent('install', { version: 7 }).catch((error) => error)
console.log('typed', await installed, answers[0].value, wrong instanceof InvalidPayload, wrong.name)

const registry = new Registry()
const exporter = new InMemoryMetricExporter(0)
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 })
const provider = new MeterProvider({ readers: [reader] })
const stops = [await prometheus.registerMetrics(cluster, registry), await opentelemetry.registerMetrics(cluster, provider.getMeter('folkmoot'))]
const scraped = await registry.metrics()
await reader.forceFlush()
const [{ scopeMetrics: [scope] }] = exporter.getMetrics()
const observed = scope.metrics.find(({ descriptor }) => descriptor.name === 'folkmoot.members')
console.log('metrics', /folkmoot_members\\{.*\\} (\\d+)/.exec(scraped)[1], observed.dataPoints[0].value)
for (const stop of stops) stop()
await provider.shutdown()
await cluster.shutdown()

const sim = await simulate({ nodes: 3 })
sim.partition([sim.nodes[0]])
await sim.until(() => sim.nodes[0].cluster.members({ status: 'failed' }).length === 2)
console.log('simulated', sim.nodes[0].cluster.members({ status: 'failed' }).map(({ status }) => status).join())
await sim.end()
const ping = { type: 'message', name: 'ping', fields: { Node: 'web-1', SeqNo: 7 } }
console.log(decodePacket(encodeTree(ping)).name, process.version)
`

describe('versions of Node', { concurrency: true, skip: skip !== false }, () => {
  for (const version of ['20.19.0', '22', '24']) {
    test(`Node ${version}`, async (t) => {
      const home = await kept('node', version, async (folder) => {
        await run('npm', ['install', `node@${version}`, '--prefix', folder, '--no-audit', '--no-fund'], {
          cwd: folder,
        })
      })
      const node = join(home, 'node_modules', 'node', 'bin', 'node')
      const folder = folderIn(t, await consumer(), { 'program.mjs': PROGRAM })
      mkdirSync(join(folder, 'node_modules'))
      for (const name of COMPANIONS) {
        symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
      }
      const output = await run(node, ['program.mjs'], { cwd: folder, timeout: 60_000 })
      const lines = output.split('\n')
      assert.deepEqual(lines.slice(0, 6), [
        'per-actor answered',
        'one answered',
        'none answered',
        'typed 1.2.3 30 true InvalidPayload',
        'metrics 1 1',
        'simulated failed,failed',
      ])
      assert.ok(lines[6].startsWith(`ping v${version}`), output)
      const command = join(await consumer(), 'node_modules', 'folkmoot', 'dist', 'workers', 'cli', 'main.js')
      assert.match(await run(node, [command, 'version']), /Agent Protocol/)
    })
  }
})
