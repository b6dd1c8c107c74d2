/** Scenes with many members at once, for the tests in CI and for the long proofs: each a pure function of its seed. */
import { type SimulatedNode, World } from '../../src/simulator/index.ts'

const MINUTE = 60_000

function formed(world: World, count: number): SimulatedNode[] {
  const nodes = world.pool(count)
  if (world.runUntil(() => world.isOneView(), 4 * MINUTE) === Infinity)
    throw new Error('the pool never formed')
  return nodes
}

/** Share of datagrams that a busy host loses while so many members start at once. */
const LOSS = 0.1

/** Milliseconds until all that joined one at once list each other. */
export function joinAtOnce(seed: number, count: number): number {
  const weather = { loss: LOSS, duplicates: 0, delay: [0.1, 1] } as const
  const world = new World({ seed, handling: 'share', weather })
  world.pool(count)
  return world.runUntil(() => world.isOneView(), 3 * MINUTE)
}

/** Restarts all members, each at some moment within 10 s; milliseconds from the last restart until all list each other again. */
export function restartAll(seed: number, count: number): number {
  const world = new World({ seed, handling: 'share' })
  const nodes = formed(world, count)
  world.run(10_000)
  const inOrder = nodes.map((node) => ({ node, at: world.faults.next() })).sort((a, b) => a.at - b.at)
  for (const [i, { node }] of inOrder.entries()) {
    node.kill()
    world.run(10_000 / count)
    world.boot(node)
    const seeds = nodes.filter((other) => other !== node && other.isUp)
    world.join(node, seeds[i % seeds.length], seeds[(i * 7 + 1) % seeds.length])
  }
  return world.runUntil(() => world.isOneView(), 10 * MINUTE)
}

/** Kills one while all others restart one after the other; who saw it join again after it had seen it fail, in one life. */
export function deadStayDead(seed: number, count: number): string[] {
  const world = new World({ seed, handling: 'share' })
  const nodes = formed(world, count)
  const [victim, ...others] = nodes
  const bornAt = new Map<string, number>()
  const restart = (node: SimulatedNode, i: number) => {
    node.kill()
    world.run(200)
    world.boot(node)
    bornAt.set(node.name, world.now)
    world.join(node, others[(i + 11) % others.length], others[(i + 23) % others.length])
  }
  for (const [i, node] of others.entries()) {
    if (i === 5) victim.kill()
    restart(node, i)
    world.run(1_000)
  }
  world.run(4 * MINUTE)
  const revived: string[] = []
  for (const observer of others) {
    const since = bornAt.get(observer.name) ?? 0
    const story = world.transitions.filter(
      ({ observer: name, name: subject, at }) =>
        name === observer.name && subject === victim.name && at >= since,
    )
    const failedAt = story.findIndex(({ kind }) => kind === 'failed')
    if (failedAt >= 0 && story.slice(failedAt).some(({ kind }) => kind === 'join'))
      revived.push(observer.name)
  }
  return revived
}

/** Kills a member and starts one of its name at another address a second later: milliseconds until all list it there, and conflicts. */
export function moveName(seed: number, count: number): { took: number; conflicts: number } {
  const world = new World({ seed, handling: 'share' })
  const nodes = formed(world, count)
  const [pod, ...others] = nodes.toReversed()
  pod.kill()
  world.run(1_000)
  const moved = world.startOne({ nodeName: pod.name })
  world.join(moved, others[0], others[1])
  const isThere = (node: SimulatedNode) => {
    const member = node.members.get(pod.name)
    return member?.status === 'alive' && member.address === moved.ip
  }
  const took = world.runUntil(() => others.every(isThere), MINUTE)
  const replies = others.map((node) => node.command({ type: 'stats' }))
  world.run(100)
  const conflicts = replies.reduce((sum, { envelope }) => {
    const value: unknown = envelope?.ok ? envelope.value : undefined
    return (
      sum +
      (typeof value === 'object' && value !== null
        ? Number(Reflect.get(value, 'memberlist.conflict') ?? 0)
        : 0)
    )
  }, 0)
  return { took, conflicts }
}

/** How long the slowest of many user events took to reach nearly everybody, in an idle pool and while members come and go. */
export function spreadUnderChurn(seed: number, count: number): { idle: number; churning: number } {
  const measure = (churn: 'churn' | 'idle'): number => {
    const world = new World({ seed, handling: 'share' })
    const nodes = formed(world, count)
    const times: number[] = []
    for (let event = 0; event < 8; event++) {
      if (churn === 'churn') {
        for (const guest of world.start(10)) world.join(guest, nodes[event % count])
      }
      const from = world.now
      const name = `event-${event}`
      world.event(nodes[(event * 3) % count], name)
      world.run(5_000)
      const heard = world.transitions.filter(({ kind, name: heardOf, observer }) => {
        return kind === 'user' && heardOf === name && nodes.some((node) => node.name === observer)
      })
      for (const { at } of heard) times.push(at - from)
    }
    times.sort((a, b) => a - b)
    return times[Math.floor(times.length * 0.99)]
  }
  return { idle: measure('idle'), churning: measure('churn') }
}
