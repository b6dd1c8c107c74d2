/** A proxy that takes every connection and swallows what comes, as meshes do in front of what is gone: nobody is alive for that (known defect 8). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster } from 'folkmoot'
import { addressOf, listed, startMember } from './interop/pool.ts'
import { freePort, freshIp } from './interop/serf-agent.ts'
import { WireTap } from './interop/wire-tap.ts'

const quick = {
  threads: 'none',
  probeInterval: 400,
  probeTimeout: 150,
  suspicionMult: 2,
  tcpTimeout: 2_000,
} as const

test('a connection without an answer is no sign of life: who stands behind a proxy that swallows all is failed, and the paths say so', async (t) => {
  const ip = freshIp()
  const bind = `${ip}:${await freePort(ip)}`
  const proxy = await WireTap.start(t, bind)
  const one = await startMember(t, { nodeName: 'one', ...quick })
  const two = await startMember(t, { nodeName: 'two', ...quick })
  // It never asks for the others' state: there it would read that it is accused.
  const behind = await Cluster.create({
    nodeName: 'behind',
    bind,
    advertise: proxy.address,
    pushPullInterval: 0,
    ...quick,
  })
  t.after(() => behind.shutdown())
  await two.join([addressOf(one)])
  await behind.join([addressOf(one)])
  for (const member of [one, two]) await listed(member, 'behind', 'alive')

  proxy.isSwallowing = true
  for (const member of [one, two]) await listed(member, 'behind', 'failed', 40_000)
  const [path] = (await one.paths()).filter(({ name }) => name === 'behind')
  assert.equal(path.status, 'no answer')
  assert.equal(path.tcp, 0, 'a connection counted as an answer')
  assert.ok(proxy.swallowed > 0, 'nobody tried')
  const { detector } = await one.stats()
  assert.ok(detector['probe.failed'] > 0)
  assert.equal(detector['probe.acked-stream'] ?? 0, 0)
  assert.equal(two.member('one')?.status, 'alive')
})
