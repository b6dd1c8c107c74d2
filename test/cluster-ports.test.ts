/** Port 0: TCP and UDP of a member agree on one port, also when hundreds start at once; and members of both families in one pool. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { type TestContext, test } from 'node:test'
import { Cluster } from 'folkmoot'
import { listed } from './interop/pool.ts'
import { eventually, freshIp, SerfAgent, withoutSerf } from './interop/serf-agent.ts'

test('500 members that start at once on port 0 all have a port of their own', async (t) => {
  const ip = freshIp()
  const members = await Promise.all(
    Array.from({ length: 500 }, (_, i) =>
      Cluster.create({ nodeName: `n${i}`, bind: `${ip}:0`, threads: 'none' }),
    ),
  )
  t.after(() => Promise.all(members.map((member) => member.shutdown())))
  const ports = new Set(members.map((member) => member.localMember().port))
  assert.equal(ports.size, 500)
  assert.ok(!ports.has(0))
})

test('an IPv6 pool with a real agent, and a member of ours for both families', {
  skip: withoutSerf,
}, async (t) => {
  const agent = await SerfAgent.start(t, { name: 'agent', bind: '[::1]:47841' })
  const six = await Cluster.create({ nodeName: 'six', bind: '[::1]:0', profile: 'local' })
  t.after(() => six.shutdown())
  const both = await Cluster.create({ nodeName: 'both', bind: '[::]:0', advertise: '::1', profile: 'local' })
  t.after(() => both.shutdown())
  await six.join(['[::1]:47841'])
  await both.join([`[::1]:${six.localMember().port}`])
  await Promise.all([agent.sees('six', 'alive'), agent.sees('both', 'alive'), listed(six, 'both', 'alive')])
  // Several rounds of probes over IPv6.
  await new Promise((done) => setTimeout(done, 4_000))
  assert.deepEqual(
    (await agent.members()).map(({ status }) => status),
    ['alive', 'alive', 'alive'],
  )
  assert.equal(six.member('agent')?.address, '::1')
})

test('`bind` takes a host name and an interface of this host, and refuses others by name', async (t) => {
  const loopback = Object.entries(networkInterfaces()).find(([, infos]) =>
    infos?.some(({ address }) => address === '127.0.0.1'),
  )
  assert.ok(loopback !== undefined)
  for (const bind of ['localhost:0', `${loopback[0]}:0`]) {
    const logged: string[] = []
    const say = (line: string) => logged.push(line)
    const logger = { debug: say, info: say, warn: say, error: say }
    const cluster = await Cluster.create({ nodeName: 'named', bind, threads: 'none', logger })
    t.after(() => cluster.shutdown())
    assert.equal(cluster.localMember().address, '127.0.0.1')
    assert.ok(
      logged.some((line) => line.includes('binding 127.0.0.1: an address of the')),
      logged.join('\n'),
    )
  }
  await assert.rejects(Cluster.create({ bind: 'nobody.invalid:0' }), {
    code: 'ERR_INVALID_OPTION',
    option: 'bind',
    value: 'nobody.invalid',
  })
})

/** A link-local address of this host with its link. */
function linkLocal(): string | undefined {
  for (const [name, infos] of Object.entries(networkInterfaces())) {
    const found = infos?.find(({ address, internal }) => address.startsWith('fe80:') && !internal)
    if (found !== undefined) return `${found.address}%${name}`
  }
  return undefined
}

const link = linkLocal()
test('a pool on link-local addresses: probes, acks over UDP and TCP, and a member that is bound to all', {
  skip: link === undefined && 'no interface of this host has a link-local address',
}, async (t) => {
  const start = async (nodeName: string, bind: string, advertise?: string) => {
    const cluster = await Cluster.create({
      ...{ nodeName, bind, profile: 'local', threads: 'none', probeInterval: 300, probeTimeout: 100 },
      ...(advertise && { advertise }),
    })
    t.after(() => cluster.shutdown())
    return cluster
  }
  const ip = `${link}`.split('%')[0]
  const one = await start('one', `[${link}]:0`)
  const two = await start('two', `[${link}]:0`)
  const all = await start('all', '[::]:0', ip)
  const seed = `[${link}]:${one.localMember().port}`
  await two.join([seed])
  await all.join([seed])
  assert.deepEqual(
    all.members().map(({ address }) => address),
    [ip, ip, ip],
  )
  for (const cluster of [one, two, all]) {
    await eventually('all are probed over UDP', async () =>
      (await cluster.paths()).every(({ direct }) => direct > 0),
    )
  }
})

/** A port of another address that leads to a member, as a translator in front of a container does: what comes is passed on, and comes from it. */
async function mappedTo(t: TestContext, ip: string, to: () => { address: string; port: number }) {
  const tcp = createServer((socket) => {
    const { address, port } = to()
    const inside = connect(port, address)
    socket.pipe(inside).pipe(socket)
    for (const one of [socket, inside]) one.on('error', () => socket.destroy())
  })
  tcp.listen(0, ip)
  await once(tcp, 'listening')
  const place = tcp.address()
  assert.ok(place !== null && typeof place === 'object')
  const udp = createSocket('udp4')
  udp.on('message', (packet) => {
    const { address, port } = to()
    udp.send(packet, port, address)
  })
  udp.bind(place.port, ip)
  await once(udp, 'listening')
  t.after(() => {
    udp.close()
    tcp.close()
  })
  return `${ip}:${place.port}`
}

test('a mapped port: a member is known and probed where it is advertised, by ours and by a real agent (row 49)', {
  skip: withoutSerf,
}, async (t) => {
  let inside = { address: '', port: 0 }
  const outside = await mappedTo(t, freshIp(), () => inside)
  const bind = `${freshIp()}:47871`
  inside = { address: bind.split(':')[0], port: 47_871 }
  const hidden = await Cluster.create({
    ...{ nodeName: 'hidden', bind, advertise: outside, profile: 'local', threads: 'none' },
  })
  t.after(() => hidden.shutdown())
  assert.equal(`${hidden.localMember().address}:${hidden.localMember().port}`, outside)
  const agent = await SerfAgent.start(t, { name: 'agent' })
  await agent.join(outside)
  const ours = await Cluster.create({
    ...{ nodeName: 'ours', bind: `${freshIp()}:0`, profile: 'local', threads: 'none', probeInterval: 300 },
  })
  t.after(() => ours.shutdown())
  await ours.join([agent.address])
  await listed(hidden, 'ours', 'alive')
  await agent.sees('hidden', 'alive')
  await eventually('it is probed over UDP, where it is advertised', async () => {
    const path = (await ours.paths()).find(({ name }) => name === 'hidden')
    return (path?.direct ?? 0) >= 3
  })
  await eventually('and probes over UDP itself', async () =>
    (await hidden.paths()).every(({ direct }) => direct >= 1),
  )
  const seen = (await agent.members()).find(({ name }) => name === 'hidden')
  assert.deepEqual([seen?.addr, seen?.status], [outside, 'alive'])
  assert.equal(ours.member('hidden')?.status, 'alive')
})
