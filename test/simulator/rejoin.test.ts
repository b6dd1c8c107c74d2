/** Rejoin in virtual time: networks that come up late, names that move, pools that were cut in two for longer than anybody remembers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SimulatedNode, World } from '../../src/simulator/index.ts'

const MINUTE = 60_000
/** Time between two tries of lost seeds, and Serf's reconnect interval. */
const INTERVAL = 30_000
const CONNECTION = { isolated: 0, joining: 1, joined: 2 }

function gauge(world: World, node: SimulatedNode, name: string): number {
  const reply = node.command({ type: 'stats' })
  world.run(1)
  const value = reply.envelope?.ok ? reply.envelope.value : undefined
  assert.ok(typeof value === 'object' && value !== null)
  return Number(Reflect.get(value, name))
}

const connection = (world: World, node: SimulatedNode) => gauge(world, node, 'folkmoot.connection')

for (const seed of [1, 2, 3]) {
  test(`seed ${seed}: a member that starts before its network is joined when the network comes up`, () => {
    const world = new World({ seed })
    const early = world.startOne({ rejoin: { seeds: ['first.example.org'] } })
    world.run(5 * MINUTE)
    assert.equal(connection(world, early), CONNECTION.joining)
    const tries = gauge(world, early, 'folkmoot.rejoin.tries')
    // 1, 2, 4, 8, 16, 30, 30 ... seconds, each shortened by up to half.
    assert.ok(tries >= 12 && tries <= 30, `${tries} tries in five minutes`)
    const first = world.startOne()
    world.names.set('first.example.org', [first.ip])
    assert.ok(world.runUntil(() => world.isOneView(), INTERVAL + 5_000) <= INTERVAL + 5_000)
    assert.equal(connection(world, early), CONNECTION.joined)
  })

  test(`seed ${seed}: names are resolved again: who is alone finds the pool at its new addresses`, () => {
    const world = new World({ seed: seed + 10 })
    const [one, two] = world.start(2)
    world.names.set('pool.example.org', [one.ip])
    two.command({ type: 'join', seeds: ['pool.example.org'], ignoreOldEvents: false })
    assert.ok(world.runUntil(() => world.isOneView(), 10_000) < 10_000)
    one.kill()
    world.run(2 * MINUTE)
    assert.equal(connection(world, two), CONNECTION.isolated)
    const three = world.startOne()
    world.names.set('pool.example.org', [three.ip])
    assert.ok(world.runUntil(() => world.isOneView(), INTERVAL + 5_000) <= INTERVAL + 5_000)
    assert.equal(connection(world, two), CONNECTION.joined)
  })

  test(`seed ${seed}: a pool of twenty, cut in two until each half forgot the other, is one within two intervals`, () => {
    const world = new World({ seed: seed + 20, options: { reconnectTimeout: 10 * MINUTE } })
    const nodes = world.start(20)
    const seeds = [nodes[0], nodes[19]].map(({ ip, port }) => `${ip}:${port}`)
    for (const node of nodes) node.command({ type: 'join', seeds, ignoreOldEvents: false })
    assert.ok(world.runUntil(() => world.isOneView(), 4 * MINUTE) < 4 * MINUTE)
    world.split(nodes.slice(0, 10), nodes.slice(10))
    world.run(60 * MINUTE)
    assert.equal(nodes[3].members.size, 10, 'something is remembered, and reconnects could find it')
    world.network.heal()
    const took = world.runUntil(() => world.isOneView(), 2 * INTERVAL)
    assert.ok(took <= 2 * INTERVAL, 'not one view')
  })
}

test('in a pool that is whole nobody tries anything; after a leave neither', () => {
  const world = new World({ seed: 4 })
  const [one, two] = world.pool(2)
  world.runUntil(() => world.isOneView(), 10_000)
  world.run(10 * MINUTE)
  const dialled = gauge(world, two, 'folkmoot.rejoin.reached')
  assert.ok(Number.isNaN(dialled) || dialled === 0)
  two.command({ type: 'leave' })
  world.run(MINUTE)
  one.kill()
  world.run(5 * MINUTE)
  const before = world.network.counters.get('dialled')
  world.run(5 * MINUTE)
  assert.equal(world.network.counters.get('dialled'), before)
})

test('`rejoin: false` keeps nothing', () => {
  const world = new World({ seed: 5, options: { rejoin: false } })
  const [one, two] = world.pool(2)
  world.runUntil(() => world.isOneView(), 10_000)
  one.kill()
  world.run(10 * MINUTE)
  assert.ok(Number.isNaN(gauge(world, two, 'folkmoot.rejoin.tries')))
})

test('the tries of a big pool for a seed that is gone for good stay few', () => {
  const world = new World({ seed: 6 })
  const nodes = world.start(40)
  for (const node of nodes.slice(1)) world.join(node, nodes[0])
  world.runUntil(() => world.isOneView(), 4 * MINUTE)
  nodes[0].kill()
  world.run(10 * MINUTE)
  const tries = nodes.slice(1).map((node) => gauge(world, node, 'folkmoot.rejoin.tries') || 0)
  const total = tries.reduce((sum, one) => sum + one, 0)
  // About eight an interval of 30 s, each member's interval shortened by a quarter on average.
  assert.ok(total > 80 && total < 400, `${total} tries of 39 members in ten minutes`)
})
