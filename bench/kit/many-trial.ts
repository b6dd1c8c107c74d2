/** Many members in one process, in the calling thread: the process of one trial, `node many-trial.js own|shared COUNT REST`. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Cluster } from 'folkmoot'
import { memoryOf } from './cost.ts'
import { apart, carried } from './namespace.ts'
import { PackedCluster } from './packed.ts'

export interface Many {
  count: number
  /** Milliseconds until all see all; Infinity where they did not. */
  formed: number
  /** KiB that a member takes, by what the process has more than it had with one; at rest, garbage collected. */
  memory: number
  /** CPU seconds and datagrams of a member-minute at rest; datagrams NaN where the loopback is not ours alone. */
  cpu: number
  datagrams: number
  /** Milliseconds of one event to half and all, and the longest turn of the loop meanwhile and at rest. */
  eventHalf: number
  eventAll: number
}

const PATIENCE = 400_000
const SETTLE = 20_000
const LOOK = 50
const MINUTE = 60_000
const KIB = 1_024
/** Members that are made at once, and that join at once: more would only wait for the one thread. */
const BATCH = 20

export async function many(count: number, rest: number): Promise<Many> {
  const said = await apart(fileURLToPath(import.meta.url), [String(count), String(rest)])
  const found: Many = JSON.parse(said, (_key, value) => value ?? Number.NaN)
  return found
}

async function make(count: number): Promise<Cluster[]> {
  const members: Cluster[] = []
  const one = (i: number) =>
    PackedCluster.create({ nodeName: `m${i}`, bind: '127.0.0.1:0', threads: 'none', hostStall: { after: 0 } })
  for (let i = 0; i < count; i += BATCH)
    members.push(
      ...(await Promise.all(Array.from({ length: Math.min(BATCH, count - i) }, (_, j) => one(i + j)))),
    )
  return members
}

async function form(members: readonly Cluster[]): Promise<number> {
  const [first, ...others] = members
  const { address, port } = first.localMember()
  const from = performance.now()
  // A member takes no more than 128 push/pulls at once.
  for (let i = 0; i < others.length; i += BATCH)
    await Promise.allSettled(others.slice(i, i + BATCH).map((member) => member.join([`${address}:${port}`])))
  while (members.some((member) => member.memberCount < members.length)) {
    if (performance.now() - from > PATIENCE) return Number.POSITIVE_INFINITY
    await sleep(LOOK)
  }
  return performance.now() - from
}

async function event(members: readonly Cluster[]): Promise<number[]> {
  const from = performance.now()
  const times: number[] = []
  const heard = members.map(async (member) => {
    await once(member, 'user-event')
    times.push(performance.now() - from)
  })
  await members[members.length >> 1].userEvent('deploy', 'x'.repeat(64))
  await Promise.race([Promise.all(heard), sleep(PATIENCE)])
  return times
}

async function run(count: number, rest: number, loopback: string): Promise<Many> {
  const resident = () => {
    globalThis.gc?.()
    return memoryOf(process.pid).resident / KIB
  }
  const [first] = await make(1)
  const alone = resident()
  await first.shutdown()
  const members = await make(count)
  const formed = await form(members)
  await sleep(Math.min(SETTLE, rest))
  const memory = (resident() - alone) / (count - 1)
  const [before, from] = [process.cpuUsage(), carried()]
  await sleep(rest)
  const { user, system } = process.cpuUsage(before)
  const memberMinutes = (count * rest) / MINUTE
  const sent = carried().datagrams - from.datagrams
  const times = await event(members)
  return {
    count,
    formed,
    memory,
    cpu: (user + system) / 1e6 / memberMinutes,
    datagrams: loopback === 'own' ? sent / memberMinutes : Number.NaN,
    eventHalf: times[Math.ceil(count / 2) - 1] ?? Number.POSITIVE_INFINITY,
    eventAll: times[count - 1] ?? Number.POSITIVE_INFINITY,
  }
}

const [, script, loopback, count, rest] = process.argv
if (script === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await run(Number(count), Number(rest), loopback)))
  process.exit(0)
}
