/** Restarts from a snapshot in virtual time: what a life before knew is in force before the first packet is read. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SimulatedNode, World } from '../../src/simulator/index.ts'

const MINUTE = 60_000

function formed(seed: number, count: number) {
  const world = new World({ seed, options: { snapshotPath: 'snapshot' } })
  const nodes = world.pool(count)
  assert.ok(world.runUntil(() => world.isOneView(), 4 * MINUTE) < 4 * MINUTE, 'no one view')
  return { world, nodes }
}

function heardBy(world: World, node: SimulatedNode): string[] {
  return world.transitions
    .filter(({ kind, observer }) => kind === 'user' && observer === node.name)
    .map(({ name }) => name)
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`500 events, a kill in their midst, a restart: none is seen twice (seed ${seed})`, () => {
    const { world, nodes } = formed(seed, 3)
    const [first, second, third] = nodes
    for (let i = 0; i < 500; i++) {
      world.event(i % 2 === 0 ? first : second, `event-${i}`)
      world.run(world.faults.next() * 4)
    }
    world.run(world.faults.next() * 20)
    third.kill()
    const before = heardBy(world, third)
    assert.ok(before.length > 50, `it had heard ${before.length}`)
    world.boot(third)
    // It finds its pool by itself.
    world.run(2 * MINUTE)
    assert.ok(world.isOneView())
    const all = heardBy(world, third)
    assert.equal(new Set(all).size, all.length, 'an event was seen twice')
    world.event(first, 'new')
    world.run(MINUTE)
    assert.ok(heardBy(world, third).includes('new'), 'a new event is heard')
  })
}

test('a peer that pushes its state in the first millisecond, while the files are read, brings no event and no query again (B8)', () => {
  const { world, nodes } = formed(31, 3)
  const [first, , third] = nodes
  for (let i = 0; i < 20; i++) world.event(first, `event-${i}`)
  const query = first.questions.ask({ name: 'query', timeout: 1_000 })
  assert.ok(world.runUntil(() => query.ended !== undefined, MINUTE) < MINUTE)
  world.run(MINUTE)
  const kinds = () =>
    world.transitions.filter(({ observer, kind }) => observer === third.name && /user|query/.test(kind))
  assert.equal(kinds().length, 21)
  third.kill()
  world.boot(third)
  const pushed = world.join(first, third)
  world.run(MINUTE)
  assert.ok(pushed.envelope?.ok, 'the peer was there before we could join anybody')
  assert.ok(world.isOneView())
  assert.equal(kinds().length, 21, 'something was seen twice')
})

test('clocks and tags of the life before are in force when a member begins', () => {
  const world = new World({ seed: 9 })
  const node = world.startOne({ snapshotPath: 'snapshot', tagsFile: 'tags', tags: { role: 'first' } })
  world.run(1_000)
  assert.equal(node.members.get(node.name)?.tags.role, 'first')
  node.kill()
  node.disk.write('snapshot', new TextEncoder().encode('clock: 12\nevent-clock: 77\nquery-clock: 5\n'))
  node.disk.write('tags', new TextEncoder().encode('{"role": "kept"}'))
  world.boot(node)
  const stats = node.command({ type: 'stats' })
  world.run(1_000)
  const { envelope } = stats
  assert.ok(envelope?.ok)
  const { member_time, event_time, query_time } = Object(envelope.value)
  assert.deepEqual(
    { member_time, event_time, query_time },
    { member_time: 13, event_time: 78, query_time: 6 },
  )
  assert.equal(node.members.get(node.name)?.tags.role, 'kept')
})

test('a member that starts while the network is down finds its pool when it is up again (B38, row 23)', () => {
  const { world, nodes } = formed(21, 3)
  const [first, second, third] = nodes
  third.kill()
  world.run(MINUTE)
  world.split([third], [first, second])
  world.boot(third)
  world.run(5 * MINUTE)
  assert.deepEqual(third.inStatus('alive'), [third.name])
  world.network.heal()
  const took = world.runUntil(() => world.isOneView(), 2 * MINUTE)
  assert.ok(took < 2 * MINUTE, 'no one view')
})

test('after the whole pool lost its power, those that had failed before are found again too (row 21)', () => {
  const { world, nodes } = formed(22, 4)
  const lost = nodes[3]
  lost.kill()
  world.runUntil(() => nodes[0].inStatus('failed').includes(lost.name), 5 * MINUTE)
  world.run(1_000)
  for (const node of nodes.slice(0, 3)) {
    node.kill()
    node.disk.losePower('zeroed')
  }
  world.run(1_000)
  // Only the one that had failed, which nobody else lists as alive, and one of the others come back.
  lost.disk.write('snapshot', new Uint8Array(0))
  world.boot(lost)
  world.boot(nodes[0])
  const took = world.runUntil(() => nodes[0].inStatus('alive').includes(lost.name), 2 * MINUTE)
  assert.ok(took < 2 * MINUTE, 'the failed one was not found')
})

test('whom a snapshot calls failed is listed as failed after a restart, and tried until it is back', () => {
  const world = new World({ seed: 23 })
  const first = world.startOne({ nodeName: 'first', snapshotPath: 'snapshot' })
  const [second, lost] = world.start(2)
  for (const node of [second, lost]) world.join(node, first)
  assert.ok(world.runUntil(() => world.isOneView(), MINUTE) < MINUTE)
  lost.kill()
  const isFailed = () => first.inStatus('failed').includes(lost.name)
  assert.ok(world.runUntil(isFailed, 2 * MINUTE) < 2 * MINUTE)
  world.run(1_000)
  first.kill()
  world.boot(first)
  world.run(10_000)
  const { status, address, port } = first.members.get(lost.name) ?? {}
  assert.deepEqual({ status, address, port }, { status: 'failed', address: lost.ip, port: lost.port })
  const others = world.transitions.filter(
    ({ observer, name }) => observer === second.name && name === lost.name,
  )
  assert.ok(!others.slice(1).some(({ kind }) => kind === 'join'), 'it is news for nobody else')
  // Nobody tells it where the pool is: it has to be found.
  world.boot(lost)
  const took = world.runUntil(() => world.isOneView(), 10 * MINUTE)
  assert.ok(took < 10 * MINUTE, 'the failed one was not found')
  assert.deepEqual(
    world
      .story(first, lost)
      .filter((kind) => kind !== 'change')
      .slice(-1),
    ['join'],
  )
})

test('a member that is remembered as failed and never comes back is reaped', () => {
  const world = new World({ seed: 24, handling: 'share' })
  const node = world.startOne({ snapshotPath: 'snapshot', reconnectTimeout: MINUTE })
  node.kill()
  node.disk.write(
    'snapshot',
    new TextEncoder().encode('# failed: gone 10.9.9.9:7946\n# failed: odd nonsense\n'),
  )
  world.boot(node)
  world.run(10_000)
  assert.deepEqual(node.inStatus('failed'), ['gone'])
  world.run(2 * MINUTE)
  assert.equal(node.members.has('gone'), false)
})

for (const wish of ['deliver', 'ignore'] as const) {
  test(`without a snapshot, what a pool pushes before the host joins is not heard, and then as the join says: ${wish} (B8)`, () => {
    const world = new World({ seed: 25 })
    const [first, second] = world.pool(2)
    for (let i = 0; i < 5; i++) world.event(first, `old-${i}`)
    world.run(MINUTE)
    const newcomer = world.startOne()
    // Somebody knows its address already.
    world.join(second, newcomer)
    world.run(20)
    assert.ok(newcomer.members.size > 1, 'the state was pushed')
    world.event(first, 'new')
    world.run(10_000)
    assert.deepEqual(heardBy(world, newcomer), ['new'])
    const seeds = [`${first.ip}:${first.port}`]
    newcomer.command({ type: 'join', seeds, ignoreOldEvents: wish === 'ignore' })
    world.run(2 * MINUTE)
    const old = wish === 'deliver' ? ['old-0', 'old-1', 'old-2', 'old-3', 'old-4'] : []
    assert.deepEqual(heardBy(world, newcomer), ['new', ...old])
  })
}

test('a disk that fails is told to the host, and the member stays in its pool', () => {
  const { world, nodes } = formed(11, 3)
  nodes[0].disk.mode = 'read-only'
  world.event(nodes[1], 'deploy')
  world.run(10_000)
  assert.deepEqual(heardBy(world, nodes[0]), ['deploy'])
  assert.ok(nodes[0].notices.some(({ type }) => type === 'disk-error'))
  assert.ok(world.isOneView())
})
