/** The protocol in virtual time: what a pool must do, whatever the seed. Bounds come from the formulas, not from watching it run. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { suspicionMin } from '../../src/gossip/formulas.ts'
import { type SimulatedNode, World } from '../../src/simulator/index.ts'

const LAN = { probeInterval: 1_000, suspicionMult: 4, suspicionMaxTimeoutMult: 6 }
const MINUTE = 60_000

function formed(
  seed: number,
  count: number,
  options: Omit<ConstructorParameters<typeof World>[0], 'seed'> = {},
) {
  const world = new World({ seed, ...options })
  const nodes = world.pool(count)
  // Without luck a member misses a broadcast, and the next push/pull tells it: at most two scaled intervals and a random start.
  assert.ok(world.runUntil(() => world.isOneView(), 4 * MINUTE) < 4 * MINUTE, 'no one view')
  return { world, nodes }
}

/** Longest time from a death until all know it: every peer is probed within two rounds, a probe, the longest suspicion. */
function detectionBound(count: number): number {
  const suspicion = suspicionMin(LAN.suspicionMult, count, LAN.probeInterval) * LAN.suspicionMaxTimeoutMult
  return (2 * count + 1) * LAN.probeInterval + suspicion + 5_000
}

const everywhere = (nodes: readonly SimulatedNode[], holds: (node: SimulatedNode) => boolean) => () =>
  nodes.filter(({ isUp }) => isUp).every(holds)

for (const count of [3, 20, 60]) {
  test(`${count} nodes that join one of them form one view, and a user event reaches each of them exactly once`, () => {
    const { world, nodes } = formed(count, count)
    world.event(nodes[1], 'deploy', '1.2.3')
    world.run(10_000)
    const heard = world.transitions.filter(({ kind }) => kind === 'user').map(({ observer }) => observer)
    // A member may miss the gossip of one event with probability e^-k; a push/pull brings it then, and only then.
    world.run(2 * MINUTE)
    const all = world.transitions.filter(({ kind }) => kind === 'user').map(({ observer }) => observer)
    assert.deepEqual([...all].sort(), nodes.map(({ name }) => name).sort())
    assert.ok(heard.length >= count - 1, `${heard.length} of ${count} by gossip`)
  })

  test(`a killed node of ${count} is failed everywhere within the bound of detection, and nobody else is`, () => {
    const { world, nodes } = formed(count + 100, count)
    nodes[2].kill()
    const bound = detectionBound(count)
    const took = world.runUntil(
      everywhere(nodes, (node) => node.inStatus('failed').includes('n3')),
      bound,
    )
    assert.ok(took < bound, `not failed everywhere after ${bound} ms`)
    const failed = new Set(world.transitions.filter(({ kind }) => kind === 'failed').map(({ name }) => name))
    assert.deepEqual([...failed], ['n3'])
  })

  test(`a member of ${count} that leaves is left everywhere, and failed for nobody`, () => {
    const { world, nodes } = formed(count + 200, count)
    const reply = nodes[1].command({ type: 'leave' })
    assert.ok(world.runUntil(() => reply.envelope !== undefined, 20_000) < 20_000)
    assert.equal(reply.envelope?.ok, true)
    nodes[1].kill()
    const took = world.runUntil(
      everywhere(nodes, (node) => node.inStatus('left').includes('n2')),
      4 * MINUTE,
    )
    assert.ok(took < 4 * MINUTE)
    world.run(MINUTE)
    assert.deepEqual(
      world.transitions.filter(({ kind }) => kind === 'failed'),
      [],
    )
  })
}

test('new tags are an update everywhere', () => {
  const { world, nodes } = formed(1, 10)
  nodes[3].command({ type: 'set-tags', tags: { role: 'db' } })
  const knows = (node: SimulatedNode) => node.members.get('n4')?.tags.role === 'db'
  assert.ok(world.runUntil(everywhere(nodes, knows), MINUTE) < MINUTE)
  for (const node of nodes)
    assert.deepEqual(
      world.story(node, nodes[3]).filter((kind) => kind === 'update'),
      ['update'],
    )
})

test('a member that is wrongly suspected refutes, with a higher incarnation, and nobody fails it', () => {
  const { world, nodes } = formed(2, 8)
  // For a while nothing reaches it from anybody: pings get no answer, TCP neither.
  for (const node of nodes.slice(1)) world.network.cut(node, nodes[0], 'all')
  const suspected = () => world.nodes.slice(1).some((node) => node.members.get('n1')?.incarnation !== 1)
  world.run(3_500)
  world.network.heal()
  world.run(MINUTE)
  assert.ok(suspected(), 'somebody must have seen a higher incarnation, or this test shows nothing')
  assert.deepEqual(
    world.transitions.filter(({ kind }) => kind === 'failed'),
    [],
  )
  assert.ok(world.isOneView())
})

test('a node that was killed and starts again under its name is alive everywhere with a higher incarnation', () => {
  const { world, nodes } = formed(3, 10)
  nodes[4].kill()
  assert.ok(
    world.runUntil(
      everywhere(nodes, (node) => node.inStatus('failed').includes('n5')),
      detectionBound(10),
    ) < Infinity,
  )
  world.boot(nodes[4])
  world.join(nodes[4], nodes[0])
  assert.ok(world.runUntil(() => world.isOneView(), MINUTE) < MINUTE)
  for (const node of nodes) assert.ok((node.members.get('n5')?.incarnation ?? 0) > 1, node.name)
})

test('a restart that nobody noticed does not end in a failure later', () => {
  const { world, nodes } = formed(4, 10)
  nodes[4].kill()
  world.boot(nodes[4])
  world.join(nodes[4], nodes[0])
  world.run(MINUTE)
  assert.ok(world.isOneView())
  assert.deepEqual(
    world.transitions.filter(({ kind }) => kind === 'failed'),
    [],
  )
})

test('with UDP cut one way and TCP open nobody fails anybody', () => {
  const { world, nodes } = formed(5, 12)
  for (const node of nodes.slice(1)) world.network.cut(node, nodes[0], 'udp')
  world.run(2 * MINUTE)
  assert.ok(world.network.counters.get('cut') > 100)
  assert.deepEqual(
    world.transitions.filter(({ kind }) => kind === 'failed'),
    [],
  )
})

test('two members that cannot reach each other at all are vouched for by others', () => {
  const { world, nodes } = formed(6, 8)
  world.split([nodes[0]], [nodes[1]])
  world.run(2 * MINUTE)
  assert.ok(world.network.counters.get('cut') > 10)
  assert.deepEqual(
    world.transitions.filter(({ kind }) => kind === 'failed'),
    [],
  )
})

test('with a quarter of all packets lost nobody healthy fails in ten minutes', () => {
  const { world } = formed(7, 16)
  world.network.weather = { loss: 0.25, duplicates: 0.05, delay: [0.5, 20] }
  world.run(10 * MINUTE)
  assert.ok(world.network.counters.get('lost') > 1_000)
  assert.deepEqual(
    world.transitions.filter(({ kind }) => kind === 'failed'),
    [],
  )
})

test('two halves give each other up when they are parted, and a join brings them together again', () => {
  const { world, nodes } = formed(8, 10)
  const [one, other] = [nodes.slice(0, 5), nodes.slice(5)]
  world.split(one, other)
  const gaveUp = (half: SimulatedNode[], lost: SimulatedNode[]) =>
    half.every((node) => lost.every(({ name }) => node.inStatus('failed').includes(name)))
  const bound = 2 * detectionBound(10)
  assert.ok(world.runUntil(() => gaveUp(one, other) && gaveUp(other, one), bound) < bound)
  world.network.heal()
  world.join(nodes[0], nodes[9])
  assert.ok(world.runUntil(() => world.isOneView(), 2 * MINUTE) < 2 * MINUTE)
})

test('a member that stands still for half a minute accuses nobody when it wakes, and is a member again', () => {
  const { world, nodes } = formed(9, 8)
  nodes[0].freeze()
  world.run(30_000)
  const from = world.transitions.length
  nodes[0].thaw()
  world.run(MINUTE)
  const failed = world.transitions.slice(from).filter(({ kind }) => kind === 'failed')
  assert.deepEqual(
    failed.map(({ observer, name }) => `${observer} failed ${name}`),
    [],
  )
  assert.ok(world.isOneView())
})

test('one seed gives one run, to the last transition; another seed another', () => {
  const run = (seed: number) => {
    const { world, nodes } = formed(seed, 6, { weather: { loss: 0.1, duplicates: 0.05, delay: [0.1, 30] } })
    nodes[2].kill()
    world.event(nodes[1], 'deploy', 'x')
    world.run(MINUTE)
    return world.hash
  }
  assert.equal(run(42), run(42))
  assert.notEqual(run(42), run(43))
})
