/**
 * Intake of user events: a peer pours them at rising rates into one member, ours and the real agent in turn. What share reaches the listener, what
 * an event costs in CPU, and up to which rate nothing is lost.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuOf } from '../kit/cost.ts'
import { FolkmootSubject } from '../kit/folkmoot.ts'
import { serfVersion } from '../kit/machine.ts'
import { Peer } from '../kit/pool.ts'
import { SerfSubject } from '../kit/serf.ts'
import { type Subject, settled } from '../kit/subject.ts'
import {
  type Aim,
  aim,
  type Context,
  type Plot,
  type Result,
  type Section,
  unmeasured,
} from '../report/model.ts'
import { plain, ratios, spreadOf } from '../report/numbers.ts'
import { of, pairOfSeries, type Runs } from '../report/pairs.ts'

/** Events a second. The last is more than the aim: what is delivered must not fall when more is offered. */
const RATES = [1_000, 10_000, 20_000, 30_000, 50_000, 100_000, 150_000, 200_000, 300_000]
const QUICK_RATES = [1_000, 100_000, 200_000]
const AIM_RATE = 200_000
const AIM_TIMES = 5
/** Poured at first, unmeasured: both are to be warm. */
const WARM_UP = { messagesPerSecond: 20_000, seconds: 2 }
/** Less than this share lost is no loss that a listener of events could rely on being none. */
const WHOLE = 0.9999
const FIRST_TIME = 100_000

interface Measured {
  offered: number
  delivered: number
  share: number
  cpu: number
}

class Line {
  readonly subject: Subject
  readonly #peer = new Peer()
  #time = FIRST_TIME

  constructor(subject: Subject) {
    this.subject = subject
  }

  async pour(messagesPerSecond: number, seconds: number): Promise<Measured> {
    const { subject } = this
    const heardBefore = await subject.heard()
    const cpuBefore = cpuOf(subject.pid)
    const { events, seconds: took } = await this.#peer.pour({
      ip: subject.ip,
      port: subject.port,
      what: 'events',
      messagesPerSecond,
      seconds,
      payloadBytes: 32,
      perPacket: 10,
      from: this.#time,
    })
    this.#time += events
    const heard = (await settled(() => subject.heard(), sleep)) - heardBefore
    const cpu = cpuOf(subject.pid) - cpuBefore
    return {
      offered: events / took,
      delivered: heard / took,
      share: heard / events,
      cpu: cpu / Math.max(1, heard),
    }
  }

  async stop(): Promise<void> {
    this.#peer.stop()
    await this.subject.stop()
  }
}

async function measured(
  context: Context,
  lines: { ours: Line; theirs: Line | undefined },
): Promise<Map<number, Runs<Measured>>> {
  const [rates, times, seconds] =
    context.size === 'quick' ? ([QUICK_RATES, 1, 1] as const) : ([RATES, 3, 2] as const)
  const all = new Map<number, Runs<Measured>>()
  for (const line of [lines.ours, lines.theirs]) await line?.pour(WARM_UP.messagesPerSecond, WARM_UP.seconds)
  for (const rate of rates) {
    context.say(`intake: ${plain(rate)} events a second`)
    const runs: Runs<Measured> = { ours: [], theirs: [] }
    for (let i = 0; i < times; i++) {
      runs.ours.push(await lines.ours.pour(rate, seconds))
      if (lines.theirs !== undefined) runs.theirs.push(await lines.theirs.pour(rate, seconds))
    }
    all.set(rate, runs)
  }
  return all
}

function rowsOf(
  all: Map<number, Runs<Measured>>,
): Record<string, number | string | ReturnType<typeof spreadOf>>[] {
  return [...all].map(([rate, { ours, theirs }]) => ({
    'asked for, events/s': rate,
    'offered, events/s': spreadOf(of(ours, 'offered')),
    'delivered %, ours': spreadOf(of(ours, 'share').map((share) => 100 * share)),
    'CPU us/event, ours': spreadOf(of(ours, 'cpu')),
    ...(theirs.length > 0 && {
      'delivered %, agent': spreadOf(of(theirs, 'share').map((share) => 100 * share)),
      'CPU us/event, agent': spreadOf(of(theirs, 'cpu')),
      'events per CPU second, times': ratios(of(theirs, 'cpu'), of(ours, 'cpu')),
    }),
  }))
}

function aims(all: Map<number, Runs<Measured>>): Aim[] {
  const entries = [...all]
  const whole = entries
    .filter(([, { ours }]) => ours.every(({ share }) => share >= WHOLE))
    .map(([rate]) => rate)
  const delivered = entries.map(([, { ours }]) => spreadOf(of(ours, 'delivered')).median)
  const falls = delivered.some((now, i) => i > 0 && now < delivered[i - 1] * 0.97)
  const loaded = entries.filter(([rate]) => rate >= 10_000 && rate <= AIM_RATE)
  const times = loaded.map(([, { ours, theirs }]) => ratios(of(theirs, 'cpu'), of(ours, 'cpu')).median)
  const told = `${loaded.map(([rate], i) => `${plain(times[i])} times at ${plain(rate)}`).join(', ')} a second`
  const noTheirs = entries.every(([, { theirs }]) => theirs.length === 0)
  return [
    noTheirs
      ? unmeasured('at least five times the agent’s events per CPU second', 'there is no serf here')
      : aim('at least five times the agent’s events per CPU second', told, Math.min(...times) >= AIM_TIMES),
    aim(
      '200,000 offered a second without loss',
      `nothing lost up to ${plain(Math.max(0, ...whole))} a second`,
      whole.includes(AIM_RATE),
    ),
    aim(
      'no fall of delivered events when more is offered',
      `delivered a second: ${delivered.map((value) => plain(Math.round(value))).join(', ')}`,
      !falls,
    ),
  ]
}

function plots(all: Map<number, Runs<Measured>>): Plot[] {
  const x = { label: 'events offered a second', scale: 'log' } as const
  return [
    {
      name: 'intake-delivered',
      title: 'User events delivered, by what is offered',
      x,
      y: { label: 'events delivered a second', scale: 'log' },
      series: pairOfSeries(all, 'delivered'),
    },
    {
      name: 'intake-cpu',
      title: 'CPU for a delivered event',
      x,
      y: { label: 'microseconds of CPU', scale: 'log' },
      series: pairOfSeries(all, 'cpu'),
    },
  ]
}

async function run(context: Context): Promise<Result> {
  const ours = new Line(await FolkmootSubject.start('intake'))
  const theirs = serfVersion() === undefined ? undefined : new Line(await SerfSubject.start('intake-agent'))
  const all = await measured(context, { ours, theirs })
  await ours.stop()
  await theirs?.stop()
  return {
    name: 'intake',
    title: 'Intake of user events',
    method:
      'A peer pours user events over UDP on loopback: 10 per packet, 32 bytes of payload, each with a Lamport time of its own. Ours has a listener in its host, the agent one on its RPC stream (not on its bill). Both take the same rate in turn.',
    tables: [
      {
        title: 'Intake of user events',
        rows: rowsOf(all),
        note: 'CPU of the whole process, for each event that was delivered. Sender, listener of the agent and the process measured share two cores.',
      },
    ],
    plots: plots(all),
    aims: aims(all),
  }
}

export const intake: Section = { name: 'intake', run }
