/** Hosts that do not keep up, through the whole facade: readers that never read, listeners that never end, a process that is killed amid events. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Remembered } from '../src/dispatch/remembered.ts'
import { Cluster, type ClusterOptions } from '../src/index.ts'
import { until } from './hostile-tools.ts'
import { addressOf, folderOf } from './local.ts'

const EVENTS = 10_000
const KILLED_AMID = 500
const QUICK = { probeInterval: 400, suspicionMult: 2 }

async function start(t: TestContext, options: ClusterOptions): Promise<Cluster> {
  const cluster = await Cluster.create({ profile: 'local', bind: '127.0.0.1:0', ...options })
  t.after(() => cluster.shutdown())
  return cluster
}

function block(milliseconds: number): void {
  for (const endsAt = performance.now() + milliseconds; performance.now() < endsAt; );
}

/** Members that come, and end without a word. */
async function churn(t: TestContext, seed: string, names: readonly string[]): Promise<void> {
  const guests = await Promise.all(names.map((nodeName) => start(t, { nodeName, threads: 'one' })))
  await Promise.all(guests.map((guest) => guest.join([seed])))
  await guests[0].leave()
  await Promise.all(guests.map((guest) => guest.shutdown()))
}

test('a reader that never reads costs itself events, each announced as lost, and nobody else anything; the snapshot is right all the same (B1, B2, rows 33, 34)', async (t) => {
  const snapshotPath = join(folderOf(t), 'snapshot')
  const slow = await start(t, { nodeName: 'slow', snapshotPath, ...QUICK })
  const peer = await start(t, { nodeName: 'peer', threads: 'one', ...QUICK })
  await peer.join([addressOf(slow)])
  const failures: string[] = []
  peer.on('member-failed', ({ members }) => failures.push(...members.map(({ name }) => name)))
  const reader = slow.events({ types: ['user-event'], buffer: 100 })
  const sending = Array.from({ length: EVENTS }, (_, i) => slow.userEvent(`event-${i % 50}`, String(i)))
  const churning = churn(t, addressOf(peer), ['leaves', 'dies'])
  let longest = 0
  for (let i = 0; i < 10; i++) {
    // Less than anybody needs to suspect us, were our thread the one that answers.
    block(150)
    const before = performance.now()
    assert.ok(slow.members().length > 0)
    longest = Math.max(longest, performance.now() - before)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await Promise.all([churning, ...sending])
  await until(() => slow.member('dies')?.status === 'failed', 'the dead one is failed')
  await until(() => slow.member('leaves')?.status === 'left', 'the other one has left')
  assert.ok(longest < 50, `members() took ${longest} ms`)
  assert.ok(!failures.includes('slow'), 'nobody held the slow one for dead')
  let delivered = 0
  let lost = 0
  while (delivered + lost < EVENTS) {
    const { value } = await reader.next()
    if (value?.type === 'lagged') lost += value.count
    else if (value?.type === 'user-event') delivered += 1
  }
  assert.equal(delivered + lost, EVENTS)
  assert.ok(lost >= EVENTS - 200, `${lost} lost`)
  await reader.return?.()
  await slow.shutdown()
  const { remembered } = Remembered.read(readFileSync(snapshotPath), 'forget')
  assert.deepEqual([...remembered.alive.keys()].sort(), ['peer', 'slow'])
  assert.deepEqual([...remembered.failed.keys()], ['dies'])
  assert.equal(remembered.clocks.event, EVENTS)
})

test('listeners that never end hold up no other listener, no query and no member (B35)', async (t) => {
  const cluster = await start(t, { nodeName: 'host', threads: 'none' })
  const heard: string[] = []
  const forever = () => new Promise<void>(() => undefined)
  for (const type of ['user-event', 'query', 'member-join'] as const) cluster.on(type, forever)
  cluster.on('user-event', ({ name }) => heard.push(name))
  cluster.on('query', (query) => query.respond('here'))
  for (let i = 0; i < 200; i++) await cluster.userEvent(`event-${i}`)
  const { answers } = await cluster.query('anybody', '', { timeout: 30_000 }).finished
  assert.equal(answers.length, 1)
  const other = await start(t, { nodeName: 'other', threads: 'none' })
  await other.join([addressOf(cluster)])
  await until(() => heard.length === 200 && cluster.member('other')?.status === 'alive', 'all goes on')
})

test('500 events, kill -9 in their midst, a restart: a real process hears none of them twice (row 36)', async (t) => {
  const folder = folderOf(t)
  const [snapshot, heard] = [join(folder, 'snapshot'), join(folder, 'heard')]
  const first = await start(t, { nodeName: 'first', threads: 'one' })
  const script = join(import.meta.dirname, 'scripts', 'restarting.js')
  const run = async (): Promise<ChildProcess> => {
    const child = spawn(process.execPath, [script, '127.0.0.1:0', snapshot, heard, addressOf(first)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(() => child.kill('SIGKILL'))
    if (child.stdout !== null) await once(child.stdout, 'data')
    return child
  }
  const names = () => (existsSync(heard) ? readFileSync(heard, 'utf8').trim().split('\n') : [])
  const child = await run()
  let killed = false
  for (let i = 0; i < KILLED_AMID; i++) {
    await first.userEvent(`event-${i}`)
    if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    if (!killed && i > KILLED_AMID / 2 && names().length > 50) killed = child.kill('SIGKILL')
  }
  if (!killed) {
    await until(() => names().length > 50, 'it hears events')
    child.kill('SIGKILL')
  }
  await run()
  await first.userEvent('new')
  await until(() => names().includes('new'), 'the new event')
  assert.equal(new Set(names()).size, names().length, 'an event was heard twice')
})
