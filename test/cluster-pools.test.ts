/**
 * A LAN and a WAN pool in one process: members, events and shutdown of the one are nothing to the other, in every placement; and where each actor
 * has its thread, what a busy host can rely on holds for each of the two by itself.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Cluster, type ClusterEvent, type ClusterOptions, SubscriptionOverflow } from 'folkmoot'
import { plant } from '../workers/faults.ts'
import { eventually } from './interop/serf-agent.ts'

const LAN: ClusterOptions = { label: 'lan', profile: 'lan', encryptionKeys: [new Uint8Array(16).fill(1)] }
const WAN: ClusterOptions = { label: 'wan', profile: 'wan', encryptionKeys: [new Uint8Array(32).fill(2)] }

for (const threads of ['per-actor', 'one', 'none'] as const) {
  test(`two pools in one process, ${threads}`, async (t) => {
    const create = async (nodeName: string, pool: ClusterOptions) => {
      const cluster = await Cluster.create({ nodeName, bind: '127.0.0.1:0', threads, ...pool })
      t.after(() => cluster.shutdown())
      return cluster
    }
    const lan = [await create('gate', LAN), await create('lan-2', LAN)]
    const wan = [await create('gate', WAN), await create('wan-2', WAN)]
    const place = (cluster: Cluster) => `127.0.0.1:${cluster.localMember().port}`
    await Promise.all([lan[1].join([place(lan[0])]), wan[1].join([place(wan[0])])])
    const names = (cluster: Cluster) => cluster.members().map(({ name }) => name)
    // Who was joined has our state a moment after we have its own.
    const both = [...lan, ...wan]
    await eventually('two members everywhere', () => both.every((cluster) => cluster.memberCount === 2))
    assert.deepEqual(both.map(names), [
      ['gate', 'lan-2'],
      ['gate', 'lan-2'],
      ['gate', 'wan-2'],
      ['gate', 'wan-2'],
    ])
    await assert.rejects(lan[0].join([place(wan[1])]))

    const heard: string[] = []
    const told = new Promise<void>((resolve) => wan[1].on('user-event', () => resolve()))
    for (const [i, cluster] of [...lan, ...wan].entries()) {
      cluster.on('user-event', ({ name }) => heard.push(`${i} ${name}`))
    }
    await wan[0].userEvent('far')
    await told
    assert.deepEqual(
      heard.filter((line) => /^[01]/.test(line)),
      [],
    )

    await Promise.all(lan.map((cluster) => cluster.shutdown()))
    assert.deepEqual(names(wan[1]), ['gate', 'wan-2'])
    assert.equal(
      (await wan[0].query('_serf_ping', undefined, { nodes: ['wan-2'], requestAck: true }).finished).acks
        .length,
      1,
    )
  })
}

/** A pool of two on the wire of its own, `gate` in the middle of what is done to it; and what both heard since they were joined. */
async function pool(t: TestContext, name: string, options: ClusterOptions) {
  const create = async (nodeName: string, more: ClusterOptions = {}) => {
    const cluster = await Cluster.create({
      bind: '127.0.0.1:0',
      profile: 'local',
      label: name,
      // A host that answered its own probes would be failed well before it is back.
      probeInterval: 500,
      suspicionMult: 4,
      nodeName,
      ...more,
    })
    t.after(() => cluster.shutdown())
    return cluster
  }
  const faults = plant(`${name}-gate`)
  const gate = await create(`${name}-gate`, options)
  const peer = await create(`${name}-peer`)
  await peer.join([`127.0.0.1:${gate.localMember().port}`])
  await gate.waitFor({ name: `${name}-peer` }, 1)
  const heard: ClusterEvent[] = []
  for (const cluster of [gate, peer]) {
    const listening = (async () => {
      for await (const event of cluster.events({ initial: 'none' })) heard.push(event)
    })()
    t.after(() => listening)
  }
  const count = (type: ClusterEvent['type']) => heard.filter((event) => event.type === type).length
  return { gate, peer, faults, count }
}

test('the contracts hold for each of two pools by itself', async (t) => {
  const lan = await pool(t, 'lan', { hostStall: { after: 1_000, action: 'tag' } })
  const wan = await pool(t, 'wan', { hostStall: { after: 1_500, action: 'report' } })
  const both = [lan, wan]

  // Isolation: the host hangs, neither pool gives its member up, and each hears of it as it was told to.
  const sawTag = lan.peer.waitFor(
    ({ name, tags }) => name === 'lan-gate' && tags['host-stalled'] === 'true',
    1,
  )
  for (const endsAt = performance.now() + 6_000; performance.now() < endsAt; );
  await Promise.all([
    sawTag,
    ...both.map(({ gate }) => gate.waitFor(({ tags }) => !('host-stalled' in tags), 2)),
  ])
  await eventually('both are told that it is over', () =>
    both.every(({ count }) => count('host-recovered') > 0),
  )
  assert.deepEqual(
    both.map(({ count }) => count('member-failed')),
    [0, 0],
  )
  assert.deepEqual([lan.count('member-update') > 0, wan.count('member-update')], [true, 0])

  // Delivery: a reader of one pool who loses its place costs a reader of the other nothing.
  const slow = lan.gate.events({ types: ['user-event'], policy: 'lossless', buffer: 10 })
  const steady = wan.gate.events({ types: ['user-event'], policy: 'lossless', buffer: 100 })
  for (let i = 0; i < 50; i++) {
    await Promise.all(both.map(({ gate }) => gate.userEvent('deploy', String(i))))
  }
  const read: string[] = []
  for await (const event of steady) {
    if (event.type === 'user-event') read.push(new TextDecoder().decode(event.payload))
    if (read.length === 50) break
  }
  assert.deepEqual(
    read,
    Array.from({ length: 50 }, (_, i) => String(i)),
  )
  await assert.rejects(async () => {
    for await (const _ of slow);
  }, SubscriptionOverflow)

  // Supervision: a crash in one pool restarts its three actors, and nothing of the other.
  const { incarnation } = wan.gate.localMember()
  lan.faults.strike('gossip', 'throw')
  await eventually('it is restarted', () => lan.count('restarted') === 1)
  await lan.gate.waitFor({ name: 'lan-peer' }, 1)
  const { how } = await wan.gate.query('_serf_ping', undefined, { nodes: ['wan-peer'], requestAck: true })
    .finished
  assert.equal(how, 'answered')
  assert.deepEqual([wan.count('restarted'), wan.gate.localMember().incarnation], [0, incarnation])

  // Ends: one drains and leaves, the other stays whole.
  await lan.gate.drain()
  await lan.gate.shutdown()
  await lan.peer.waitFor({ name: 'lan-gate', status: 'left' }, 1)
  await wan.gate.userEvent('still', 'here')
  await eventually('both heard it', () => wan.count('user-event') >= 2)
  assert.deepEqual([wan.count('member-leave'), wan.count('member-failed'), wan.gate.state], [0, 0, 'alive'])
  assert.equal(lan.count('member-failed'), 0)
})
