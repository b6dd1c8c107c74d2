/** Leaving in whole pools: who was told, that it is never a failure, that prunes and echoes come to rest, and that fast restarts are seen. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SimulatedNode, World } from '../../src/simulator/index.ts'

const MINUTE = 60_000

function formed(
  seed: number,
  count: number,
  options: ConstructorParameters<typeof World>[0]['options'] = {},
) {
  const world = new World({ seed, options, handling: 'share' })
  const nodes = world.pool(count)
  assert.ok(world.runUntil(() => world.isOneView(), 2 * MINUTE) < 2 * MINUTE, 'the pool formed')
  return { world, nodes }
}

/** What a leave was answered with. */
function leave(world: World, node: SimulatedNode): unknown {
  const reply = node.command({ type: 'leave' })
  assert.ok(world.runUntil(() => reply.envelope !== undefined, 30_000) < 30_000, 'the leave is answered')
  return reply.envelope?.ok && reply.envelope.value
}

function failures(world: World): string[] {
  const failed = world.transitions.filter(({ kind }) => kind === 'failed')
  return failed.map(({ observer, name }) => `${observer} failed ${name}`)
}

test('a leave says exactly how many peers acknowledged it: three of three, and only those that live', () => {
  const { world, nodes } = formed(1, 4)
  assert.deepEqual(leave(world, nodes[0]), { told: 3 })
  const lonely = formed(2, 1)
  assert.deepEqual(leave(lonely.world, lonely.nodes[0]), { told: 0 })
  // Two of them have just died, and nobody knows yet.
  const halved = formed(3, 4)
  halved.nodes[2].kill()
  halved.nodes[3].kill()
  assert.deepEqual(leave(halved.world, halved.nodes[0]), { told: 1 })
})

test('with a third of all packets lost a leave is still acknowledged by nearly all, and counts nobody twice', () => {
  const { world, nodes } = formed(4, 12)
  world.network.weather = { loss: 0.33, duplicates: 0.2, delay: [0.5, 20] }
  const value = leave(world, nodes[0])
  assert.ok(typeof value === 'object' && value !== null && 'told' in value && typeof value.told === 'number')
  assert.ok(value.told >= 7 && value.told <= 11, `${value.told} of 11`)
  // Acks so late that all peers have been tried again by then.
  const slow = formed(14, 6)
  slow.world.network.weather = { loss: 0, duplicates: 0.2, delay: [210, 230] }
  assert.deepEqual(leave(slow.world, slow.nodes[0]), { told: 5 })
})

// With 200 members: test/long/leaving.ts.
test('of 50 members all see a leave and none a failure when the process ends two seconds after it began to leave', () => {
  const { world, nodes } = formed(5, 50)
  const leaver = nodes[7]
  leaver.command({ type: 'leave' })
  world.run(2_000)
  const before = nodes.filter((node) => node !== leaver && node.members.get(leaver.name)?.status !== 'alive')
  assert.equal(before.length, 49, 'all know of it when the process ends')
  leaver.kill()
  world.run(MINUTE)
  assert.deepEqual(failures(world), [])
  const left = nodes.filter((node) => node !== leaver && node.inStatus('left').includes(leaver.name))
  assert.equal(left.length, 49)
})

test('twenty members that leave one after the other under packet loss are failed for nobody', () => {
  const { world, nodes } = formed(6, 24)
  world.network.weather = { loss: 0.1, duplicates: 0.05, delay: [0.5, 20] }
  for (const node of nodes.slice(4)) {
    leave(world, node)
    node.kill()
  }
  world.run(2 * MINUTE)
  assert.deepEqual(failures(world), [])
  for (const node of nodes.slice(0, 4)) assert.equal(node.inStatus('left').length, 20)
})

test('a leave and a forced leave of the same member at once do not echo: the traffic comes to rest', () => {
  const { world, nodes } = formed(7, 8)
  nodes[0].command({ type: 'leave' })
  nodes[1].command({ type: 'force-leave', name: nodes[0].name, prune: false })
  nodes[2].command({ type: 'force-leave', name: nodes[0].name, prune: false })
  world.run(MINUTE)
  for (const node of nodes.slice(1)) assert.deepEqual(node.inStatus('left'), [nodes[0].name])
  assert.deepEqual(
    queued(world, nodes),
    nodes.map(() => 0),
  )
})

test('a leave that cannot be spread, since nobody can be reached, still ends: every step is taken', () => {
  const { world, nodes } = formed(8, 4, { broadcastTimeout: 2_000 })
  world.split([nodes[0]], nodes.slice(1))
  const from = world.now
  assert.deepEqual(leave(world, nodes[0]), { told: 0 })
  assert.ok(world.now - from < 10_000)
  assert.equal(nodes[0].members.get(nodes[0].name)?.status, 'left')
})

// Fifty of 250: test/long/leaving.ts.
test('prunes of thirty members: all erase all, and within a minute the traffic is idle again', () => {
  const { world, nodes } = formed(9, 40, { reconnectInterval: 0 })
  const gone = nodes.slice(10)
  const stay = nodes.slice(0, 10)
  for (const node of gone) node.kill()
  const seeGone = () => stay.every((node) => node.inStatus('failed').length === 30)
  assert.ok(world.runUntil(seeGone, 20 * MINUTE) < 20 * MINUTE, 'all are failed')
  world.run(MINUTE)
  for (const { name } of gone) stay[0].command({ type: 'force-leave', name, prune: true })
  world.run(MINUTE)
  for (const node of stay) assert.equal(node.members.size, 10, node.name)
  assert.deepEqual(
    queued(world, stay),
    stay.map(() => 0),
  )
  world.run(5 * MINUTE)
  for (const node of stay) assert.equal(node.members.size, 10, `${node.name} stays clean`)
})

test('two halves of a pool that gave each other up find together by themselves when the network is whole again', () => {
  const { world, nodes } = formed(10, 20)
  const [one, other] = [nodes.slice(0, 10), nodes.slice(10)]
  world.split(one, other)
  world.run(10 * MINUTE)
  assert.ok(nodes.every((node) => node.inStatus('failed').length === 10))
  world.network.heal()
  // Each tick every member tries, since half of the pool is gone; a few more rounds until the refutations have met everybody.
  assert.ok(world.runUntil(() => world.isOneView(), 2 * MINUTE) < 2 * MINUTE)
})

test('a pool through which two hundred names pass is as small afterwards as it was before', () => {
  const { world, nodes } = formed(11, 3, {
    tombstoneTimeout: 20_000,
    reapInterval: 5_000,
    gossipToTheDeadTime: 5_000,
  })
  for (let i = 0; i < 40; i++) {
    const guests = Array.from({ length: 5 }, (_, j) => world.startOne({ nodeName: `guest-${i}-${j}` }))
    for (const guest of guests) world.join(guest, nodes[0])
    world.run(2_000)
    for (const guest of guests) guest.command({ type: 'leave' })
    world.run(4_000)
    for (const guest of guests) guest.kill()
  }
  world.run(2 * MINUTE)
  for (const node of nodes) assert.deepEqual([...node.members.keys()].sort(), ['n1', 'n2', 'n3'])
  assert.deepEqual(failures(world), [])
})

function queued(world: World, nodes: readonly SimulatedNode[]): number[] {
  const replies = nodes.map((node) => node.command({ type: 'stats' }))
  world.run(100)
  return replies.map(({ envelope }) => {
    const stats = envelope?.ok ? new Map(Object.entries(envelope.value ?? {})) : new Map<string, unknown>()
    return Number(stats.get('intent_queue')) + Number(stats.get('membership_queue'))
  })
}
