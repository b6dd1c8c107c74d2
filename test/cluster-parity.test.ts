/** What the original's own tests assert of keys, coordinates, vetoes and a leave with a snapshot (protocol page 2, sections 7.5 and 7.7), with real members. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Cluster, type ClusterOptions, KeyOperationFailed } from '../src/index.ts'
import { eventually } from './eventually.ts'
import { addressOf, folderOf } from './local.ts'

const [OLD, NEW, EXTRA] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte).toString('base64'))

async function start(t: TestContext, options: ClusterOptions): Promise<Cluster> {
  const cluster = await Cluster.create({ profile: 'local', threads: 'none', bind: '127.0.0.1:0', ...options })
  t.after(() => cluster.shutdown())
  return cluster
}

const until = (what: string, holds: () => boolean | Promise<boolean>) =>
  eventually(what, holds, { within: 40_000, every: 25 })

/** Two members in one pool with these keyrings. */
async function sealed(t: TestContext, one: ClusterOptions, two: ClusterOptions): Promise<Cluster[]> {
  const members = [await start(t, { nodeName: 's1', ...one }), await start(t, { nodeName: 's2', ...two })]
  await members[1].join([addressOf(members[0])])
  await until('both know both', () => members.every((member) => member.memberCount === 2))
  return members
}

const both = { encryptionKeys: [OLD] }

test('TestSerf_InstallKey: a key that one member installs is in both rings, and both primary keys stay', async (t) => {
  const [s1, s2] = await sealed(t, both, both)
  const { numNodes, numResponses, numErrors } = await s1.keys.install(NEW)
  assert.deepEqual([numNodes, numResponses, numErrors], [2, 2, 0])
  const { keys, primaryKeys } = await s2.keys.list()
  assert.deepEqual([keys, primaryKeys], [{ [OLD]: 2, [NEW]: 2 }, { [OLD]: 2 }])
})

test('TestSerf_UseKey: use makes a key primary on both members; one that nobody has is an error', async (t) => {
  const rings = { encryptionKeys: [OLD, NEW] }
  const [s1, s2] = await sealed(t, rings, rings)
  await s1.keys.use(NEW)
  assert.deepEqual((await s2.keys.list()).primaryKeys, { [NEW]: 2 })
  await assert.rejects(s1.keys.use(EXTRA), KeyOperationFailed)
  assert.deepEqual((await s2.keys.list()).primaryKeys, { [NEW]: 2 })
})

test('TestSerf_RemoveKey: a key is in no ring afterwards, also one that was in none', async (t) => {
  const [s1, s2] = await sealed(t, { encryptionKeys: [OLD, NEW] }, both)
  for (const key of [NEW, EXTRA]) assert.equal((await s1.keys.remove(key)).numErrors, 0)
  assert.deepEqual((await s2.keys.list()).keys, { [OLD]: 2 })
})

test('TestSerf_ListKeys: a key that one of two members has is listed with 1, and one key is primary', async (t) => {
  const [s1] = await sealed(t, both, { encryptionKeys: [OLD, EXTRA] })
  const { keys, primaryKeys } = await s1.keys.list()
  assert.deepEqual([keys, primaryKeys], [{ [OLD]: 2, [EXTRA]: 1 }, { [OLD]: 2 }])
})

test('TestSerf_WriteKeyringFile: a key a line, the primary on the second, after install, use and remove', async (t) => {
  const keyringFile = join(folderOf(t), 'ring')
  writeFileSync(keyringFile, JSON.stringify([OLD]))
  const s1 = await start(t, { nodeName: 's1', keyringFile })
  const lines = () => readFileSync(keyringFile, 'utf8').split('\n')
  await s1.keys.install(NEW)
  assert.deepEqual(lines(), ['[', `  "${OLD}",`, `  "${NEW}"`, ']'])
  await s1.keys.use(NEW)
  assert.deepEqual(lines(), ['[', `  "${NEW}",`, `  "${OLD}"`, ']'])
  await s1.keys.remove(OLD)
  assert.deepEqual(lines(), ['[', `  "${NEW}"`, ']'])
})

test('TestSerf_Join_Cancel: where both modules refuse every pool the join fails with their word, both were asked, and both stay alone', async (t) => {
  const file = join(folderOf(t), 'judge.mjs')
  // Members without threads judge in this very process: one module, so both calls are counted in one place.
  writeFileSync(
    file,
    `export const asked = []
     export const rules = { merge: (members) => { asked.push(members.map(({ name }) => name).join()); return 'Merge canceled' } }`,
  )
  const { href: url } = pathToFileURL(file)
  const admit = { module: { url, export: 'rules' } }
  const [s1, s2] = [await start(t, { nodeName: 's1', admit }), await start(t, { nodeName: 's2', admit })]
  await assert.rejects(s2.join([addressOf(s1)]), { code: 'ERR_JOIN_REFUSED', message: /Merge canceled/ })
  const { asked }: { asked: string[] } = await import(url)
  assert.deepEqual([...new Set(asked)].sort(), ['s1', 's2'])
  assert.deepEqual([s1.memberCount, s2.memberCount], [1, 1], 'nobody but itself')
})

test('TestSerf_Coordinates: members know each other after some probes, forget who was erased, and one without coordinates knows none', async (t) => {
  const options = { probeInterval: 50, probeTimeout: 25, reapInterval: 100, tombstoneTimeout: 0 }
  const s1 = await start(t, { nodeName: 's1', ...options })
  const s2 = await start(t, { nodeName: 's2', ...options })
  const start1 = await s1.coordinate()
  assert.deepEqual(start1?.vector, new Array(8).fill(0), 'where everybody begins')
  await s2.join([addressOf(s1)])
  await until(
    'each has the other',
    async () => (await s1.rtt('s2')) !== undefined && (await s2.rtt('s1')) !== undefined,
  )
  await until('they are apart', async () => ((await s1.rtt('s2')) ?? 0) > 0.02)
  await s2.leave()
  await s2.shutdown()
  await until('s2 is erased', () => s1.member('s2') === undefined)
  await until('its coordinate is forgotten', async () => (await s1.rtt('s2')) === undefined)
  const s3 = await start(t, { nodeName: 's3', coordinates: false, ...options })
  await s3.join([addressOf(s1)])
  await assert.rejects(s3.coordinate(), { code: 'ERR_COORDINATES_DISABLED' })
  await until('s3 was probed', async () =>
    (await s1.paths()).some(({ name, direct }) => name === 's3' && direct > 0),
  )
  assert.deepEqual([await s1.rtt('s3'), await s3.coordinate('s1')], [undefined, undefined])
})

test('TestSerf_Leave_SnapshotRecovery: who left stays left, and comes back alone', async (t) => {
  const snapshotPath = join(folderOf(t), 'snapshot')
  const s1 = await start(t, { nodeName: 's1' })
  const s2 = await start(t, { nodeName: 's2', snapshotPath })
  const bind = addressOf(s2)
  await s2.join([addressOf(s1)])
  await s2.leave()
  await s2.shutdown()
  await until('s1 sees it', () => s1.member('s2')?.status === 'left')
  const again = await start(t, { nodeName: 's2', bind, snapshotPath })
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.deepEqual([again.memberCount, s1.member('s2')?.status], [1, 'left'])
})

test('TestSerf_SnapshotRecovery: who died and was removed is back by itself after a restart, and hears no old event', async (t) => {
  const snapshotPath = join(folderOf(t), 'snapshot')
  const options = { probeInterval: 50, probeTimeout: 25, suspicionMult: 1 }
  const s1 = await start(t, { nodeName: 's1', ...options })
  const s2 = await start(t, { nodeName: 's2', snapshotPath, ...options })
  const bind = addressOf(s2)
  const before = new Promise((resolve) => s2.once('user-event', resolve))
  await s2.join([addressOf(s1)])
  await s1.userEvent('event!', 'test')
  await before
  await until('the snapshot knows', () => readFileSync(snapshotPath, 'utf8').includes('event-clock: 1'))
  await s2.shutdown()
  await until('s2 failed', () => s1.member('s2')?.status === 'failed')
  await s1.forceLeave('s2')
  assert.equal(s1.member('s2')?.status, 'left')
  const again = await start(t, { nodeName: 's2', bind, snapshotPath, ...options })
  const heard: string[] = []
  again.on('user-event', ({ name }) => heard.push(name))
  await until(
    'both see both',
    () => s1.member('s2')?.status === 'alive' && again.member('s1')?.status === 'alive',
  )
  await s1.userEvent('new')
  await until('the new event', () => heard.includes('new'))
  assert.deepEqual(heard, ['new'])
})
