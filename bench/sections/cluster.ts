/**
 * Pools of real processes, ours and real agents in turn, and beside them what else npm has: how soon all see all, what a member costs at rest, how
 * long one event takes to reach all, how soon a dead one is known. Each trial has a network namespace to itself.
 */
import { cpus } from 'node:os'
import type { Kind } from '../kit/breeds.ts'
import { type Trial, type TrialOrder, trial } from '../kit/cluster-trial.ts'
import type { Times } from '../kit/crowd.ts'
import { serfVersion } from '../kit/machine.ts'
import { hasNamespaces } from '../kit/namespace.ts'
import { LIBRARIES, lacking } from '../kit/peers.ts'
import {
  type Aim,
  aim,
  type Context,
  type Result,
  type Section,
  type Size,
  unmeasured,
} from '../report/model.ts'
import { median, plain, quantile, spreadOf } from '../report/numbers.ts'

const SIZES = [10, 30, 60]
const LIBRARY_SIZES = [30]
/** Formations alone, of the largest pool: a tail wants more than one. The agent's take a minute each. */
const MORE_FORMATIONS = { Folkmoot: 5, 'serf agent': 2 } as const
const FULL = { settle: 20_000, rest: 30_000, events: 15, kills: 5 }
/** Rounds of deaths in the largest pool, whose times are judged by a fifth of a second though they spread over seconds. */
const MORE_KILLS = 12
const QUICK = { settle: 1_000, rest: 2_000, events: 1, kills: 1 }
const QUICK_SIZE = 5

const SECONDS = 60
const ALL_SEE_ALL = 3_000
const MOST_MIB = 100
const DATAGRAMS = 2
const DATAGRAMS_OFF = 0.05
const EVENT_RATIO = 1.1
const DETECTION_OFF = 200
/** Load for each processor, before a trial began, above which others take too much of the machine. */
const BUSY = 2

function isHere(kind: Kind): boolean {
  if (kind === 'Folkmoot') return true
  return kind === 'serf agent' ? serfVersion() !== undefined : lacking(kind) === undefined
}

/** What is tried, ours and the other in turn. */
export function ordersOf(size: Size): TrialOrder[] {
  const scope = size === 'quick' ? QUICK : FULL
  const order = (kind: Kind, count: number): TrialOrder => ({ kind, count, ...scope })
  const both = ['Folkmoot', 'serf agent'] as const
  if (size === 'quick') return both.filter(isHere).map((kind) => order(kind, QUICK_SIZE))
  const largest = Math.max(...SIZES)
  const whole = (kind: Kind, count: number): TrialOrder =>
    count === largest ? { ...order(kind, count), kills: MORE_KILLS } : order(kind, count)
  const formations = both.flatMap((kind) =>
    Array.from({ length: MORE_FORMATIONS[kind] }, () => ({ ...order(kind, largest), rest: 0 })),
  )
  // Of the libraries, those that have events are asked for them.
  const others = LIBRARY_SIZES.flatMap((count) =>
    LIBRARIES.map((kind) => ({ ...order(kind, count), events: kind === 'moleculer' ? scope.events : 0 })),
  )
  return [
    ...SIZES.flatMap((count) => both.map((kind) => whole(kind, count))),
    ...formations,
    ...others,
  ].filter(({ kind }) => isHere(kind))
}

/** The time of one that came so far down the line of all who should know; Infinity where it never did. */
function timeOf(times: Times, place: number): number {
  return times[place] ?? Number.POSITIVE_INFINITY
}

interface Figures {
  formedHalf: number[]
  formedAll: number[]
  cpu: number[]
  cpuLater: number[]
  datagrams: number[]
  bytes: number[]
  memory: number[]
  eventHalf: number[]
  eventAll: number[]
  heard: number
  first: number[]
  last: number[]
  /** Of the machine before they began, the least: one formation after the other finds the load of the one before. */
  load: number
}

function figuresOf(trials: readonly Trial[]): Figures {
  const [{ count }] = trials
  const whole = trials.filter(({ memory }) => memory > 0)
  const events = trials.flatMap((one) => one.events)
  const deaths = trials.flatMap((one) => one.deaths)
  return {
    formedHalf: trials.map(({ formed }) => timeOf(formed, Math.ceil(count / 2) - 1)),
    formedAll: trials.map(({ formed }) => timeOf(formed, count - 1)),
    cpu: whole.map(({ cpu }) => cpu),
    cpuLater: whole.map(({ cpuLater }) => cpuLater),
    datagrams: whole.map(({ datagrams }) => datagrams / SECONDS),
    bytes: whole.map(({ bytes }) => bytes),
    memory: whole.map(({ memory }) => memory),
    eventHalf: events.map((times) => timeOf(times, Math.ceil(count / 2) - 1)),
    eventAll: events.map((times) => timeOf(times, count - 1)),
    heard: events.reduce((sum, times) => sum + times.length, 0) / (events.length * count),
    first: deaths.map((times) => timeOf(times, 0)),
    last: trials.flatMap(({ atOnce, deaths: some }) =>
      some.map((times) => timeOf(times, count - atOnce - 1)),
    ),
    load: Math.min(...trials.map(({ load }) => load)),
  }
}

/** What was measured, by «members, kind», in the order of its first trial. */
function groups(trials: readonly Trial[]): [string, Figures][] {
  const titles = [...new Set(trials.map(({ count, kind }) => `${count}, ${kind}`))].sort(
    (a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10),
  )
  return titles.map((title) => [
    title,
    figuresOf(trials.filter(({ count, kind }) => `${count}, ${kind}` === title)),
  ])
}

function tables(trials: readonly Trial[]): Result['tables'] {
  const all = groups(trials)
  const missing = LIBRARIES.flatMap((name) => {
    const why = lacking(name)
    return why === undefined ? [] : [`${name} does not run here: ${why}.`]
  })
  return [
    {
      title: 'Pools of processes: forming, and at rest',
      rows: all.map(([members, figures]) => ({
        members,
        'half see all, ms': spreadOf(figures.formedHalf),
        'all see all, ms': spreadOf(figures.formedAll),
        'CPU s a minute': spreadOf(figures.cpu),
        'CPU s a minute, later': spreadOf(figures.cpuLater),
        'datagrams sent a second': spreadOf(figures.datagrams),
        'bytes a minute': spreadOf(figures.bytes),
        'MiB a process': spreadOf(figures.memory),
      })),
      note: [
        'CPU and memory are the median of the members; CPU is taken again after events and deaths, when nothing is compiled any more; datagrams and bytes (loopback, with headers and streams) those of the namespace by member, by the kernel’s count.',
        'The SWIM libraries have a probe a second as Serf’s LAN profile; moleculer speaks over TCP and knows the address of the first from its configuration.',
        ...missing,
      ].join(' '),
    },
    {
      title: 'Pools of processes: one event, one death',
      rows: all
        .filter(([, { first }]) => first.length > 0)
        .map(([members, figures]) => ({
          members,
          'event to half, ms': spreadOf(figures.eventHalf),
          'event to all, ms': spreadOf(figures.eventAll),
          'heard of events': Number.isNaN(figures.heard) ? 'has none' : figures.heard,
          'kill -9 to the first failed, ms': spreadOf(figures.first),
          'to the last, ms': spreadOf(figures.last),
        })),
      note: 'An event has 64 bytes, its sender goes round, and it is timed from when the first heard of it. TCP tells moleculer at once that a process is gone; that a machine is, or a wire, it does not.',
    },
  ]
}

function aims(trials: readonly Trial[]): Aim[] {
  const count = Math.max(...trials.map((one) => one.count))
  const found = new Map(groups(trials))
  const ours = found.get(`${count}, Folkmoot`)
  const theirs = found.get(`${count}, serf agent`)
  if (ours === undefined) return []
  return [...compared(count, ours, theirs), ...absolute(count, ours)]
}

function compared(count: number, ours: Figures, theirs: Figures | undefined): Aim[] {
  const [cpu, event, death] = [
    `CPU at rest not above the agent’s, ${count} members`,
    `one event to all within ${EVENT_RATIO} times the agent’s median, ${count} members`,
    `a death known to all within 0.2 s of the agent’s median, ${count} members`,
  ]
  if (theirs === undefined)
    return [cpu, event, death].map((what) => unmeasured(what, 'there is no serf here'))
  const pair = (what: 'cpu' | 'cpuLater' | 'eventAll' | 'last') => [median(ours[what]), median(theirs[what])]
  const [ourCpu, theirCpu] = pair('cpu')
  const [ourLater, theirLater] = pair('cpuLater')
  const [ourEvent, theirEvent] = pair('eventAll')
  const [ourDeath, theirDeath] = pair('last')
  return [
    aim(
      cpu,
      `${plain(ourCpu)} s a minute against ${plain(theirCpu)}; later ${plain(ourLater)} against ${plain(theirLater)}`,
      ourCpu <= theirCpu,
    ),
    judged(
      ours,
      event,
      `${plain(ourEvent)} ms against ${plain(theirEvent)}`,
      ourEvent <= EVENT_RATIO * theirEvent,
    ),
    judged(
      ours,
      death,
      `${plain(ourDeath)} ms against ${plain(theirDeath)}`,
      ourDeath <= theirDeath + DETECTION_OFF,
    ),
  ]
}

/** What hangs on time: processes that wait for a processor are late, and what is missed then is not ours to miss. */
function judged({ load }: Figures, what: string, measured: string, isMet: boolean): Aim {
  if (isMet || load <= BUSY * cpus().length) return aim(what, measured, isMet)
  return unmeasured(what, `${measured}, at a load of ${plain(Math.round(load))}: too busy to tell`)
}

function absolute(count: number, ours: Figures): Aim[] {
  const tail = quantile(ours.formedAll, 0.95)
  const sent = median(ours.datagrams)
  const memory = median(ours.memory)
  const formed = `all see all within 3 s (95% of ${ours.formedAll.length} formations), ${count} members`
  const datagrams = `${DATAGRAMS}.00 datagrams a second and member, ${count} members`
  return [
    Number.isNaN(sent)
      ? unmeasured(datagrams, 'no namespace of its own here')
      : judged(ours, datagrams, sent.toFixed(2), Math.abs(sent - DATAGRAMS) <= DATAGRAMS_OFF),
    judged(ours, formed, `${plain(tail)} ms`, tail <= ALL_SEE_ALL),
    aim('100 MiB a process with its threads', `${plain(memory)} MiB`, memory <= MOST_MIB),
  ]
}

/** What is made of trials. */
export function resultOf(trials: readonly Trial[], size: Size): Result {
  const { settle, rest } = size === 'quick' ? QUICK : FULL
  const where = hasNamespaces()
    ? 'Each pool has a network namespace to itself.'
    : 'There are no namespaces here (root and `ip`): the pools were on the loopback of all, and nobody counted datagrams.'
  return {
    name: 'cluster',
    title: 'Pools of processes',
    method: `${where} All are up and alone first, then all join the first at once; from ${settle / 1000} s after that CPU and traffic are taken for ${rest / 1000} s; then events a second apart, and deaths by kill -9, of which one in fifteen members at once, who come back, in more rounds where the pool is the largest. Every process says on its standard output what it sees, and one ear tells the time. LAN settings; all on the same two processors.`,
    tables: tables(trials),
    plots: [],
    aims: aims(trials),
  }
}

async function run(context: Context): Promise<Result> {
  const trials: Trial[] = []
  for (const order of ordersOf(context.size)) {
    context.say(`cluster: ${order.count} of ${order.kind}${order.rest === 0 ? ', forming alone' : ''}`)
    trials.push(await trial(order))
  }
  return resultOf(trials, context.size)
}

export const cluster: Section = { name: 'cluster', run }
