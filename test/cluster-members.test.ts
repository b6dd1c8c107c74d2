/** Members through the facade: what the original asserts of one or two nodes, forced leaves, coalesced events, and calls from inside handlers. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Cluster, type ClusterOptions } from 'folkmoot'
import { eventually } from './eventually.ts'
import { addressOf } from './local.ts'

async function start(t: TestContext, options: ClusterOptions): Promise<Cluster> {
  const cluster = await Cluster.create({ profile: 'local', threads: 'none', bind: '127.0.0.1:0', ...options })
  t.after(() => cluster.shutdown())
  return cluster
}

const until = (what: string, holds: () => boolean) => eventually(what, holds, { within: 30_000, every: 25 })

test("TestSerfStats, TestSerfState, TestSerf_NumNodes: a lone node under Serf's names, from alive to shutdown", async (t) => {
  const alone = await start(t, { nodeName: 'alone' })
  const { serf } = await alone.stats()
  const { coordinate_resets: resets, ...others } = serf
  assert.deepEqual(others, {
    members: 1,
    failed: 0,
    left: 0,
    health_score: 0,
    member_time: 1,
    event_time: 1,
    query_time: 1,
    intent_queue: 0,
    event_queue: 0,
    query_queue: 0,
    encrypted: 'false',
  })
  assert.equal(resets, 0)
  assert.equal(alone.memberCount, 1)
  assert.equal(alone.state, 'alive')
  const other = await start(t, { nodeName: 'other' })
  await other.join([addressOf(alone)])
  assert.equal(other.memberCount, 2)
  await other.shutdown()
  assert.equal(other.state, 'shutdown')
  await alone.leave()
  assert.equal(alone.state, 'left')
  await alone.shutdown()
  assert.equal(alone.state, 'shutdown')
})

test('TestSerf_LocalMember, TestSerfProtocolVersion: own name, tags and version, and new tags at once', async (t) => {
  const cluster = await start(t, { nodeName: 'me', tags: { role: 'a' }, protocolVersion: 5 })
  const { name, tags, status, delegate } = cluster.localMember()
  assert.deepEqual({ name, tags: { ...tags }, status }, { name: 'me', tags: { role: 'a' }, status: 'alive' })
  assert.deepEqual({ ...delegate }, { min: 2, max: 5, current: 5 })
  await cluster.setTags({ role: 'b' })
  assert.equal(cluster.localMember().tags.role, 'b')
})

test('TestSerf_reconnect_sameIP: who comes back on the same port of the same address is found without joining', async (t) => {
  const heard: string[] = []
  const options = { probeInterval: 100, probeTimeout: 50, suspicionMult: 1, reconnectInterval: 200 }
  const one = await start(t, { nodeName: 'one', ...options })
  for (const type of ['member-join', 'member-failed', 'member-leave'] as const) {
    one.on(type, ({ members }) => heard.push(...members.map(({ name }) => `${type} ${name}`)))
  }
  const two = await start(t, { nodeName: 'two', ...options })
  const bind = addressOf(two)
  await two.join([addressOf(one)])
  await two.shutdown()
  await until('it failed', () => one.member('two')?.status === 'failed')
  await start(t, { nodeName: 'two', bind, ...options })
  await until('it is back', () => one.member('two')?.status === 'alive')
  assert.deepEqual(
    heard.filter((event) => event.endsWith('two')),
    ['member-join two', 'member-failed two', 'member-join two'],
  )
})

test('a restart too fast to be noticed is an update that says what the member was before', async (t) => {
  const one = await start(t, { nodeName: 'one' })
  const updates: unknown[] = []
  const others: string[] = []
  const restarts: unknown[] = []
  one.on('member-restart', (restart) => restarts.push(restart))
  one.on('member-update', ({ members: [member], previous: [before] = [] }) => {
    updates.push({
      ...before,
      tags: { ...before?.tags },
      now: { ...member.tags },
      incarnation: before?.incarnation,
    })
    assert.ok(before !== undefined && member.incarnation > before.incarnation)
  })
  one.on('member-failed', () => others.push('failed'))
  one.on('member-leave', () => others.push('leave'))
  const two = await start(t, { nodeName: 'two', tags: { version: '1' } })
  const bind = addressOf(two)
  await two.join([addressOf(one)])
  await until('its join is announced', () => (one.member('two')?.statusTime ?? 0) > 0)
  // As a crash: nobody is told.
  await two.shutdown()
  const again = await start(t, { nodeName: 'two', bind, tags: { version: '2' } })
  await again.join([addressOf(one)])
  await until('the update', () => updates.length > 0)
  const { address, port } = again.localMember()
  assert.deepEqual(updates, [
    { incarnation: 1, address, port, tags: { version: '1' }, now: { version: '2' } },
  ])
  await until('the restart', () => restarts.length > 0)
  const { incarnation } = one.member('two') ?? {}
  const place = { ip: address, port }
  const previous = { ...place, incarnation: 1 }
  assert.deepEqual(restarts, [{ type: 'member-restart', name: 'two', ...place, incarnation, previous }])
  assert.deepEqual(others, [])
})

test('a forced leave says what became of the member, and what it cannot do it says by name', async (t) => {
  const one = await start(t, { nodeName: 'one', probeInterval: 100, probeTimeout: 50, suspicionMult: 1 })
  const two = await start(t, { nodeName: 'two' })
  await two.join([addressOf(one)])
  await assert.rejects(one.forceLeave('nobody'), { code: 'ERR_UNKNOWN_MEMBER', member: 'nobody' })
  await assert.rejects(one.forceLeave('one'), { code: 'ERR_INVALID_ARGUMENT' })
  await two.shutdown()
  await until('it failed', () => one.member('two')?.status === 'failed')
  assert.deepEqual(await one.forceLeave('two'), { status: 'left' })
  assert.equal(one.member('two')?.status, 'left')
  assert.deepEqual(await one.forceLeave('two', { prune: true }), { status: 'erased' })
  assert.equal(one.member('two'), undefined)
  await one.leave()
  await assert.rejects(one.forceLeave('two'), { code: 'ERR_CLUSTER_LEFT' })
})

test('members that come together are one event, and the mirror is ahead of it', async (t) => {
  const one = await start(t, { nodeName: 'one', coalescePeriod: 3_000, quiescentPeriod: 400 })
  const joins: string[][] = []
  one.on('member-join', ({ members }) => joins.push(members.map(({ name }) => name)))
  const others = await Promise.all(['two', 'three', 'four'].map((nodeName) => start(t, { nodeName })))
  await Promise.all(others.map((other) => other.join([addressOf(one)])))
  await until('the mirror knows them', () => one.memberCount === 4)
  await until('they are told', () => joins.flat().length >= 4)
  assert.deepEqual(joins.flat().sort(), ['four', 'one', 'three', 'two'])
  assert.ok(joins.length < 4, JSON.stringify(joins))
})

test('stats() and members() answer from inside every event handler, and what they give cannot be changed', async (t) => {
  const one = await start(t, { nodeName: 'one', threads: 'per-actor' })
  const answers: Promise<unknown>[] = []
  const seen: number[] = []
  const ask = () => {
    seen.push(one.members().length)
    answers.push(one.stats())
  }
  for (const type of [
    'member-join',
    'member-leave',
    'member-failed',
    'member-update',
    'member-reap',
  ] as const)
    one.on(type, ask)
  one.on('user-event', ask)
  const two = await start(t, { nodeName: 'two', tags: { role: 'a' } })
  await two.join([addressOf(one)])
  await two.setTags({ role: 'b' })
  await one.userEvent('deploy')
  await two.leave()
  await until('all was heard', () => one.member('two')?.status === 'left' && seen.length >= 5)
  assert.equal((await Promise.all(answers)).length, seen.length)
  const [member] = one.members({ name: 'two' })
  assert.throws(() => Object.assign(member, { status: 'alive' }), TypeError)
  assert.throws(() => Object.assign(member.tags, { role: 'c' }), TypeError)
  assert.equal(one.member('two')?.tags.role, 'b')
})
