/** A LAN and a WAN pool in one process: members, events and shutdown of the one are nothing to the other, in every placement. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster, type ClusterOptions } from 'folkmoot'
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
