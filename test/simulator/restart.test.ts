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
    world.join(third, first)
    world.run(2 * MINUTE)
    const all = heardBy(world, third)
    assert.equal(new Set(all).size, all.length, 'an event was seen twice')
    world.event(first, 'new')
    world.run(MINUTE)
    assert.ok(heardBy(world, third).includes('new'), 'a new event is heard')
  })
}

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

test('a disk that fails is told to the host, and the member stays in its pool', () => {
  const { world, nodes } = formed(11, 3)
  nodes[0].disk.mode = 'read-only'
  world.event(nodes[1], 'deploy')
  world.run(10_000)
  assert.deepEqual(heardBy(world, nodes[0]), ['deploy'])
  assert.equal(nodes[0].notices[0]?.type, 'disk-error')
  assert.ok(world.isOneView())
})
