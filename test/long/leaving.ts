/**
 * Leaving and pruning in large pools: of 200 members 99% see a leave, and nobody a failure, when the process ends two seconds after it began to
 * leave; and fifty prunes in a pool of 250 come to rest within a minute.
 */
import assert from 'node:assert/strict'
import { type SimulatedNode, World } from '../../src/simulator/index.ts'

const MINUTE = 60_000
const LEAVERS = 10
const MEMBERS = 250
const PRUNED = 50
/** How long the idle traffic is measured. */
const WINDOW = 10_000

export function prove(seed: number): Promise<unknown> {
  return Promise.resolve({ leaves: leaves(seed), prunes: prunes(seed) })
}

/** Looks once in a virtual second. */
function comesTrue(world: World, limit: number, condition: () => boolean): boolean {
  return world.runLookingEach(1_000, condition, limit) < Number.POSITIVE_INFINITY
}

function formed(seed: number, count: number): { world: World; nodes: SimulatedNode[] } {
  const world = new World({ seed, handling: 'share', options: { reconnectInterval: 0 } })
  const nodes = world.pool(count)
  assert.ok(
    comesTrue(world, 5 * MINUTE, () => world.isOneView()),
    'the pool formed',
  )
  return { world, nodes }
}

function leaves(seed: number) {
  const { world, nodes } = formed(seed, 200)
  const informed: number[] = []
  for (let i = 0; i < LEAVERS; i++) {
    const leaver = nodes[3 + i * 7]
    const others = nodes.filter((node) => node.isUp && node !== leaver)
    leaver.command({ type: 'leave' })
    world.run(2_000)
    leaver.kill()
    world.run(2_000)
    informed.push(others.filter((node) => node.inStatus('left').includes(leaver.name)).length / others.length)
  }
  // Longer than anybody suspects anybody in a pool of this size.
  world.run(30_000)
  const failed = world.transitions.filter(({ kind }) => kind === 'failed').length
  assert.equal(failed, 0, 'nobody saw a failure')
  assert.ok(Math.min(...informed) >= 0.99, `${informed}`)
  return { members: 200, leavers: LEAVERS, leastInformed: Math.min(...informed), failed }
}

function prunes(seed: number) {
  const { world, nodes } = formed(seed + 1, MEMBERS)
  const gone = nodes.slice(MEMBERS - PRUNED)
  const stay = nodes.slice(0, MEMBERS - PRUNED)
  for (const node of gone) node.kill()
  const isSeen = () => stay.every((node) => node.inStatus('failed').length === gone.length)
  assert.ok(comesTrue(world, 20 * MINUTE, isSeen), 'all are failed')
  world.run(WINDOW)
  const before = traffic(world, WINDOW)
  for (const { name } of gone) stay[0].command({ type: 'force-leave', name, prune: true })
  const during = traffic(world, MINUTE)
  const after = traffic(world, WINDOW)
  // Gossip misses a member now and then, of many prunes in one packet all of them at once; no exchange tells it later. It reaps them in time.
  const listed = stay.reduce((sum, node) => sum + node.members.size - stay.length, 0)
  const missed = listed / (stay.length * PRUNED)
  assert.ok(missed < 0.002, `${listed} of ${stay.length * PRUNED} prunes were missed`)
  assert.ok(after < before * 1.1, `${after} bytes in 10 s afterwards, ${before} before`)
  return { members: MEMBERS, pruned: PRUNED, missed, bytesIn10s: { before, after }, bytesInTheMinute: during }
}

function traffic(world: World, time: number): number {
  const before = world.network.counters.get('bytes')
  world.run(time)
  return world.network.counters.get('bytes') - before
}
