/**
 * Pools of real processes on loopback, ours and real agents in turn: how soon all see all, what a member costs at rest, how soon a dead one is known.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuOf, memoryOf } from '../kit/cost.ts'
import { FolkmootSubject } from '../kit/folkmoot.ts'
import { serfVersion } from '../kit/machine.ts'
import { SerfSubject } from '../kit/serf.ts'
import type { Subject } from '../kit/subject.ts'
import { type Aim, aim, type Context, type Result, type Section, unmeasured } from '../report/model.ts'
import { median, plain, quantile, spreadOf } from '../report/numbers.ts'

const SIZES = [10, 30]
const QUICK_SIZES = [5]
const MIB = 2 ** 20
const PATIENCE = 120_000
const LOOK_EVERY = 50
/** After all see all, so that what the joins left behind has been said. */
const SETTLE = 10_000
const MOST_MIB = 100
const ALL_SEE_ALL = 3_000

interface Measured {
  half: number
  all: number
  cpu: number
  memory: number
  first: number
  last: number
}

type Start = (name: string) => Promise<Subject>

/** When each of the members first sees so many alive, in milliseconds. */
async function whenAllSee(members: readonly Subject[], alive: number): Promise<number[]> {
  const startedAt = performance.now()
  const one = async (member: Subject) => {
    while (performance.now() - startedAt < PATIENCE) {
      if ((await member.alive()) === alive) return performance.now() - startedAt
      await sleep(LOOK_EVERY)
    }
    return Number.POSITIVE_INFINITY
  }
  return Promise.all(members.map(one))
}

async function pool(count: number, start: Start, rest: number): Promise<Measured> {
  const members: Subject[] = []
  for (let i = 0; i < count; i++) members.push(await start(`member-${i}`))
  const [first, ...others] = members
  const seen = whenAllSee(members, count)
  await Promise.all(others.map((member) => member.join(`${first.ip}:${first.port}`)))
  const times = await seen
  await sleep(SETTLE)
  const before = members.map(({ pid }) => cpuOf(pid))
  await sleep(rest)
  const spent = members.map(({ pid }, i) => ((cpuOf(pid) - before[i]) / 1e6) * (60_000 / rest))
  const memory = members.map(({ pid }) => memoryOf(pid).resident / MIB)
  const [victim, ...survivors] = [...members].reverse()
  process.kill(victim.pid, 'SIGKILL')
  const known = await whenAllSee(survivors, count - 1)
  await Promise.all(survivors.map((member) => member.stop()))
  return {
    half: quantile(times, 0.5),
    all: quantile(times, 1),
    cpu: median(spent),
    memory: median(memory),
    first: quantile(known, 0),
    last: quantile(known, 1),
  }
}

interface Run extends Measured {
  count: number
  kind: string
}

const of = (runs: readonly Run[], what: keyof Measured) => spreadOf(runs.map((run) => run[what]))

function rowsOf(runs: readonly Run[]): Result['tables'][number]['rows'] {
  const groups = [...new Set(runs.map(({ count, kind }) => `${count}, ${kind}`))]
  return groups.map((group) => {
    const some = runs.filter(({ count, kind }) => `${count}, ${kind}` === group)
    return {
      members: group,
      'half see all, ms': of(some, 'half'),
      'all see all, ms': of(some, 'all'),
      'CPU s a minute at rest': of(some, 'cpu'),
      'MiB a process': of(some, 'memory'),
      'kill -9 to the first failed, ms': of(some, 'first'),
      'to the last, ms': of(some, 'last'),
    }
  })
}

function aims(runs: readonly Run[]): Aim[] {
  const count = Math.max(...runs.map((run) => run.count))
  const largest = runs.filter((run) => run.count === count)
  const [ours, theirs] = ['Folkmoot', 'serf agent'].map((kind) => largest.filter((run) => run.kind === kind))
  const [cpu, memory, all] = [of(ours, 'cpu').median, of(ours, 'memory').median, of(ours, 'all').high]
  const atRest = `CPU at rest not above the agent’s, ${count} members`
  return [
    theirs.length === 0
      ? unmeasured(atRest, 'there is no serf here')
      : aim(
          atRest,
          `${plain(cpu)} s a minute against ${plain(of(theirs, 'cpu').median)}`,
          cpu <= of(theirs, 'cpu').median,
        ),
    aim(`all see all within 3 s, ${count} members`, `${plain(all)} ms at most`, all <= ALL_SEE_ALL),
    aim('100 MiB a process with its threads', `${plain(memory)} MiB`, memory <= MOST_MIB),
  ]
}

async function run(context: Context): Promise<Result> {
  const [sizes, times, rest] =
    context.size === 'quick' ? ([QUICK_SIZES, 1, 5_000] as const) : ([SIZES, 1, 30_000] as const)
  const kinds: readonly (readonly [string, Start])[] = [
    ['Folkmoot', (name) => FolkmootSubject.start(name)],
    ...(serfVersion() === undefined
      ? []
      : [['serf agent', (name: string) => SerfSubject.start(name, 'alone')] as const]),
  ]
  const runs: Run[] = []
  for (const count of sizes) {
    for (let i = 0; i < times; i++) {
      for (const [kind, start] of kinds) {
        context.say(`cluster: ${count} of ${kind}`)
        runs.push({ count, kind, ...(await pool(count, start, rest)) })
      }
    }
  }
  return {
    name: 'cluster',
    title: 'Pools of processes',
    method: `All are up and alone first, then all join the first at once; ${SETTLE / 1000} s after all see all, CPU is taken for ${rest / 1000} s; then the last one is killed. Whether all see all is asked of each every ${LOOK_EVERY} ms. LAN settings, on loopback.`,
    tables: [
      {
        title: 'Pools of processes',
        rows: rowsOf(runs),
        note: 'Every process on the same two cores. CPU and memory are the median of the members.',
      },
    ],
    plots: [],
    aims: aims(runs),
  }
}

export const cluster: Section = { name: 'cluster', run }
