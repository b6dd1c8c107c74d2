/**
 * Merging the state of a large pool: one member joins a made-up pool of 1,000, 10,000 and 100,000, ours and the real agent in turn, each time in a
 * new process. CPU per member until the host's view is complete, and memory.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuOf, forgetPeak } from '../kit/cost.ts'
import { FolkmootSubject } from '../kit/folkmoot.ts'
import { serfVersion } from '../kit/machine.ts'
import { Peer } from '../kit/pool.ts'
import { SerfSubject } from '../kit/serf.ts'
import { memory, type Subject } from '../kit/subject.ts'
import {
  type Aim,
  aim,
  type Context,
  type Plot,
  type Result,
  type Section,
  unmeasured,
} from '../report/model.ts'
import { median, plain, ratios, spreadOf } from '../report/numbers.ts'
import { of, pairOfSeries, type Runs } from '../report/pairs.ts'

const SIZES = [1_000, 10_000, 100_000]
const QUICK_SIZES = [10_000]
/** How small a share of the agent's CPU we aim at. */
const AIM_SHARE: Record<number, number> = { 1000: 0.5, 10000: 0.5, 100000: 0.2 }
const AIM_BYTES = 600
/** After the start, so that what was started is over; and after the join, for what it left behind. */
const CALM = 1_500
const AFTERWARDS = 3_000
/** Push/pulls with nothing new: first some that are not measured. */
const WARM_UPS = 3
const REPEATS = 3

interface Measured {
  wall: number
  cpu: number
  later: number
  peak: number
  settled: number
  /** CPU of one more push/pull with nothing new, as members have it every half minute; code is compiled by then. */
  again: number
}

async function join(subject: Subject, size: number, port: number): Promise<Measured> {
  await sleep(CALM)
  forgetPeak(subject.pid)
  const before = memory(subject).resident
  const cpuBefore = cpuOf(subject.pid)
  const startedAt = performance.now()
  await subject.join(`127.0.0.1:${port}`)
  const wall = performance.now() - startedAt
  const cpu = cpuOf(subject.pid) - cpuBefore
  const members = await subject.members()
  if (members !== size + 1) throw new Error(`${subject.kind} sees ${members} members instead of ${size + 1}`)
  await sleep(AFTERWARDS)
  const later = cpuOf(subject.pid) - cpuBefore - cpu
  const { resident, peak } = memory(subject)
  const again = await repeated(subject, size, port)
  return {
    again,
    wall,
    cpu: cpu / size,
    later: later / size,
    peak: (peak - before) / size,
    settled: (resident - before) / size,
  }
}

async function repeated(subject: Subject, size: number, port: number): Promise<number> {
  for (let i = 0; i < WARM_UPS; i++) await subject.join(`127.0.0.1:${port}`)
  const before = cpuOf(subject.pid)
  for (let i = 0; i < REPEATS; i++) await subject.join(`127.0.0.1:${port}`)
  return (cpuOf(subject.pid) - before) / REPEATS / size
}

async function once(size: number, start: () => Promise<Subject>): Promise<Measured> {
  const peer = new Peer()
  const { port } = await peer.serve(size)
  const subject = await start()
  const measured = await join(subject, size, port)
  await subject.stop()
  peer.stop()
  return measured
}

async function measured(context: Context): Promise<Map<number, Runs<Measured>>> {
  const [sizes, times] = context.size === 'quick' ? ([QUICK_SIZES, 1] as const) : ([SIZES, 3] as const)
  const hasSerf = serfVersion() !== undefined
  const all = new Map<number, Runs<Measured>>()
  for (const size of sizes) {
    context.say(`state: ${plain(size)} members`)
    const runs: Runs<Measured> = { ours: [], theirs: [] }
    for (let i = 0; i < times; i++) {
      runs.ours.push(await once(size, () => FolkmootSubject.start('state')))
      if (hasSerf) runs.theirs.push(await once(size, () => SerfSubject.start('state-agent', 'alone')))
    }
    all.set(size, runs)
  }
  return all
}

function rowsOf(all: Map<number, Runs<Measured>>): Result['tables'][number]['rows'] {
  return [...all].flatMap(([size, { ours, theirs }]) =>
    [['Folkmoot', ours] as const, ['serf agent', theirs] as const]
      .filter(([, runs]) => runs.length > 0)
      .map(([who, runs]) => ({
        members: `${plain(size)}, ${who}`,
        'join, ms': spreadOf(of(runs, 'wall')),
        'CPU us/member': spreadOf(of(runs, 'cpu')),
        'CPU us/member, 3 s after': spreadOf(of(runs, 'later')),
        'CPU us/member, again with nothing new': spreadOf(of(runs, 'again')),
        'peak bytes/member': spreadOf(of(runs, 'peak')),
        'settled bytes/member': spreadOf(of(runs, 'settled')),
        ...(runs === ours && theirs.length > 0
          ? {
              'share of the agent’s CPU': ratios(of(ours, 'cpu'), of(theirs, 'cpu')),
              'share again': ratios(of(ours, 'again'), of(theirs, 'again')),
            }
          : {}),
      })),
  )
}

function aims(all: Map<number, Runs<Measured>>): Aim[] {
  const shares = [...all].map(([size, { ours, theirs }]) => {
    const wanted = `merging ${plain(size)} members: at most ${AIM_SHARE[size]} of the agent’s CPU`
    if (theirs.length === 0) return unmeasured(wanted, 'there is no serf here')
    const share = ratios(of(ours, 'cpu'), of(theirs, 'cpu')).median
    return aim(wanted, plain(share), share <= AIM_SHARE[size])
  })
  const largest = all.get(100_000)
  if (largest === undefined) return shares
  const bytes = median(of(largest.ours, 'settled'))
  return [
    ...shares,
    aim(
      'at most 600 bytes a member at 100,000, settled',
      `${plain(Math.round(bytes))} bytes`,
      bytes <= AIM_BYTES,
    ),
  ]
}

function plots(all: Map<number, Runs<Measured>>): Plot[] {
  const x = { label: 'members in the push/pull', scale: 'log' } as const
  return [
    {
      name: 'state-cpu',
      title: 'Merging the state of a pool: CPU for a member',
      x,
      y: { label: 'microseconds of CPU', scale: 'log' },
      series: pairOfSeries(all, 'cpu'),
    },
    {
      name: 'state-memory',
      title: 'Memory that a member takes, settled',
      x,
      y: { label: 'bytes', scale: 'log' },
      series: pairOfSeries(all, 'settled'),
    },
  ]
}

async function run(context: Context): Promise<Result> {
  const all = await measured(context)
  return {
    name: 'state',
    title: 'Merging the state of a large pool',
    method:
      'One member joins a made-up pool by one push/pull, 111 bytes a member; each time in a new process, ours and the agent in turn. CPU is that of the whole process until the join is answered, which with us is when the host’s mirror is complete; memory is what the process grew by.',
    tables: [
      {
        title: 'Merging a push/pull',
        rows: rowsOf(all),
        note: 'A process that has never merged anything: in ours that is code that V8 has not compiled yet. Settled: three seconds later, with no collection asked for.',
      },
    ],
    plots: plots(all),
    aims: aims(all),
  }
}

export const state: Section = { name: 'state', run }
