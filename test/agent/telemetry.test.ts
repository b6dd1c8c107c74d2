/** Where the agent's metrics go: statsd and statsite as they receive them, the dump beside that of a real agent, Prometheus by a parser of its format. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import parsePrometheus from 'parse-prometheus-text-format'
import { Meters } from '../../src/agent/meters.ts'
import { Readings } from '../../src/agent/readings.ts'
import { packets, sinkLines } from '../../src/agent/sinks.ts'
import type { Metric } from '../../src/cluster/metrics.ts'
import { eventually, freePort, freshIp, withoutSerf } from '../interop/serf-agent.ts'
import { AgentProcess } from './processes.ts'

const patience = { within: 40_000 }

function configFile(settings: Record<string, unknown>): string {
  const file = join(mkdtempSync(join(tmpdir(), 'folkmoot-telemetry-')), 'a.json')
  writeFileSync(file, JSON.stringify(settings))
  return file
}

const LINE = /^serf-agent\.[^\s:|@]+:-?\d+\.\d{6}\|(c|g|ms)$/

/** All lines of one metric, as numbers. */
function valuesOf(lines: readonly string[], name: string): number[] {
  return lines
    .filter((line) => line.startsWith(`serf-agent.${name}:`))
    .map((line) => Number(/:([\d.]+)\|/.exec(line)?.[1]))
}
const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0)

describe('telemetry', { concurrency: 4 }, () => {
  test('statsd by UDP and statsite by TCP are told the same lines: counts since the last, samples, gauges of this host', async (t) => {
    const udp = createSocket('udp4')
    udp.bind(0, '127.0.0.1')
    await once(udp, 'listening')
    t.after(() => udp.close())
    const byUdp: string[] = []
    let largest = 0
    udp.on('message', (packet: Buffer) => {
      largest = Math.max(largest, packet.length)
      byUdp.push(...packet.toString().trimEnd().split('\n'))
    })
    const tcp = createServer((socket) =>
      socket.setEncoding('utf8').on('data', (text: string) => (streamed += text)),
    )
    let streamed = ''
    tcp.listen(0, '127.0.0.1')
    await once(tcp, 'listening')
    t.after(() => tcp.close())
    const portOf = (address: string | AddressInfo | null) => (typeof address === 'object' ? address?.port : 0)
    const settings = {
      statsd_addr: `127.0.0.1:${udp.address().port}`,
      statsite_addr: `localhost:${portOf(tcp.address())}`,
      event_handlers: ['user=sleep 0.3; exit 0'],
    }
    const agent = await AgentProcess.start(t, 'ours', 'n1', [
      '-profile=local',
      `-config-file=${configFile(settings)}`,
    ])
    for (let i = 0; i < 3; i++)
      assert.equal((await agent.command('ours', 'event', '-coalesce=false', 'x:y z')).exit, 0)
    const byTcp = () => streamed.split('\n').slice(0, -1)
    const script = 'agent.invoke.sleep_0.3;_exit_0'
    for (const lines of [() => byUdp, byTcp]) {
      await eventually('three events', () => sum(valuesOf(lines(), 'serf.events')) === 3, patience)
      await eventually('a run', () => valuesOf(lines(), script).length > 0, patience)
      for (const line of lines()) assert.match(line, LINE)
      assert.equal(sum(valuesOf(lines(), 'serf.events.x_y_z')), 3, 'names with blanks and colons')
      assert.equal(sum(valuesOf(lines(), 'agent.ipc.accept')), 3)
      assert.equal(sum(valuesOf(lines(), 'agent.ipc.command')), 6)
      for (const took of valuesOf(lines(), script)) assert.ok(took >= 300 && took < 30_000, `${took} ms`)
      const [alive] = valuesOf(lines(), `${hostname()}.memberlist.node.instances.alive`)
      assert.equal(alive, 1)
      assert.ok(valuesOf(lines(), `${hostname()}.runtime.sys_bytes`)[0] > 1e6)
    }
    assert.ok(largest > 0 && largest <= 1_400, `a packet of ${largest} bytes`)
  })

  test('a sink that takes nothing, and one that comes late, cost the agent nothing', async (t) => {
    const deaf = createServer((socket) => socket.pause())
    deaf.listen(0, '127.0.0.1')
    await once(deaf, 'listening')
    const address = deaf.address()
    const place = typeof address === 'object' && address !== null ? address.port : 0
    const port = await freePort('127.0.0.1')
    const [slow, lonely] = await Promise.all([
      AgentProcess.start(t, 'ours', 'n1', [
        `-config-file=${configFile({ statsite_addr: `127.0.0.1:${place}` })}`,
      ]),
      AgentProcess.start(t, 'ours', 'n2', [
        `-config-file=${configFile({ statsite_addr: `127.0.0.1:${port}`, statsd_addr: 'nobody.invalid:8125' })}`,
      ]),
    ])
    for (const agent of [slow, lonely]) assert.match((await agent.command('ours', 'members')).stdout, /alive/)
    let heard = ''
    const late = createServer((socket) => socket.on('data', (bytes) => (heard += bytes.toString())))
    late.listen(port, '127.0.0.1')
    t.after(() => {
      late.close()
      deaf.close()
    })
    await eventually('lines for who came late', () => heard.includes('|g\n'), patience)
    for (const agent of [slow, lonely]) {
      agent.child.kill('SIGINT')
      assert.equal(await agent.ended(), 0)
    }
  })

  /** The form of a dump's line: what is a number is «0», what is a time is «T». */
  function formOf(line: string): string {
    return line
      .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?/g, 'T')
      .replace(/m=\+\d+\.\d{9}/, 'M')
      .replace(/'[^']*'/, "'N'")
      .replace(/-?\d+\.\d{3}\b/g, '0.000')
      .replace(/Count: \d+/, 'Count: 0')
  }

  test('SIGUSR1 writes whole intervals of ten seconds in the form of a real agent, under its names', {
    skip: withoutSerf,
  }, async (t) => {
    const handler = '-event-handler=user=true'
    const [ours, real] = await Promise.all([
      AgentProcess.start(t, 'ours', 'n1', ['-profile=local', handler]),
      AgentProcess.start(t, 'real', 'n2', ['-profile=local', handler]),
    ])
    const dumps = new Map<AgentProcess, string[]>()
    for (const agent of [ours, real]) {
      const lines: string[] = []
      dumps.set(agent, lines)
      agent.child.stderr?.on('data', (text: string) => lines.push(...text.trimEnd().split('\n')))
      for (let i = 0; i < 2; i++) await agent.command('ours', 'event', '-coalesce=false', 'x y')
    }
    ours.child.kill('SIGUSR1')
    for (const [agent, lines] of dumps) {
      await eventually(
        'an interval that is over',
        () => {
          agent.child.kill('SIGUSR1')
          // The two may fall on both sides of an interval's end.
          const told = new Set(lines.filter((line) => line.includes("'serf-agent.serf.events.x_y': Count: ")))
          return sum([...told].map((line) => Number(/Count: (\d+)/.exec(line)?.[1]))) === 2
        },
        { within: 40_000, every: 1_000 },
      )
    }
    const forms = (agent: AgentProcess) => new Set((dumps.get(agent) ?? []).map(formOf))
    // The short form is for samples that are all alike, of which a real agent need not have any.
    const allowed = forms(real).add("[T +0000 UTC][S] 'N': Count: 0 Sum: 0.000 LastUpdated: T +0000 UTC M")
    assert.ok(allowed.size >= 4, [...allowed].join('\n'))
    for (const form of forms(ours)) assert.ok(allowed.has(form), form)
    const names = (agent: AgentProcess) =>
      new Set((dumps.get(agent) ?? []).map((line) => /'(.*)'/.exec(line)?.[1] ?? ''))
    const said = names(ours)
    // What describes Go's runtime has no counterpart here.
    const missing = [...names(real)].filter(
      (name) => !said.has(name) && !name.startsWith('serf-agent.runtime.'),
    )
    assert.deepEqual(missing, [])
    assert.ok(
      dumps.get(ours)?.every((line) => /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d0 \+0000 UTC\]/.test(line)),
      'whole tens of seconds',
    )
  })

  const bound = (le: string) => (le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le))

  function fetched(url: string, method = 'GET'): Promise<{ status: number; body: string; type: string }> {
    return new Promise((resolve, reject) => {
      get(url, { method, agent: false }, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (text: string) => (body += text))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body, type: response.headers['content-type'] ?? '' }),
        )
      }).on('error', reject)
    })
  }

  test('HTTP: metrics that a parser takes, health, readiness with -expect, on loopback unless told otherwise', async (t) => {
    const port = await freePort('127.0.0.1')
    const script = 'echo "a\\b" # {}'
    const agent = await AgentProcess.start(t, 'ours', 'n1', [
      '-profile=local',
      '-expect=2',
      `-http-addr=:${port}`,
      `-event-handler=member-join=${script}`,
    ])
    const at = (path: string, method?: string) => fetched(`http://127.0.0.1:${port}${path}`, method)
    assert.deepEqual(
      [(await at('/healthz')).status, JSON.parse((await at('/healthz')).body)],
      [200, { state: 'alive' }],
    )
    const early = await at('/readyz')
    assert.deepEqual(
      [early.status, JSON.parse(early.body)],
      [503, { ready: false, state: 'alive', alive: 1, expect: 2 }],
    )
    assert.deepEqual([(await at('/nowhere')).status, (await at('/metrics', 'POST')).status], [404, 405])
    await assert.rejects(fetched(`http://${agent.ip}:${port}/healthz`), /ECONNREFUSED/)

    const { body, type } = await eventually(
      'a run of the handler',
      async () => {
        const answer = await at('/metrics?x=y')
        return answer.body.includes('agent_invoke') && answer
      },
      patience,
    )
    assert.match(type, /^text\/plain; version=0\.0\.4/)
    const families = parsePrometheus(body)
    const byName = new Map(families.map((family) => [family.name, family]))
    assert.equal(byName.size, families.length, 'each family once')
    assert.equal(byName.get('memberlist_node_instances')?.type, 'GAUGE')
    const alive = byName
      .get('memberlist_node_instances')
      ?.metrics.find(({ labels }) => labels?.node_state === 'alive')
    assert.equal(alive?.value, '1')
    assert.equal(byName.get('serf_member_join_total')?.type, 'COUNTER')
    // The parser puts histograms of all labels together: one without others is judged.
    const gossip = byName.get('memberlist_gossip')
    assert.equal(gossip?.type, 'HISTOGRAM')
    const buckets = gossip.metrics.find((metric) => metric.buckets !== undefined)?.buckets ?? {}
    const byBound = Object.entries(buckets).sort(([one], [other]) => bound(one) - bound(other))
    const below = byBound.map(([, counted]) => Number(counted))
    assert.deepEqual(
      below,
      below.toSorted((one, other) => one - other),
      'buckets count what is below them',
    )
    assert.ok(below.length > 1)
    const [, count] = /^memberlist_gossip_count\{actor="gossip"\} (\d+)$/m.exec(body) ?? []
    assert.equal(buckets['+Inf'], count)
    assert.match(body, /^memberlist_gossip_sum\{actor="gossip"\} [\d.]+$/m)
    assert.equal(byName.get('agent_invoke')?.type, 'HISTOGRAM')
    assert.ok(
      body.includes(
        `agent_invoke_count{script="${script.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"} 1\n`,
      ),
    )
    for (const { name, metrics } of families) assert.ok(metrics.length > 0, name)

    await AgentProcess.start(t, 'ours', 'n2', ['-profile=local', `-join=${agent.ip}`])
    await eventually('ready with two', async () => (await at('/readyz')).status === 200, patience)
  })

  test('three hundred silent HTTP clients keep nobody waiting and are let go', async (t) => {
    const ip = freshIp()
    const port = await freePort(ip)
    await AgentProcess.start(t, 'ours', 'n1', [`-http-addr=${ip}:${port}`])
    const silent: Socket[] = []
    for (let i = 0; i < 300; i++) silent.push(connect({ host: ip, port }).on('error', () => undefined))
    t.after(() => {
      for (const socket of silent) socket.destroy()
    })
    await eventually(
      'served',
      async () => (await fetched(`http://${ip}:${port}/healthz`).catch(() => undefined))?.status === 200,
      patience,
    )
  })

  test('actors that count under one name of ours stay apart; one of the original is one number; a restart is no loss', () => {
    const counter = (name: string, values: [string, number][]): Metric => ({
      name,
      type: 'counter',
      help: '',
      values: values.map(([actor, value]) => ({ labels: { actor }, value })),
    })
    const readings = new Readings('host')
    const told = (metrics: Metric[]) => sinkLines(readings.of(metrics))
    const first = [
      counter('folkmoot.turns', [
        ['gossip', 3],
        ['detector', 100],
      ]),
      counter('memberlist.tcp.sent', [
        ['gossip', 10],
        ['detector', 5],
      ]),
    ]
    assert.deepEqual(told(first), [
      'serf-agent.folkmoot.turns.gossip:3.000000|c\n',
      'serf-agent.folkmoot.turns.detector:100.000000|c\n',
      'serf-agent.memberlist.tcp.sent:15.000000|c\n',
    ])
    assert.deepEqual(told(first), [])
    assert.deepEqual(told([counter('folkmoot.turns', [['gossip', 2]])]), [
      'serf-agent.folkmoot.turns.gossip:2.000000|c\n',
    ])
    assert.deepEqual(
      told([{ name: 'g', type: 'gauge', help: '', values: [{ labels: { zone: 'a b' }, value: 1.5 }] }]),
      ['serf-agent.host.g.a_b:1.500000|g\n'],
    )
  })

  test('samples are those since the last look, with bounds and spread as fine as their buckets', () => {
    const meters = new Meters()
    const readings = new Readings('')
    const look = () => readings.of(meters.metrics()).find(({ kind }) => kind === 'samples')
    for (const ms of [1, 1, 3, 100]) meters.ran('x', ms)
    const first = look()
    assert.ok(first?.kind === 'samples')
    assert.deepEqual([first.value.count, first.value.sum, first.value.min, first.value.max], [4, 105, 1, 100])
    assert.ok(first.value.deviation > 30 && first.value.deviation < 60, String(first.value.deviation))
    meters.ran('x', 50)
    assert.deepEqual(look()?.value, { count: 1, sum: 50, min: 50, max: 50, deviation: 0 })
    assert.equal(look(), undefined)
  })

  test('packets hold whole lines and at most so many bytes, characters of several bytes counted in', () => {
    const lines = Array.from({ length: 40 }, (_, i) => `${'ä'.repeat(20)}${i}\n`)
    const filled = packets(lines, 100)
    assert.equal(filled.join(''), lines.join(''))
    for (const packet of filled) assert.ok(Buffer.byteLength(packet) <= 100)
  })
})
