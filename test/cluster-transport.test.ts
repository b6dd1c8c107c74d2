/** Members over a transport of the host's own: a whole pool in memory, a module in the actors' threads, and transports that misbehave. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Cluster, type ClusterOptions, type Fate, MemoryNetwork, type Transport } from 'folkmoot'
import { listed } from './interop/pool.ts'
import { eventually } from './interop/serf-agent.ts'

const WHISPERING = new URL('./scripts/whispering.js', import.meta.url).href

async function member(t: TestContext, options: ClusterOptions): Promise<Cluster> {
  const cluster = await Cluster.create({ profile: 'local', ...options })
  t.after(() => cluster.shutdown())
  return cluster
}

/** Five members that know each other, over a network in memory whose fate the test decides. */
async function pool(t: TestContext, fate: (from: string, to: string) => Fate = () => 0) {
  const network = new MemoryNetwork({ fate: ({ from, to }) => fate(from, to) })
  const members: Cluster[] = []
  for (let i = 1; i <= 5; i++) {
    const transport = network.transport(`10.0.0.${i}`)
    const rejoin = { seeds: ['10.0.0.1'], minInterval: 100 }
    // With the two sends of the local profile a member in twenty misses a query, as in any network.
    const options = { nodeName: `m${i}`, transport, rejoin, retransmitMult: 12 }
    members.push(await member(t, { threads: 'none', ...options }))
  }
  for (const one of members) {
    await eventually('five are alive', () => one.members({ status: 'alive' }).length === 5, {
      within: 40_000,
    })
  }
  return members
}

test('two that join in memory know each other at once', async (t) => {
  const network = new MemoryNetwork()
  const one = await member(t, { nodeName: 'one', threads: 'none', transport: network.transport('fd00::1') })
  const two = await member(t, { nodeName: 'two', threads: 'none', transport: network.transport('fd00::2') })
  const { reached } = await two.join(['[fd00::1]:7946'])
  assert.equal(reached, 1)
  assert.equal(two.member('one')?.status, 'alive')
  await assert.rejects(one.join(['[fd00::3]:7946']), /nobody listens at fd00::3:7946/)
})

test('a pool of five in memory: join, events, a query, a failure, a leave, and not one socket', async (t) => {
  const before = sockets()
  let cut = ''
  const members = await pool(t, (from, to) => (from !== to && (from === cut || to === cut) ? 'lost' : 0))
  assert.equal(sockets(), before)
  assert.deepEqual(
    members[4].members().map(({ address, port }) => `${address}:${port}`),
    [1, 2, 3, 4, 5].map((i) => `10.0.0.${i}:7946`),
  )
  const heard: string[] = []
  for (const one of members) {
    one.on('user-event', ({ name, payload }) => heard.push(`${name} ${Buffer.from(payload)}`))
    one.on('query', (query) => query.respond(Buffer.from(one.localMember().name)))
  }
  await members[2].userEvent('deploy', 'v2')
  await eventually('all hear the event', () => heard.length === 5)
  assert.deepEqual([...new Set(heard)], ['deploy v2'])
  const answers: string[] = []
  const asked = members[1].query('who', '', { timeout: 30_000 })
  for await (const { payload } of asked.responses()) answers.push(String(Buffer.from(payload)))
  assert.deepEqual(answers.sort(), ['m1', 'm2', 'm3', 'm4', 'm5'])
  cut = '10.0.0.5'
  await Promise.all(members.slice(0, 4).map((one) => listed(one, 'm5', 'failed', 60_000)))
  cut = ''
  await Promise.all(members.slice(0, 4).map((one) => listed(one, 'm5', 'alive', 60_000)))
  await members[3].leave()
  await members[3].shutdown()
  await Promise.all([0, 1, 2, 4].map((i) => listed(members[i], 'm4', 'left', 40_000)))
})

/** Open sockets of this process. */
function sockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => /UDP|TCP/.test(kind)).length
}

test('a third of all packets lost, and delays of up to 30 ms: five members stay alive', async (t) => {
  // The same dice in every run.
  let dice = 1
  const members = await pool(t, () => {
    dice = (dice * 48_271) % 0x7fff_ffff
    return dice % 3 === 0 ? 'lost' : dice % 30
  })
  const failed: string[] = []
  for (const one of members)
    one.on('member-failed', (event) => failed.push(...event.members.map(({ name }) => name)))
  await members[0].setTags({ role: 'lead' })
  await eventually('all see the tags', () => members.every((one) => one.member('m1')?.tags.role === 'lead'), {
    within: 40_000,
  })
  assert.deepEqual(failed, [])
})

for (const threads of ['per-actor', 'one', 'none'] as const) {
  test(`a transport of a module, with threads ${threads}: those who have it meet, others do not`, async (t) => {
    const options = { bind: '127.0.0.1:0', threads, transport: { module: WHISPERING } }
    const one = await member(t, { nodeName: 'one', ...options })
    const two = await member(t, { nodeName: 'two', ...options })
    const plain = await member(t, { nodeName: 'plain', bind: '127.0.0.1:0', threads: 'none' })
    const { address, port } = one.localMember()
    await assert.rejects(plain.join([`${address}:${port}`]), { code: 'ERR_JOIN_REFUSED' })
    await two.join([`${address}:${port}`])
    const heard = new Promise((resolve) => one.once('user-event', ({ name }) => resolve(name)))
    await two.userEvent('hush')
    assert.equal(await heard, 'hush')
    await eventually('pings are answered through it', async () => {
      const { detector } = await two.stats()
      return detector['probe.acked-direct'] > 0
    })
    assert.equal((await one.stats()).detector['transport.fault'], undefined)
  })
}

test('transports that cannot be are refused by name', async () => {
  const network = new MemoryNetwork()
  const cases: [options: ClusterOptions, message: RegExp][] = [
    [{ transport: network.transport('10.0.0.1') }, /threads 'none'.*does not cross threads/],
    [{ transport: network.transport('10.0.0.1'), threads: 'one' }, /does not cross threads/],
    [{ transport: JSON.parse('{"packets":1}'), threads: 'none' }, /functions packets and streams/],
    [{ transport: { module: 'no url' } }, /URL of a module/],
    [{ transport: { module: new URL('./nowhere.js', WHISPERING).href } }, /nowhere/],
    [{ transport: { module: WHISPERING, export: 'notOne' } }, /notOne is no object/],
    [{ transport: { module: WHISPERING, export: 'notOne' }, threads: 'none' }, /notOne is no object/],
  ]
  for (const [options, message] of cases)
    await assert.rejects(Cluster.create(options), { code: 'ERR_INVALID_OPTION', message })
  assert.throws(() => network.transport('somewhere'), { code: 'ERR_INVALID_ARGUMENT' })
  const elsewhere = { transport: network.transport('10.0.0.1'), bind: '10.0.0.2', threads: 'none' } as const
  await assert.rejects(Cluster.create(elsewhere), { code: 'ERR_BIND_FAILED', message: /10\.0\.0\.2/ })
  await using first = await Cluster.create({ transport: network.transport('10.0.0.1'), threads: 'none' })
  const second = { transport: network.transport('10.0.0.1'), threads: 'none' } as const
  await assert.rejects(Cluster.create(second), { code: 'ERR_BIND_FAILED', message: /taken/ })
  await first.shutdown()
  await using again = await Cluster.create(second)
  assert.equal(again.state, 'alive')
})

/** A transport whose every second call throws, and which tells nonsense. */
function moody(good: Transport): Transport {
  let calls = 0
  const mood = (): void => {
    calls += 1
    if (calls % 2 === 0) throw new Error('not in the mood')
  }
  return {
    ...good,
    packets: (events) => {
      const packets = good.packets(events)
      return {
        bind: (ip, port) => packets.bind(ip, port),
        send: (packet, ip, port, seqNo) => {
          events.packet(packet, 'nowhere', 7946)
          events.unsent(Number.NaN, new Error('what'))
          mood()
          packets.send(packet, ip, port, seqNo)
        },
        close: () => packets.close().then(() => Promise.reject(new Error('never'))),
      }
    },
    streams: (events) => {
      const streams = good.streams(events)
      return {
        listen: (ip, port) => streams.listen(ip, port),
        dial: (stream, ip, port) => {
          events.accepted(-1, ip, port)
          events.data(77, Uint8Array.of(1, 2, 3))
          mood()
          streams.dial(stream, ip, port)
        },
        write: (stream, bytes) => streams.write(stream, bytes),
        end: (stream) => streams.end(stream),
        destroy: (stream) => {
          streams.destroy(stream)
          events.closed(stream, 'too late')
          throw new Error('destroyed')
        },
        close: () => streams.close(),
      }
    },
  }
}

test('a transport that throws at every second call hurts nobody but itself: counted, and warned of', async (t) => {
  const network = new MemoryNetwork()
  const warnings: string[] = []
  const logger = { debug() {}, info() {}, warn: (text: string) => warnings.push(text), error() {} }
  const steady = await member(t, {
    nodeName: 'steady',
    threads: 'none',
    transport: network.transport('10.0.0.1'),
  })
  const odd = await member(t, {
    nodeName: 'odd',
    threads: 'none',
    logger,
    transport: moody(network.transport('10.0.0.2')),
    rejoin: { seeds: ['10.0.0.1'], minInterval: 100 },
  })
  await listed(odd, 'steady', 'alive', 40_000)
  await listed(steady, 'odd', 'alive', 40_000)
  await eventually('both actors count faults', async () => {
    const { detector, gossip } = await odd.stats()
    return detector['transport.fault'] > 0 && gossip['transport.fault'] > 0
  })
  assert.ok(
    warnings.some((text) => text.includes('not in the mood')),
    warnings.join('\n'),
  )
  await odd.shutdown()
})
