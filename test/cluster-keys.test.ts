/** Keys of one member changed while it runs: a live pool becomes an encrypted one and a plain one again, step by step, without a restart. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, type ClusterOptions, type LocalKeys, type Threads } from 'folkmoot'
import { plant } from '../workers/faults.ts'
import { eventually, freshIp } from './interop/serf-agent.ts'
import { addressOf } from './local.ts'

const key = () => randomBytes(32).toString('base64')
const THREADS: Threads[] = ['none', 'one', 'per-actor', 'none', 'one']

async function start(t: TestContext, options: ClusterOptions): Promise<Cluster> {
  const cluster = await Cluster.create({ bind: `${freshIp()}:0`, profile: 'local', ...options })
  t.after(() => cluster.shutdown())
  return cluster
}

/** Sent as often as anything is sent in a moment, by everybody to everybody. */
async function traffic(pool: readonly Cluster[]): Promise<void> {
  await Promise.all(pool.map((cluster) => cluster.userEvent('tick', String(Math.random()))))
  await sleep(50)
}

test('five members under traffic go plain, encrypted, plain: nobody is called failed, nothing is unreadable', async (t) => {
  const pool: Cluster[] = []
  const failures: string[] = []
  for (const [i, threads] of THREADS.entries()) {
    const cluster = await start(t, { nodeName: `m${i}`, threads, probeInterval: 300 })
    cluster.on('member-failed', ({ members }) => failures.push(...members.map(({ name }) => name)))
    if (i > 0) await cluster.join([addressOf(pool[0])])
    pool.push(cluster)
  }
  const round = async (change: LocalKeys) => {
    for (const cluster of pool) {
      await cluster.keys.setLocal(change)
      await traffic(pool)
    }
  }
  await round({ encryptionKeys: [key()], verifyIncoming: false, verifyOutgoing: false }).then(() => undefined)
  const shared = key()
  await round({ encryptionKeys: [shared], verifyIncoming: false, verifyOutgoing: false })
  await round({ verifyOutgoing: true })
  await round({ verifyIncoming: true })
  assert.equal((await pool[0].stats()).serf.encrypted, 'true')
  const stranger = await start(t, { nodeName: 'stranger', threads: 'none' })
  await assert.rejects(stranger.join([addressOf(pool[0])]), { code: 'ERR_JOIN_REFUSED' })
  const friend = await start(t, { nodeName: 'friend', threads: 'none', encryptionKeys: [shared] })
  await friend.join([addressOf(pool[0])])
  await eventually('all know the friend', () =>
    pool.every((cluster) => cluster.member('friend')?.status === 'alive'),
  )
  const refused = (await pool[1].stats()).detector['drop.decrypt'] ?? 0
  assert.equal(refused, 0, 'no member of the pool ever sent what another could not read')
  await friend.leave()
  await friend.shutdown()
  await round({ verifyIncoming: false })
  await round({ verifyOutgoing: false })
  await round({ encryptionKeys: [] })
  assert.equal((await pool[4].stats()).serf.encrypted, 'false')
  await stranger.join([addressOf(pool[0])])
  assert.deepEqual(failures, [])
  assert.ok(pool.every((cluster) => cluster.members({ status: 'alive' }).length >= 5))
})

test('a crash of the actors forgets neither the keys nor what they are for', async (t) => {
  const nodeName = `crash-keys-${process.pid}`
  const faults = plant(nodeName)
  const cluster = await start(t, { nodeName, threads: 'none' })
  const shared = key()
  await cluster.keys.setLocal({ encryptionKeys: [shared], verifyIncoming: false, verifyOutgoing: true })
  const restarted = new Promise((resolve) => cluster.once('restarted', resolve))
  faults.strike('gossip', 'throw')
  await restarted
  const strict = await start(t, { nodeName: 'strict', threads: 'none', encryptionKeys: [shared] })
  await strict.join([addressOf(cluster)])
  const plain = await start(t, { nodeName: 'plain', threads: 'none' })
  // It takes what is plain, but what it sends is sealed.
  await assert.rejects(plain.join([addressOf(cluster)]), { code: 'ERR_JOIN_REFUSED' })
  assert.equal((await cluster.stats()).gossip['drop.stream-unencrypted'] ?? 0, 0)
})

test('what is wrong is refused, and changes nothing', async (t) => {
  const cluster = await start(t, { nodeName: 'alone', threads: 'none' })
  const bad: [object, object][] = [
    [{ encryptionKeys: ['short'] }, { code: 'ERR_INVALID_OPTION', option: 'encryptionKeys[0]' }],
    [{ verifyIncoming: 'yes' }, { code: 'ERR_INVALID_OPTION', option: 'verifyIncoming' }],
    [{ verifyIncomming: true }, { code: 'ERR_INVALID_ARGUMENT' }],
  ]
  for (const [change, error] of bad)
    await assert.rejects(async () => cluster.keys.setLocal(Object(change)), error)
  assert.equal((await cluster.stats()).serf.encrypted, 'false')
  await cluster.shutdown()
  await assert.rejects(cluster.keys.setLocal({ verifyIncoming: false }), { code: 'ERR_CLUSTER_CLOSED' })
})
