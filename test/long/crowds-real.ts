/**
 * Sixty real members in this process that join at once, twenty times: all list each other within 3 s in nineteen of them. A member of a crowd
 * in one process shares its core with all the others, so what it took is written down beside what the machine had to give: processor time
 * used by the process, and how long the slowest turn of the event loop was.
 */
import assert from 'node:assert/strict'
import { loadavg } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from 'folkmoot'
import { quantiles } from '../simulator/quantiles.ts'

const RUNS = Number(process.env.CROWD_RUNS ?? 20)
const MEMBERS = 60
const SOON = 3_000
const GIVE_UP = 30_000
const NANOSECONDS = 1e6

interface Run {
  took: number
  /** Share of one core that the process had until all listed each other. */
  processor: number
  /** Milliseconds of the slowest turn of the event loop. */
  slowestTurn: number
}

async function run(): Promise<Run> {
  const members = await Promise.all(
    Array.from({ length: MEMBERS }, (_, i) =>
      Cluster.create({ nodeName: `real-${i}`, bind: '127.0.0.1:0', threads: 'none' }),
    ),
  )
  const turns = monitorEventLoopDelay({ resolution: 5 })
  try {
    const [first, ...rest] = members
    const { address, port } = first.localMember()
    const startedAt = performance.now()
    const before = process.cpuUsage()
    turns.enable()
    await Promise.all(rest.map((member) => member.join([`${address}:${port}`])))
    while (members.some((member) => member.members({ status: 'alive' }).length < MEMBERS)) {
      if (performance.now() - startedAt > GIVE_UP) break
      await sleep(20)
    }
    const took = performance.now() - startedAt
    const { user, system } = process.cpuUsage(before)
    const processor = (user + system) / 1_000 / took
    return { took, processor, slowestTurn: turns.max / NANOSECONDS }
  } finally {
    turns.disable()
    await Promise.all(members.map((member) => member.shutdown()))
  }
}

export async function prove(): Promise<unknown> {
  const load = loadavg().map((value) => Math.round(value * 10) / 10)
  const runs: Run[] = []
  for (let i = 0; i < RUNS; i++) runs.push(await run())
  const took = runs.map((one) => one.took)
  const late = took.filter((ms) => ms > SOON).length
  const found = {
    runs: RUNS,
    members: MEMBERS,
    'load of the machine before': load,
    'until all list each other, ms': { ...quantiles(took), 'over 3 s': late },
    each: took.map(Math.round),
    'processor, share of a core': runs.map(({ processor }) => Math.round(processor * 100) / 100),
    'slowest turn of the event loop, ms': runs.map(({ slowestTurn }) => Math.round(slowestTurn)),
  }
  assert.ok(late * 20 <= RUNS, JSON.stringify(found))
  return found
}
