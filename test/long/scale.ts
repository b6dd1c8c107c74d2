/**
 * How large a simulated world may be: virtual member-seconds in a second of CPU and bytes of memory at rest, from ten members to thousands, and one event to
 * all at the largest. Every member is the whole of its three actors and knows every other; hosts are light, actors hand mail over without copies,
 * and above 64 members nothing is compressed. Forming a large pool takes its square and is not measured: it begins acquainted.
 *
 * Memory is that in use after a collection, so the peak of the process is above it. What a pair of observer and subject takes is the slope between the
 * two largest worlds; what a member takes alone is the rest.
 */
import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { held } from '../../bench/kit/cost.ts'
import { World } from '../../src/simulator/index.ts'

/** Members, and how many virtual seconds are measured. */
const SIZES = [
  { members: 10, seconds: 600 },
  { members: 64, seconds: 120 },
  { members: 100, seconds: 60 },
  { members: 512, seconds: 20 },
  { members: 1_000, seconds: 10 },
  { members: 2_000, seconds: 10 },
]
const ACQUAINTED_FROM = 512
const COMPRESSED_TO = 64
/** Until what was said while the pool formed is said. */
const QUIET = 40_000
const EVENT_LASTS = 8_000
/** Of the issue, for 10,000 members; a smaller pool is not slower. */
const ALL_WITHIN = 2_600
/** Columns of 27 bytes in gossip, 9 in the detector and 5 in dispatch, some of them longer than what they hold. */
const MOST_PAIR_BYTES = 64

interface Measured {
  members: number
  'times real time': number
  'member-seconds a CPU second': number
  'bytes in use': number
  'bytes a member': number
  'event to all, ms': number
  'heard of it': number
}

export async function prove(seed: number): Promise<unknown> {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const found = SIZES.map(({ members, seconds }) => measured(seed, members, seconds, collect))
  const [smaller, largest] = found.slice(-2)
  const pair = (largest['bytes a member'] - smaller['bytes a member']) / (largest.members - smaller.members)
  assert.equal(largest['heard of it'], largest.members)
  assert.ok(largest['event to all, ms'] <= ALL_WITHIN, `an event took ${largest['event to all, ms']} ms`)
  assert.ok(pair <= MOST_PAIR_BYTES, `a pair takes ${pair} bytes`)
  const alone = largest['bytes a member'] - pair * largest.members
  return {
    found,
    'bytes a pair': Math.round(pair * 10) / 10,
    'bytes a member alone': Math.round(alone),
    'GiB of 10,000 by these': Math.round((1e4 * (alone + pair * 1e4)) / 2 ** 30 / 0.01) / 100,
    'resident at most, MiB': Math.round(process.resourceUsage().maxRSS / 1024),
  }
}

function measured(seed: number, members: number, seconds: number, collect: () => void): Measured {
  const before = held(collect)
  const world = new World({
    seed,
    handling: 'share',
    hosts: 'light',
    options: { compression: members <= COMPRESSED_TO },
    keep: ({ kind }) => kind === 'user',
  })
  formed(world, members)
  const from = process.cpuUsage()
  world.run(seconds * 1_000)
  const { user, system } = process.cpuUsage(from)
  const cpu = (user + system) / 1e6
  const bytes = held(collect) - before
  const times = heardOf(world)
  const result = {
    members,
    'times real time': Math.round((seconds / cpu) * 10) / 10,
    'member-seconds a CPU second': Math.round((members * seconds) / cpu),
    'bytes in use': bytes,
    'bytes a member': Math.round(bytes / members),
    'event to all, ms': Math.round(times.at(-1) ?? Number.POSITIVE_INFINITY),
    'heard of it': times.length,
  }
  console.error(JSON.stringify(result))
  return result
}

function formed(world: World, members: number): void {
  const isAcquainted = members >= ACQUAINTED_FROM
  const nodes = isAcquainted ? world.acquainted(members) : world.pool(members)
  const isWhole = () => nodes.every(({ inside }) => inside?.gossip.table.active === members)
  assert.ok(Number.isFinite(world.runLookingEach(500, isWhole, 600_000)), `${members} did not form`)
  world.run(isAcquainted ? 1_000 : QUIET)
}

/** When each member heard of one event, in order, in milliseconds from its sending. */
function heardOf(world: World): number[] {
  const from = world.now
  world.event(world.nodes[world.faults.below(world.nodes.length)], 'all')
  world.run(EVENT_LASTS)
  return world.transitions.map(({ at }) => at - from)
}
