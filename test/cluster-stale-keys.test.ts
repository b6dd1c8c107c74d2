/** A member that was away while the keys were changed, and comes back with those of before (rows 57 and 59): it says so once, and starts no pool of its own. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Cluster, type ClusterOptions, isFolkmootError } from '../src/index.ts'
import { fingerprint } from '../src/wire/fingerprint.ts'
import { eventually } from './eventually.ts'
import { addressOf, folderOf } from './local.ts'

const [OLD, NEW] = [1, 2].map((byte) => Buffer.alloc(32, byte))
const text = (key: Uint8Array): string => Buffer.from(key).toString('base64')

async function start(t: TestContext, options: ClusterOptions): Promise<Cluster> {
  const cluster = await Cluster.create({ profile: 'local', threads: 'none', bind: '127.0.0.1:0', ...options })
  t.after(() => cluster.shutdown())
  return cluster
}

const until = (what: string, holds: () => boolean) => eventually(what, holds, { within: 40_000, every: 25 })

test('a stale keyring is one clear warning and a join that says why, and never a pool of its own', async (t) => {
  const folder = folderOf(t)
  const keyringFile = join(folder, 'keyring')
  const snapshotPath = join(folder, 'snapshot')
  const stays = await start(t, { nodeName: 'stays', encryptionKeys: [text(OLD)] })
  const options = { nodeName: 'away', encryptionKeys: [text(OLD)], keyringFile, snapshotPath }
  const away = await start(t, options)
  await away.join([addressOf(stays)])
  await until('both know both', () => stays.memberCount === 2 && away.memberCount === 2)
  assert.deepEqual(await away.keys.fingerprints(), [fingerprint(OLD)])
  await away.shutdown()
  await until('it is missed', () => stays.member('away')?.status === 'failed')
  await stays.keys.rotate(text(NEW), { grace: 0, except: ['away'] })

  const said: string[] = []
  const warn = (message: string) => said.push(message)
  const logger = { debug: () => undefined, info: () => undefined, warn, error: warn }
  const back = await start(t, { ...options, logger, rejoin: { minInterval: 50, maxInterval: 200 } })
  const aboutKeys = () => said.filter((message) => /under none of our keys/.test(message))
  await until('it says so', () => aboutKeys().length > 0)
  await new Promise((resolve) => setTimeout(resolve, 600))
  assert.equal(aboutKeys().length, 1, 'once, however often it is tried')
  assert.equal(back.memberCount, 1)
  assert.equal(back.connection, 'joining', 'it is still to come into its pool')
  await assert.rejects(
    back.join([addressOf(stays)]),
    (error) => isFolkmootError(error) && /no installed key could decrypt/.test(error.message),
  )
  // What a person compares.
  const [stale, current] = [await back.keys.fingerprints(), await stays.keys.fingerprints()]
  assert.deepEqual([stale, current], [[fingerprint(OLD)], [fingerprint(NEW)]])
  await back.shutdown()
  writeFileSync(keyringFile, JSON.stringify([text(NEW)]))
  const again = await start(t, options)
  await until('with the right key it finds its pool', () => again.members({ status: 'alive' }).length === 2)
})

test('a fingerprint is the same for the same key, differs between keys of any size, and shows nothing of the key', () => {
  const keys = [16, 24, 32].flatMap((length) => [0, 1, 2].map((byte) => new Uint8Array(length).fill(byte)))
  const prints = keys.map(fingerprint)
  assert.equal(new Set(prints).size, keys.length)
  assert.deepEqual(prints, keys.map(fingerprint))
  for (const print of prints) assert.match(print, /^[0-9a-f]{8}$/)
})
