/** Port 0: TCP and UDP of a member agree on one port, also when hundreds start at once; and members of both families in one pool. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster } from 'folkmoot'
import { listed } from './interop/pool.ts'
import { freshIp, SerfAgent, withoutSerf } from './interop/serf-agent.ts'

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
