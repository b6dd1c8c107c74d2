/** Port 0: TCP and UDP of a member agree on one port, also when hundreds start at once; and members of both families in one pool. */
import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { test } from 'node:test'
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
