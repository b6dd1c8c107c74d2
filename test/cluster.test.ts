/** Members through the public API, over real sockets, in every placement. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  BindFailed,
  Cluster,
  type ClusterEvent,
  type ClusterOptions,
  EventTooLarge,
  InvalidArgument,
  InvalidOption,
  JoinFailed,
  TagsTooLarge,
  type Threads,
} from 'folkmoot'
import { eventually } from './eventually.ts'
import { addressOf } from './local.ts'

const PLACEMENTS: Threads[] = ['per-actor', 'one', 'none']

async function start(t: TestContext, options: ClusterOptions): Promise<Cluster> {
  const cluster = await Cluster.create({
    bind: '127.0.0.1:0',
    profile: 'local',
    leavePropagateDelay: 100,
    ...options,
  })
  t.after(() => cluster.shutdown())
  return cluster
}

const until = (what: string, holds: () => boolean) => eventually(what, holds, { within: 15_000, every: 20 })

for (const threads of PLACEMENTS) {
  test(`${threads}: a member is alone and alive when it is created, with TCP and UDP on one port`, async (t) => {
    const cluster = await start(t, { nodeName: 'alone', threads, tags: { role: 'web' } })
    const [member] = cluster.members()
    assert.equal(cluster.memberCount, 1)
    assert.equal(member, cluster.localMember())
    assert.deepEqual(
      [member.name, member.status, member.address, member.tags.role],
      ['alone', 'alive', '127.0.0.1', 'web'],
    )
    assert.ok(member.port > 0)
    assert.deepEqual([member.delegate.current, member.protocol.max], [5, 5])
  })

  test(`${threads}: listeners added right after create hear the member's own join`, async (t) => {
    const cluster = await start(t, { nodeName: 'alone', threads })
    const heard: string[] = []
    cluster.on('member-join', ({ members }) => heard.push(...members.map(({ name }) => name)))
    await until('own join', () => heard.length > 0)
    assert.deepEqual(heard, ['alone'])
  })

  test(`${threads}: after join() members() knows the pool, and events, tags and the leave reach the other`, async (t) => {
    const one = await start(t, { nodeName: 'one', threads })
    const two = await start(t, { nodeName: 'two', threads })
    const heard: string[] = []
    for (const type of ['member-join', 'member-update', 'member-leave', 'member-failed'] as const) {
      one.on(type, ({ members }) =>
        heard.push(...members.map(({ name, status }) => `${type} ${name} ${status}`)),
      )
    }
    one.on('user-event', ({ name, payload, lamportTime, coalesce }) => {
      heard.push(`${name} ${Buffer.from(payload)} ${lamportTime} ${coalesce}`)
    })
    const joined = await two.join([addressOf(one)])
    assert.equal(joined.reached, 1)
    assert.equal(two.member('one')?.status, 'alive')
    assert.deepEqual(
      two.members().map(({ name }) => name),
      ['one', 'two'],
    )
    await two.userEvent('deploy', Buffer.from('1.2.3'), { coalesce: true })
    await two.setTags({ role: 'db' })
    assert.equal(two.localMember().tags.role, 'db', 'at once in our own view')
    await until('tags', () => one.member('two')?.tags.role === 'db')
    const { told } = await two.leave()
    assert.equal(told, 1)
    await until('leave', () => one.member('two')?.status === 'left')
    await until(
      'all events',
      () => heard.filter((event) => event.includes('two') || event.includes('deploy')).length === 4,
    )
    const [join, ...rest] = heard.filter((event) => event !== 'member-join one alive')
    assert.equal(join, 'member-join two alive')
    assert.deepEqual(rest.sort(), ['deploy 1.2.3 1 true', 'member-leave two left', 'member-update two alive'])
  })

  test(`${threads}: a join that reaches nobody rejects, and says why for each seed`, async (t) => {
    const cluster = await start(t, { nodeName: 'alone', threads })
    await assert.rejects(
      cluster.join(['127.0.0.1:1', 'no.such.host.invalid', 'a:b:c:d', addressOf(cluster)]),
      (error) => {
        assert.ok(error instanceof JoinFailed)
        assert.equal(error.code, 'ERR_JOIN_FAILED')
        assert.deepEqual(
          error.outcomes.map(({ reached }) => reached),
          [false, false, false, false],
        )
        assert.match(error.outcomes[0].error, /ECONNREFUSED/)
        assert.match(error.outcomes[1].error, /ENOTFOUND|EAI_AGAIN|no address/)
        assert.match(error.outcomes[3].error, /our own address/)
        return true
      },
    )
    assert.equal(cluster.state, 'alive')
  })

  test(`${threads}: an event at the limit is sent, one byte more is refused with both numbers`, async (t) => {
    const cluster = await start(t, { nodeName: 'alone', threads })
    const { lamportTime } = await cluster.userEvent('n', new Uint8Array(481))
    assert.equal(lamportTime, 1)
    await assert.rejects(cluster.userEvent('n', new Uint8Array(482)), (error) => {
      assert.ok(error instanceof EventTooLarge)
      assert.deepEqual([error.bytes, error.limit], [513, 512])
      return true
    })
    await assert.rejects(cluster.setTags({ role: 'x'.repeat(600) }), TagsTooLarge)
  })

  test(`${threads}: calls after leave and after shutdown reject with their codes, and the two may be repeated`, async (t) => {
    const cluster = await start(t, { nodeName: 'alone', threads })
    const left = cluster.leave()
    assert.equal(cluster.leave(), left)
    assert.deepEqual(await left, { told: 0 })
    assert.equal(cluster.state, 'left')
    for (const call of [
      () => cluster.join(['127.0.0.1:1']),
      () => cluster.userEvent('x'),
      () => cluster.setTags({}),
    ]) {
      await assert.rejects(call, { code: 'ERR_CLUSTER_LEFT' })
    }
    assert.equal((await cluster.stats()).gossip.left, 1)
    const closed = cluster.shutdown()
    assert.equal(cluster.shutdown(), closed)
    await closed
    assert.equal(cluster.state, 'shutdown')
    for (const call of [
      () => cluster.join(['127.0.0.1:1']),
      () => cluster.userEvent('x'),
      () => cluster.setTags({}),
      () => cluster.stats(),
    ]) {
      await assert.rejects(call, { code: 'ERR_CLUSTER_CLOSED' })
    }
    await cluster.leave()
    const events: ClusterEvent[] = []
    for await (const event of cluster.events()) events.push(event)
    assert.deepEqual(events, [], 'an iterator of a closed cluster is at its end')
  })

  test(`${threads}: a taken port is a BindFailed that leaves nothing open`, async (t) => {
    const cluster = await start(t, { nodeName: 'first', threads })
    await assert.rejects(
      Cluster.create({ nodeName: 'second', bind: addressOf(cluster), threads }),
      (error) => {
        assert.ok(error instanceof BindFailed)
        assert.ok(error.message.includes(addressOf(cluster)))
        return true
      },
    )
  })

  test(`${threads}: an iterator ends with its signal, its loop, or the cluster`, async (t) => {
    const cluster = await start(t, { nodeName: 'alone', threads })
    const ending = new AbortController()
    const heard: string[] = []
    const reading = (async () => {
      for await (const event of cluster.events({ types: ['user-event'], signal: ending.signal })) {
        // Of these types alone, says the compiler.
        const type: 'user-event' | 'members' | 'lagged' = event.type
        heard.push(type)
      }
    })()
    await cluster.userEvent('one')
    await until('the event', () => heard.length === 1)
    ending.abort()
    await reading
    const last = cluster.events()[Symbol.asyncIterator]()
    const waiting = (async () => {
      for (let result = await last.next(); !result.done; result = await last.next())
        heard.push(result.value.type)
    })()
    await cluster.shutdown()
    await waiting
  })
}

test('a slow reader of events() keeps the newest and is told how many it lost', async (t) => {
  const cluster = await start(t, { nodeName: 'alone', threads: 'none' })
  const events = cluster.events({ types: ['user-event'], buffer: 10 })
  for (let i = 0; i < 25; i++) await cluster.userEvent('n', String(i))
  await until('delivery', () => cluster.listenerCount('user-event') === 0)
  await sleep(300)
  assert.deepEqual((await events.next()).value, { type: 'lagged', count: 15, members: cluster.members() })
  const { value } = await events.next()
  assert.ok(value.type === 'user-event')
  assert.equal(Buffer.from(value.payload).toString(), '15')
  await events.return?.()
})

test('a listener that throws does not cost the others their events', async (t) => {
  const cluster = await start(t, { nodeName: 'alone', threads: 'none' })
  const surfaced: unknown[] = []
  const keep = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => surfaced.push(error))
  t.after(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of keep) process.on('uncaughtException', listener)
  })
  const heard: string[] = []
  cluster.on('user-event', ({ name }) => {
    heard.push(name)
    throw new Error(`no ${name}`)
  })
  await cluster.userEvent('first')
  await cluster.userEvent('second')
  await until('both events', () => heard.length === 2)
  assert.deepEqual(heard, ['first', 'second'])
  assert.deepEqual(surfaced.map(String), ['Error: no first', 'Error: no second'])
})

test('wrong arguments are refused at once, with what was expected', async (t) => {
  const cluster = await start(t, { nodeName: 'alone', threads: 'none' })
  const { join, userEvent, setTags } = cluster
  const refusals: [call: () => Promise<unknown>, error: typeof InvalidArgument | typeof InvalidOption][] = [
    [() => cluster.join([]), InvalidArgument],
    [() => Reflect.apply(join, cluster, ['127.0.0.1']), InvalidArgument],
    [() => Reflect.apply(join, cluster, [[7]]), InvalidArgument],
    [() => Reflect.apply(userEvent, cluster, [7]), InvalidArgument],
    [() => Reflect.apply(userEvent, cluster, ['n', { a: 1 }]), InvalidArgument],
    [() => Reflect.apply(setTags, cluster, [{ role: 7 }]), InvalidOption],
    [() => Reflect.apply(setTags, cluster, [null]), InvalidOption],
    [() => Reflect.apply(join, cluster, [['127.0.0.1'], { timeout: 1 }]), InvalidArgument],
    [() => Reflect.apply(userEvent, cluster, ['n', '', { coalesced: true }]), InvalidArgument],
    [() => Reflect.apply(userEvent, cluster, ['n', '', null]), InvalidArgument],
    [() => Reflect.apply(cluster.forceLeave, cluster, ['n', { force: true }]), InvalidArgument],
    [() => Reflect.apply(cluster.waitFor, cluster, [{ status: 'dead' }, 1]), InvalidArgument],
    [() => Reflect.apply(cluster.waitFor, cluster, [{}, 9, { timeout: 1 }]), InvalidArgument],
    [() => Reflect.apply(cluster.drain, cluster, [{ until: 5 }]), InvalidArgument],
  ]
  for (const [call, error] of refusals) await assert.rejects(call, error)
  // What would choose everybody, silently.
  const { members, query, events } = cluster
  assert.throws(() => Reflect.apply(members, cluster, [{ role: 'db' }]), /there is no option role, only name/)
  assert.throws(
    () => Reflect.apply(members, cluster, [{ status: 'dead' }]),
    /there is no status dead, only alive/,
  )
  assert.throws(() => Reflect.apply(query, cluster, ['n', '', { filter: {} }]), /there is no option filter/)
  assert.throws(() => Reflect.apply(events, cluster, [{ types: 'member-join' }]), /types must be a list/)
  assert.equal(cluster.state, 'alive')
})

test('an aborted join rejects with the reason of the signal', async (t) => {
  const cluster = await start(t, { nodeName: 'alone', threads: 'one' })
  await assert.rejects(
    cluster.join(['127.0.0.1:1'], { signal: AbortSignal.abort(new Error('enough')) }),
    /enough/,
  )
  // Nobody answers on this port, and nobody refuses: a listener of TCP that reads nothing.
  const { createServer } = await import('node:net')
  const silent = createServer().listen(0, '127.0.0.1')
  t.after(() => silent.close())
  await new Promise((resolve) => silent.once('listening', resolve))
  const address = silent.address()
  assert.ok(address !== null && typeof address === 'object')
  silent.on('connection', (socket) => t.after(() => socket.destroy()))
  await assert.rejects(cluster.join([`127.0.0.1:${address.port}`], { signal: AbortSignal.timeout(100) }), {
    name: 'TimeoutError',
  })
})

test('await using leaves and shuts down at the end of the block', async (t) => {
  const one = await start(t, { nodeName: 'one', threads: 'none' })
  {
    await using two = await Cluster.create({
      nodeName: 'two',
      bind: '127.0.0.1:0',
      threads: 'none',
      profile: 'local',
      leavePropagateDelay: 100,
    })
    await two.join([addressOf(one)])
  }
  await until('left', () => one.member('two')?.status === 'left')
})

test('members that join each other over IPv6 are members', async (t) => {
  const one = await start(t, { nodeName: 'one', threads: 'none', bind: '[::1]:0' })
  const two = await start(t, { nodeName: 'two', threads: 'one', bind: '[::1]:0' })
  const { address, port } = one.localMember()
  assert.equal(address, '::1')
  await two.join([`[${address}]:${port}`])
  await sleep(2_500)
  assert.equal(two.member('one')?.status, 'alive')
  assert.equal((await two.stats()).detector['probe.acked-direct'] > 0, true)
})
