/**
 * A world of ten thousand members, each the whole of its three actors and each knowing every other: a hundred million pairs. How fast it runs on one
 * core, what memory it takes, and how an event spreads at 0, 10 and 25% loss against the epidemic formula, judged as the smaller pools are.
 *
 * It begins acquainted and as if it had long been there, so that the states that members exchange come evenly. Those are compared in memory and written
 * only where they differ: 667,000 entries a virtual second. Datagrams are written and read as on the wire. Hosts are light and nobody watches their main
 * threads, of which there are none. Events overlap: several are on their way at any time, each is timed by itself.
 */
import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { judged, spreadOf } from '../../bench/experiments/spread.ts'
import { held } from '../../bench/kit/cost.ts'
import { type SimulatedNode, World } from '../../src/simulator/index.ts'

const MEMBERS = 10_000
const REST_SECONDS = 20
/** Until all code is compiled, and what begins with the world has passed. */
const WARM_UP = 6_000
/** Events by loss, and how many are sent a second. */
const EVENTS = [
  { loss: 0, events: 100 },
  { loss: 0.1, events: 12 },
  { loss: 0.25, events: 12 },
]
const EVENTS_A_SECOND = 4
/** So long an event may take before a delivery counts as missed by gossip. */
const GOSSIP_ENDS = 8_000
const GIB = 2 ** 30
const MOST_GIB = 4
/** Without loss, in 99% of the events. */
const ALL_WITHIN = 2_600

export async function prove(seed: number): Promise<unknown> {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const before = held(collect)
  const times = new Map<string, number[]>()
  const world = new World({
    seed,
    handling: 'share',
    states: 'compared',
    hosts: 'light',
    options: { compression: false, hostStall: { after: 0 } },
    keep: ({ kind, name, at }) => {
      if (kind === 'user') times.get(name)?.push(at)
      return false
    },
  })
  const start = processorTime()
  const nodes = world.acquainted(MEMBERS)
  assert.ok(nodes.every(({ inside }) => inside?.gossip.table.active === MEMBERS))
  const started = Math.round(processorTime() - start)
  world.run(WARM_UP)
  const from = processorTime()
  world.run(REST_SECONDS * 1_000)
  const perSecond = (processorTime() - from) / REST_SECONDS
  const bytes = held(collect) - before
  const rest = {
    members: MEMBERS,
    'seconds of CPU until all know all': started,
    'times real time': rounded(1 / perSecond),
    'member-seconds a CPU second': Math.round(MEMBERS / perSecond),
    'GiB in use': rounded(bytes / GIB),
    'bytes a member': Math.round(bytes / MEMBERS),
    'GiB resident at most by then': residentGib(),
  }
  console.error(JSON.stringify(rest))
  assert.ok(bytes / GIB < MOST_GIB, `${bytes / GIB} GiB in use`)
  const spreads = EVENTS.map((plan) => spreadAt(world, nodes, times, plan))
  const spread = spreads.map(({ found }) => found)
  for (const found of spread) judged(found)
  const [calm] = spreads
  assert.ok(calm.within >= 0.99, `${calm.within} of the events reached all within ${ALL_WITHIN} ms`)
  return {
    ...rest,
    'events that reached all within 2.6 s, without loss': calm.within,
    spread: spread.map(({ curve, ...found }) => found),
    'GiB in use at the end': rounded((held(collect) - before) / GIB),
    'GiB resident at most': residentGib(),
  }
}

function spreadAt(
  world: World,
  nodes: readonly SimulatedNode[],
  times: Map<string, number[]>,
  { loss, events }: (typeof EVENTS)[number],
) {
  world.network.weather = { ...world.network.weather, loss }
  const cpu = processorTime()
  const begun = world.now
  const before = world.network.counters.snapshot()
  const sent = Array.from({ length: events }, (_, i) => {
    // At any moment of the ticks.
    const wait = world.faults.next() * (1_000 / EVENTS_A_SECOND)
    world.run(wait)
    const name = `event-${loss}-${i}`
    const heard: number[] = []
    times.set(name, heard)
    const from = world.now
    world.event(nodes[world.faults.below(nodes.length)], name)
    world.run(1_000 / EVENTS_A_SECOND - wait)
    return { from, heard }
  })
  world.run(GOSSIP_ENDS)
  times.clear()
  const heard = sent.map((one) =>
    one.heard.map((at) => at - one.from).filter((after) => after <= GOSSIP_ENDS),
  )
  const within = heard.filter((ones) => ones.length === MEMBERS && (ones.at(-1) ?? ALL_WITHIN) <= ALL_WITHIN)
  const now = world.network.counters.snapshot()
  const memberSeconds = (MEMBERS * (world.now - begun)) / 1_000
  const meter = {
    datagrams: ((now.sent ?? 0) - (before.sent ?? 0)) / memberSeconds,
    bytes: ((now.bytes ?? 0) - (before.bytes ?? 0)) / memberSeconds,
  }
  const found = spreadOf({ members: MEMBERS, loss, events, settings: nodes[0].settings }, heard, meter)
  console.error(
    JSON.stringify({ ...found, curve: undefined, within: within.length, cpu: processorTime() - cpu }),
  )
  return { found, within: within.length / events }
}

/** Of this process, in seconds. */
function processorTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function residentGib(): number {
  return rounded((process.resourceUsage().maxRSS * 1_024) / GIB)
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}
