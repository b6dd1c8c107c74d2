/** The end of a member and the wait for others: `drain`, `handleSignals`, `waitFor`. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { getEventListeners, once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  Cluster,
  ClusterClosed,
  ClusterLeft,
  type ClusterOptions,
  handleSignals,
  InvalidArgument,
} from '../src/index.ts'
import { until } from './hostile-tools.ts'
import { addressOf } from './local.ts'

async function start(t: TestContext, nodeName: string, options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = await Cluster.create({
    nodeName,
    bind: '127.0.0.1:0',
    profile: 'local',
    threads: 'none',
    ...options,
  })
  t.after(() => cluster.shutdown())
  return cluster
}

async function pair(t: TestContext, options: ClusterOptions = {}): Promise<[Cluster, Cluster]> {
  const [one, two] = [await start(t, 'one'), await start(t, 'two', options)]
  await two.join([addressOf(one)])
  await one.waitFor({ name: 'two' }, 1)
  return [one, two]
}

test('drain: peers see the tag, then that it left once the host is done; a file of tags does not keep it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'folkmoot-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const tagsFile = join(folder, 'tags')
  const [one, two] = await pair(t, { tags: { role: 'web' }, tagsFile })
  await two.setTags({ role: 'web', zone: 'b' })
  let finish: () => void = () => undefined
  const drained = two.drain({ until: new Promise<void>((resolve) => (finish = resolve)), deadline: 60_000 })
  const [seen] = await one.waitFor({ tags: { draining: 'true' } }, 1)
  assert.deepEqual([seen.name, { ...seen.tags }], ['two', { role: 'web', zone: 'b', draining: 'true' }])
  assert.equal(one.member('two')?.status, 'alive', 'it is still here')
  finish()
  const { told, ...rest } = await drained
  assert.deepEqual(rest, { how: 'done', error: undefined, isPublished: true })
  assert.equal(told, 1)
  await until(() => one.member('two')?.status === 'left', 'it has left')
  assert.deepEqual(await two.drain(), await drained, 'once is enough')
  assert.ok(!existsSync(tagsFile) || !readFileSync(tagsFile, 'utf8').includes('draining'))
  await assert.rejects(two.setTags({}), ClusterLeft)
})

test('drain: a host that is not done in time, or fails, or has nothing to do, leaves all the same', async (t) => {
  const [one, late] = await pair(t)
  const { how } = await late.drain({ until: new Promise(() => undefined), deadline: 50 })
  assert.equal(how, 'deadline')
  await until(() => one.member('two')?.status === 'left', 'it has left')
  const failing = await start(t, 'failing')
  const broken = new Error('broken')
  const failed = await failing.drain({
    until: () => {
      throw broken
    },
  })
  assert.deepEqual([failed.how, failed.error], ['failed', broken])
  assert.equal(failing.state, 'left')
  const idle = await start(t, 'idle', { tags: { full: 'x'.repeat(495) } })
  for (const deadline of [-1, Number.NaN, JSON.parse('"50"')]) {
    await assert.rejects(idle.drain({ deadline }), InvalidArgument)
  }
  assert.equal(idle.state, 'alive')
  const { how: done, isPublished } = await idle.drain()
  assert.deepEqual([done, isPublished], ['done', false], 'there was no room for the tag')
  await idle.shutdown()
  const closed = await start(t, 'closed')
  await closed.shutdown()
  await assert.rejects(closed.drain(), ClusterClosed)
})

test('drain: a tag that is not spread in time holds up nothing', async (t) => {
  const [one, two] = await pair(t, { gossipInterval: 400, broadcastTimeout: 401 })
  const { how, isPublished } = await two.drain()
  assert.deepEqual([how, isPublished], ['done', false])
  await until(() => one.member('two')?.status === 'left', 'it has left')
})

test('waitFor: by filter, by function, until a signal or the end', async (t) => {
  const one = await start(t, 'one', { tags: { role: 'web' } })
  const [only] = await one.waitFor({ tags: { role: 'web' } }, 1)
  assert.equal(only.name, 'one')
  const three = one.waitFor({}, 3)
  const byName = one.waitFor(({ name, status }) => name === 'three' && status === 'alive', 1)
  const controller = new AbortController()
  const never = one.waitFor({}, 100, { signal: controller.signal })
  const gone = one.waitFor({ status: 'left' }, 1)
  const atTheEnd = one.waitFor({ name: 'nobody' }, 1)
  let asked = 0
  const throwsLater = one.waitFor(() => {
    asked += 1
    if (asked > 1) throw new Error('the host threw later')
    return false
  }, 1)
  const thrown = assert.rejects(throwsLater, /the host threw later/)
  const two = await start(t, 'two')
  const other = await start(t, 'three')
  for (const member of [two, other]) await member.join([addressOf(one)])
  assert.deepEqual(
    (await three).map(({ name }) => name),
    ['one', 'three', 'two'],
  )
  assert.equal((await byName)[0].name, 'three')
  await thrown
  await two.leave()
  assert.equal((await gone)[0].name, 'two')
  const late = one.waitFor({}, 3)
  await assert.rejects(
    Promise.race([
      late,
      new Promise((_, reject) => setTimeout(() => reject(new Error('two is not alive')), 200)),
    ]),
    /two is not alive/,
  )
  controller.abort(new Error('enough'))
  await assert.rejects(never, /enough/)
  await assert.rejects(one.waitFor({}, 1, { signal: controller.signal }), /enough/)
  await assert.rejects(
    one.waitFor(() => {
      throw new Error('the host threw')
    }, 1),
    /the host threw/,
  )
  for (const selector of ['null', '"two"']) {
    await assert.rejects(one.waitFor(JSON.parse(selector), 1), InvalidArgument)
  }
  for (const count of [0, 1.5, Number.NaN]) await assert.rejects(one.waitFor({}, count), InvalidArgument)
  await one.shutdown()
  await assert.rejects(atTheEnd, ClusterClosed)
  await assert.rejects(late, ClusterClosed)
  await assert.rejects(one.waitFor({}, 3), ClusterClosed, 'nothing will change any more')
})

test('waitFor: what is over keeps nothing, and so many may wait at a time', async (t) => {
  const one = await start(t, 'one')
  const { signal } = new AbortController()
  for (let i = 0; i < 1_100; i++) await one.waitFor({}, 1, { signal })
  assert.equal(getEventListeners(signal, 'abort').length, 0)
  const waiting = Array.from({ length: 1_024 }, () => assert.rejects(one.waitFor({}, 2), ClusterClosed))
  await assert.rejects(one.waitFor({}, 2), /1024 calls wait already/)
  await one.shutdown()
  await Promise.all(waiting)
})

for (const [how, signal] of [
  ['leave', 'SIGTERM'],
  ['300', 'SIGINT'],
] as const) {
  test(`handleSignals: ${signal} ${how === 'leave' ? 'leaves' : 'drains and leaves'}, and the process ends by itself`, {
    skip: process.platform === 'win32',
  }, async (t) => {
    const seed = await start(t, 'seed')
    const { child, output } = await signalled(t, seed, how)
    child.kill(signal)
    if (how !== 'leave') await seed.waitFor({ name: 'signalled', tags: { draining: 'true' } }, 1)
    const [code] = await once(child, 'exit')
    assert.equal(code, 0, output())
    assert.match(output(), /ended, 0 handlers are left\n$/)
    await until(() => seed.member('signalled')?.status === 'left', 'it has left')
  })
}

test('handleSignals: a second signal ends the process there and then', {
  skip: process.platform === 'win32',
}, async (t) => {
  const seed = await start(t, 'seed')
  const { child } = await signalled(t, seed, '60000')
  child.kill('SIGTERM')
  await seed.waitFor({ name: 'signalled', tags: { draining: 'true' } }, 1)
  child.kill('SIGTERM')
  const [code, signal] = await once(child, 'exit')
  assert.deepEqual([code, signal], [null, 'SIGTERM'])
})

test('handleSignals: what it gives takes its handlers away again, and a leave that fails keeps nothing', async (t) => {
  const before = process.listenerCount('SIGUSR2')
  let ended = 0
  const failing = {
    drain: () => Promise.reject(new Error('no drain')),
    leave: () => Promise.reject(new Error('no leave')),
    shutdown: async () => undefined,
  }
  const options = { signals: ['SIGUSR2' as const], drain: {}, ended: () => (ended += 1) }
  handleSignals(failing, options)()
  assert.equal(process.listenerCount('SIGUSR2'), before)
  const remove = handleSignals(failing, options)
  t.after(remove)
  process.emit('SIGUSR2', 'SIGUSR2')
  await until(() => ended === 1, 'it is over all the same')
  assert.equal(process.listenerCount('SIGUSR2'), before)
})

async function signalled(t: TestContext, seed: Cluster, how: string) {
  const script = join(import.meta.dirname, 'scripts', 'signalled.js')
  const child = spawn(process.execPath, [script, addressOf(seed), how], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
  await until(() => output.includes('ready'), 'it is ready')
  await seed.waitFor({ name: 'signalled' }, 1)
  return { child, output: () => output }
}
