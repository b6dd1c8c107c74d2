/** The facade at its edges: calls that a shutdown overtakes, listeners that throw, and filters. In the placements that differ. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, type ClusterOptions, type Threads } from 'folkmoot'

const PLACEMENTS: Threads[] = ['none', 'one', 'per-actor']

async function start(t: TestContext, options: ClusterOptions): Promise<Cluster> {
  const cluster = await Cluster.create({
    bind: '127.0.0.1:0',
    profile: 'local',
    nodeName: 'alone',
    ...options,
  })
  t.after(() => cluster.shutdown())
  return cluster
}

/** An address where a connection is taken and nothing is ever said. */
async function silence(t: TestContext): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    t.after(() => socket.destroy())
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return `127.0.0.1:${address.port}`
}

for (const threads of PLACEMENTS) {
  test(`${threads}: a call that a shutdown overtakes is told so, and never hangs`, async (t) => {
    const cluster = await start(t, { threads })
    const joined = cluster.join([await silence(t)])
    const outcome = assert.rejects(
      Promise.race([joined, sleep(8_000).then(() => assert.fail('the join hangs'))]),
      { code: 'ERR_CLUSTER_CLOSED' },
    )
    await sleep(50)
    await cluster.shutdown()
    await outcome
  })
}

test('a listener that throws costs neither the listeners behind it nor later events anything, and its error surfaces', async (t) => {
  const cluster = await start(t, { threads: 'none' })
  const surfaced: string[] = []
  const keep = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => surfaced.push(error.message))
  t.after(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of keep) process.on('uncaughtException', listener)
  })
  const heard: string[] = []
  cluster.on('user-event', ({ name }) => {
    throw new Error(`no ${name}`)
  })
  cluster.once('user-event', ({ name }) => heard.push(`once ${name}`))
  cluster.on('user-event', ({ name }) => heard.push(name))
  await cluster.userEvent('first')
  await cluster.userEvent('second')
  for (let i = 0; i < 200 && heard.length < 3; i++) await sleep(20)
  assert.deepEqual(heard, ['once first', 'first', 'second'])
  assert.deepEqual(surfaced, ['no first', 'no second'])
})

test('members are found by name, status and tags, alone or together, and the list is frozen', async (t) => {
  const cluster = await start(t, { threads: 'none', tags: { role: 'web' } })
  const names = (filter: Parameters<Cluster['members']>[0]) => cluster.members(filter).map(({ name }) => name)
  assert.deepEqual(names({ name: 'alone' }), ['alone'])
  assert.deepEqual(names({ name: 'alone', status: 'alive', tags: { role: 'web' } }), ['alone'])
  assert.deepEqual(names({ name: 'alone', status: 'failed' }), [])
  assert.deepEqual(names({ name: 'nobody' }), [])
  assert.deepEqual(names({ tags: { role: 'db' } }), [])
  assert.ok(Object.isFrozen(cluster.members({ status: 'alive' })))
})

for (const threads of PLACEMENTS) {
  test(`${threads}: pings of probes are read one by one, and the loop ends by itself`, async (t) => {
    const one = await start(t, { threads, nodeName: 'one', probeInterval: 300 })
    const two = await start(t, { threads, nodeName: 'two' })
    await two.join([`127.0.0.1:${one.localMember().port}`])
    let count = 0
    for await (const { name, rtt, payload } of one.pings()) {
      assert.deepEqual([name, rtt >= 0, payload?.length], ['two', true, 130])
      count += 1
      if (count === 2) break
    }
    const signal = AbortSignal.timeout(50)
    await two.shutdown()
    for await (const _ of one.pings({ signal })) assert.fail('nobody is there to be pinged')
    const reading = one.pings().next()
    await sleep(20)
    await one.shutdown()
    assert.equal((await reading).done, true)
    await assert.rejects(
      start(t, {}).then((other) => other.pings(Object({ signal: 'no' })).next()),
      {
        code: 'ERR_INVALID_ARGUMENT',
      },
    )
  })
}
