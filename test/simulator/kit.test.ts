/** `folkmoot/simulator`, as a host's tests use it: real clusters, their listeners and handlers, over a network and processes that fail. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, InvalidArgument, InvalidOption } from 'folkmoot'
import { type SimulationOptions, SimulationTimeout, simulate } from 'folkmoot/simulator'

async function simulation(t: TestContext, options: SimulationOptions = {}) {
  const sim = await simulate(options)
  t.after(() => sim.end())
  return sim
}

const names = (cluster: Cluster, status: 'alive' | 'failed' | 'left') =>
  cluster.members({ status }).map(({ name }) => name)

test('a pool of real clusters forms, and a user event reaches listeners and iterators, once', async (t) => {
  const sim = await simulation(t, { nodes: 5 })
  const [first, second] = sim.nodes
  const all = sim.nodes.map(({ name }) => name)
  assert.ok(first.cluster instanceof Cluster)
  assert.deepEqual(names(second.cluster, 'alive'), all)
  const heard: string[] = []
  for (const { name, cluster } of sim.nodes) cluster.on('user-event', () => heard.push(name))
  const read = async () => {
    for await (const event of second.cluster.events({ types: ['user-event'] })) return event.type
    return 'nothing'
  }
  const reading = read()
  const { lamportTime } = await sim.settled(first.cluster.userEvent('deploy', '1.2.3'))
  assert.ok(lamportTime > 0)
  await sim.until(() => heard.length === 5)
  assert.equal(await sim.settled(reading), 'user-event')
  await sim.advance('10m')
  assert.deepEqual(heard.sort(), all)
})

test('queries are answered by handlers that wait, in virtual time', async (t) => {
  const program = (cluster: Cluster) =>
    cluster.on('query', async (query) => {
      await sleep(500)
      await query.respond(`${cluster.localMember().name} at ${Date.now()}`)
    })
  const sim = await simulation(t, { nodes: 4, program, startAt: 0 })
  const query = sim.nodes[2].cluster.query('when', '', { requestAck: true })
  const askedAt = Date.now()
  const { answers, acks, how } = await sim.settled(query.finished)
  assert.equal(how, 'answered')
  assert.equal(acks.length, 4)
  for (const { payload } of answers) {
    const [, at] = new TextDecoder().decode(payload).split(' at ')
    assert.ok(Number(at) >= askedAt + 500 && Number(at) < askedAt + 3_000, at)
  }
})

test('a process that is killed is failed for its peers, its timers are gone; restarted it runs its program anew', async (t) => {
  const ticks: string[] = []
  let lives = 0
  const program = (_cluster: Cluster, { name }: { name: string }) => {
    if (name !== 'n3') return
    lives += 1
    const life = lives
    setInterval(() => ticks.push(`${life}`), 1_000)
  }
  const sim = await simulation(t, { nodes: 4, program })
  const [first, , third] = sim.nodes
  const seen: string[] = []
  for (const type of ['member-failed', 'member-join'] as const)
    first.cluster.on(type, ({ members }) => seen.push(`${type} ${members[0].name}`))
  await sim.advance('3s')
  third.kill()
  assert.throws(() => third.cluster, InvalidArgument)
  const before = ticks.length
  await sim.until(() => seen.length === 1, '1m')
  assert.ok(before >= 3)
  assert.equal(ticks.length, before)
  await third.restart()
  await sim.until(() => sim.isOneView)
  await sim.advance('5s')
  assert.deepEqual(seen, ['member-failed n3', 'member-join n3'])
  assert.ok(ticks.slice(before).every((life) => life === '2') && ticks.length > before)
  await assert.rejects(third.restart(), InvalidArgument)
})

test('two sides of a partition give each other up and find together again; one way alone fails nobody', async (t) => {
  const sim = await simulation(t, { nodes: 6 })
  const [one, other] = [sim.nodes.slice(0, 2), sim.nodes.slice(2)]
  sim.partition(one)
  await sim.until(() => names(one[0].cluster, 'failed').length === 4)
  await sim.until(() => other.every(({ cluster }) => names(cluster, 'failed').length === 2))
  sim.heal()
  await sim.until(() => sim.isOneView)
  const failed: string[] = []
  for (const { cluster } of sim.nodes)
    cluster.on('member-failed', ({ members }) => failed.push(members[0].name))
  sim.cut(sim.nodes[0], sim.nodes[1])
  sim.cut(sim.nodes[2], sim.nodes[3], 'udp')
  sim.weather = { loss: 0.1, duplicates: 0.1, delay: [1, 50] }
  await sim.advance('2m')
  assert.deepEqual(failed, [])
  assert.equal(sim.weather.loss, 0.1)
})

test('a paused process stands still with its program, and goes on where it was; a blocked one is suspected by nobody', async (t) => {
  const ticks = { n2: 0, n3: 0 }
  const stalls: string[] = []
  const program = (cluster: Cluster, { name }: { name: string }) => {
    cluster.on('host-stall', () => stalls.push(name))
    if (name === 'n2' || name === 'n3') setInterval(() => ticks[name]++, 100)
  }
  const sim = await simulation(t, { nodes: 3, program })
  const [first, second, third] = sim.nodes
  const failed: string[] = []
  first.cluster.on('member-failed', ({ members }) => failed.push(members[0].name))
  second.pause()
  third.block()
  const before = { ...ticks }
  await sim.until(() => failed.length > 0)
  await sim.advance('1m')
  assert.deepEqual(ticks, before)
  assert.deepEqual(failed, ['n2'])
  assert.deepEqual(stalls, [])
  second.resume()
  third.unblock()
  await sim.until(() => sim.isOneView && stalls.length > 0)
  assert.deepEqual(stalls, ['n3'])
  await sim.advance(1_000)
  assert.ok(ticks.n2 > before.n2 && ticks.n2 < before.n2 + 400, 'an interval makes up for nothing')
  assert.deepEqual(failed, ['n2'])
})

test('a process that leaves has left for its peers, and its shutdown ends', async (t) => {
  const sim = await simulation(t, { nodes: 3 })
  const [first, , third] = sim.nodes
  const { cluster } = third
  const { told } = await sim.settled(cluster.leave())
  assert.ok(told > 0)
  await sim.settled(cluster.shutdown())
  assert.equal(third.isUp, false)
  await sim.advance('1m')
  assert.deepEqual(names(first.cluster, 'left'), ['n3'])
  assert.deepEqual(names(first.cluster, 'failed'), [])
  await assert.rejects(sim.settled(cluster.userEvent('late')), { code: 'ERR_CLUSTER_CLOSED' })
})

test('files are kept on a disk that outlives the process and may fail', async (t) => {
  const program = (cluster: Cluster) => cluster.on('disk-error', () => errors.push('disk-error'))
  const errors: string[] = []
  const sim = await simulation(t, { nodes: 3, pool: 'apart', program, options: { snapshotPath: 'snapshot' } })
  const [first, second] = sim.nodes
  await sim.settled(second.cluster.join([first.address]))
  await sim.advance('1s')
  second.kill()
  await sim.advance('1s')
  assert.ok((second.disk.read('snapshot')?.length ?? 0) > 0)
  // Nobody joins it: it finds the pool by its snapshot.
  await second.restart()
  await sim.until(() => names(second.cluster, 'alive').length === 2)
  second.disk.mode = 'read-only'
  await sim.settled(first.cluster.userEvent('a'))
  await sim.until(() => errors.length > 0)
})

test('every call of the facade is answered', async (t) => {
  const options = { encryptionKeys: ['CwEeTvU4WfuLgmxz4w5pVg=='] }
  const sim = await simulation(t, { nodes: 3, options })
  const [first, second] = sim.nodes
  await sim.settled(second.cluster.setTags({ role: 'db' }))
  await sim.until(() => first.cluster.member('n2')?.tags.role === 'db')
  assert.ok((await sim.settled(first.cluster.ping('n2'))).rtt > 0)
  await sim.advance('2m')
  assert.ok((await sim.settled(first.cluster.rtt('n2'))) !== undefined)
  assert.equal((await sim.settled(first.cluster.stats())).serf.members, 3)
  assert.ok((await sim.settled(first.cluster.metrics())).length > 50)
  assert.ok((await sim.settled(first.cluster.history())).length > 0)
  assert.equal((await sim.settled(first.cluster.paths())).length, 2)
  const { removed } = await sim.settled(first.cluster.keys.rotate())
  assert.equal(removed, 1)
  assert.equal(Object.keys((await sim.settled(second.cluster.keys.list())).keys).length, 1)
  second.kill()
  await sim.until(() => names(first.cluster, 'failed').length === 1)
  assert.equal((await sim.settled(first.cluster.forceLeave('n2'))).status, 'left')
})

test('handlers in threads of their own are called in virtual time', async (t) => {
  const module = new URL('./kit-handlers.js', import.meta.url)
  const reasons: string[] = []
  const program = (cluster: Cluster) => {
    for (const name of ['quick', 'slow', 'none'])
      cluster.handle('query', name, { module, export: name === 'none' ? 'none' : 'report', timeout: 500 })
    cluster.on('handler-failed', ({ reason }) => reasons.push(reason))
  }
  const sim = await simulation(t, { nodes: 2, program })
  const ask = (name: string) => sim.settled(sim.nodes[0].cluster.query(name).finished)
  const { answers } = await ask('quick')
  assert.deepEqual(
    answers.map(({ payload }) => new TextDecoder().decode(payload)),
    ['quick done', 'quick done'],
  )
  assert.equal((await ask('slow')).answers.length, 0)
  assert.equal((await ask('none')).answers.length, 0)
  assert.deepEqual(reasons, ['timeout', 'timeout', 'threw', 'threw'])
})

test('seeds are found by name, and more members come later', async (t) => {
  const sim = await simulation(t, { nodes: 1, pool: 'apart' })
  const [first] = sim.nodes
  sim.names.set('pool.example', [first.address.split(':')[0]])
  const [late] = await sim.start(1, { tags: { role: 'late' } })
  await sim.settled(late.cluster.join(['pool.example']))
  await sim.until(() => first.cluster.member(late.name)?.tags.role === 'late')
})

test('one seed gives one run, whatever the code of the host draws and waits; another seed another', async () => {
  const run = async (seed: number) => {
    const seen: string[] = []
    const program = async (cluster: Cluster) => {
      cluster.on('user-event', ({ name }) => seen.push(`${performance.now()} ${name}`))
      for (let i = 0; i < 5; i++) {
        await sleep(Math.random() * 1_000)
        await cluster.userEvent(`e${Math.floor(Math.random() * 1e6)}`)
      }
    }
    const sim = await simulate({ seed, nodes: 4, program, weather: { loss: 0.1, delay: [1, 30] } })
    try {
      sim.nodes[1].kill()
      await sim.advance('30s')
      return { seen, hash: sim.hash }
    } finally {
      await sim.end()
    }
  }
  const one = await run(3)
  assert.ok(one.seen.length > 15)
  assert.deepEqual(await run(3), one)
  assert.notDeepEqual(await run(4), one)
})

test('what code of the host throws fails the test where time passes', async (t) => {
  const sim = await simulation(t, { nodes: 2 })
  const [first] = sim.nodes
  first.cluster.on('user-event', () => assert.fail('in a listener'))
  // It may be heard before the call is answered, or behind it.
  await assert.rejects(async () => {
    await sim.settled(first.cluster.userEvent('a'))
    await sim.advance('1s')
  }, /in a listener/)
  setTimeout(() => assert.fail('in a timer'), 10)
  await assert.rejects(sim.advance(20), /in a timer/)
  await sim.end()
  const program = async () => {
    await sleep(1)
    throw new Error('in a program')
  }
  await assert.rejects(simulate({ nodes: 2, program }), /in a program/)
})

test('what cannot be is refused, and nothing stays behind', async (t) => {
  for (const nodes of [-1, 1.5]) await assert.rejects(simulate({ nodes }), InvalidArgument)
  await assert.rejects(simulate({ options: { probeInterval: -1 } }), InvalidOption)
  const url = 'file:///none.js'
  await assert.rejects(simulate({ options: { transport: { module: url } } }), InvalidOption)
  await assert.rejects(simulate({ options: { admit: { module: { url } } } }), InvalidOption)
  const sim = await simulation(t, { nodes: 2 })
  await assert.rejects(simulate(), InvalidArgument)
  await assert.rejects(
    sim.until(() => false, '1s'),
    SimulationTimeout,
  )
  await assert.rejects(sim.settled(new Promise(() => undefined), 1_000), SimulationTimeout)
  for (const time of [-1, Number.NaN]) await assert.rejects(sim.advance(time), InvalidArgument)
  await assert.rejects(sim.advance('soon'))
  const both = [sim.advance(10), sim.advance(10)]
  await assert.rejects(both[1], InvalidArgument)
  await both[0]
  await sim.end()
  await assert.rejects(sim.advance(1), InvalidArgument)
})
