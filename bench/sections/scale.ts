/**
 * The simulator by the size of the pool, 100 to 50,000: how an event spreads, when a death is known, what a member sends, keeps and costs, and how each
 * grows. Every member is full where the memory holds them; beside and beyond that a sample is, among stand-ins that do the same on the wire.
 */
import { execFile } from 'node:child_process'
import { freemem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { COMPARED_FROM, type Scale, type ScaleOrder } from '../experiments/scale.ts'
import type { Context, Plot, Result, Section, Table } from '../report/model.ts'
import { plain } from '../report/numbers.ts'

const FULL_SIZES = [100, 1_000, 10_000]
const SAMPLED_SIZES = [100, 1_000, 10_000, 50_000]
const OBSERVERS = 8
const SEED = 7
const SCRIPT = fileURLToPath(new URL('../experiments/scale.js', import.meta.url))
/** Bytes for each member that a full one knows, of the largest pool before; a guess before there is one. */
const BYTES_A_PAIR = 1_000
/** Where states are compared, after events and deaths: `test/results/ten-thousand.json`. */
const BYTES_A_PAIR_COMPARED = 50
/** Of the memory that is free, so much may be planned for. */
const SHARE = 0.6
/** Milliseconds that anybody waits for one size; the time grows with the pairs. */
const LONGEST = 30 * 60_000
const HOUR = 3_600_000
const MIB = 2 ** 20
const GIB = 2 ** 30

const run = promisify(execFile)

async function measured(order: ScaleOrder): Promise<Scale> {
  const heap = Math.floor((freemem() * SHARE) / MIB)
  const flags = ['--expose-gc', `--max-old-space-size=${heap}`]
  const { stdout } = await run(process.execPath, [...flags, SCRIPT, JSON.stringify(order)])
  // JSON has no Infinity: what never came is null.
  return JSON.parse(stdout, (_key, value) => value ?? Number.POSITIVE_INFINITY)
}

/** What the last pool that was full of itself took. */
interface Before {
  members: number
  /** Bytes for each member that a member knows. */
  memory: number
  took: number
}

/** Why a pool of so many full members is not simulated; undefined when it is. */
function obstacle(members: number, before: Before | undefined): string | undefined {
  const isCompared = members >= COMPARED_FROM
  const bytes = members ** 2 * (isCompared ? BYTES_A_PAIR_COMPARED : (before?.memory ?? BYTES_A_PAIR))
  if (bytes > freemem() * SHARE)
    return `skipped: all tables together would take about ${plain(Math.round(bytes / GIB))} GiB, of which ${plain(Math.round(freemem() / GIB))} are free`
  // What takes the square is the exchange of states.
  const takes = before === undefined ? 0 : before.took * (members / before.members) ** (isCompared ? 1 : 2)
  if (takes > LONGEST)
    return `skipped: it would take about ${plain(Math.round((takes / HOUR) * 10) / 10)} hours, by what ${plain(before?.members ?? 0)} took`
  return undefined
}

function orderOf(members: number, full: number): ScaleOrder {
  const large = members >= 10_000
  return {
    members,
    full,
    seed: SEED,
    events: large ? 3 : 9,
    kills: members >= 50_000 ? 1 : large ? 2 : 5,
    rest: large ? 5_000 : 30_000,
  }
}

const QUICK: readonly ScaleOrder[] = [
  { ...orderOf(100, 100), events: 3, kills: 2 },
  { ...orderOf(1_000, OBSERVERS), events: 2, kills: 1, rest: 5_000 },
]

export type Row = Record<string, number | string>

function kindOf({ members, full }: { members: number; full: number }): string {
  if (full < members) return `${full} full`
  return members < COMPARED_FROM ? 'all full' : 'all full, states compared'
}

function row(scale: Scale): Row {
  return {
    members: scale.members,
    pool: kindOf(scale),
    'event to half, ms': Math.round(scale.eventHalf),
    'to 99%, ms': Math.round(scale.eventMost),
    'to all, ms': Math.round(scale.eventAll),
    'missed by gossip': scale.missed,
    'death: first failed, ms': Math.round(scale.firstFailed),
    'known to all, ms': Math.round(scale.allFailed),
    'false failures': scale.falsePositives,
    'datagrams a second and member': scale.datagrams,
    'bytes a second and member': scale.bytes,
    'KiB a full member': (scale.memory * scale.members) / 1_024,
    'bytes a member that it knows': scale.memory,
    'CPU us a virtual second and member': scale.cpu * 1_000,
  }
}

/** How a number grows with the pool: what ten times as many members add to a time, and multiply all else by; least squares over all sizes. */
function growth(scales: readonly Scale[]): Table {
  const x = scales.map(({ members }) => Math.log10(members))
  const added = (of: (scale: Scale) => number) => `+ ${plain(Math.round(slope(x, scales.map(of))))} ms`
  const times = (of: (scale: Scale) => number) => {
    const factor = 10 ** slope(x, scales.map(of).map(Math.log10))
    return `x ${factor.toFixed(2)}`
  }
  const rows: [string, string][] = [
    ['event to all', added(({ eventAll }) => eventAll)],
    ['death known to all', added(({ allFailed }) => allFailed)],
    ['datagrams a second and member', times(({ datagrams }) => datagrams)],
    ['bytes a second and member', times(({ bytes }) => bytes)],
    ['bytes that a full member keeps', times(({ memory, members }) => memory * members)],
    ['CPU a virtual second, all members', times(({ cpu, members }) => cpu * members)],
  ]
  return {
    title: 'Growth with the pool, samples',
    rows: rows.map(([figure, grows]) => ({ figure, 'with each ten times of the members': grows })),
    note: 'Times grow as the logarithm of the pool, memory and work with it.',
  }
}

function slope(x: readonly number[], y: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [mx, my] = [mean(x), mean(y)]
  const above = x.reduce((sum, value, i) => sum + (value - mx) * (y[i] - my), 0)
  return above / x.reduce((sum, value) => sum + (value - mx) ** 2, 0)
}

function plots(scales: readonly Scale[]): Plot[] {
  const kinds: [string, Scale[]][] = [
    ['all full', scales.filter(({ members, full }) => full === members)],
    ['a sample is full', scales.filter(({ members, full }) => full < members)],
  ]
  const plot = (name: string, title: string, label: string, of: (scale: Scale) => number): Plot => ({
    name: `scale-${name}`,
    title,
    x: { label: 'members', scale: 'log' },
    y: { label, scale: 'linear' },
    series: kinds
      .filter(([, some]) => some.length > 0)
      .map(([kind, some]) => ({ name: kind, points: some.map((one) => ({ x: one.members, y: of(one) })) })),
  })
  return [
    plot('event', 'One event to all, by the size of the pool', 'milliseconds', ({ eventAll }) => eventAll),
    plot(
      'death',
      'A death known to all, by the size of the pool',
      'milliseconds',
      ({ allFailed }) => allFailed,
    ),
    plot('memory', 'What a full member keeps of one that it knows', 'bytes', ({ memory }) => memory),
  ]
}

const METHOD = `The actors of Folkmoot in virtual time, Serf’s LAN profile, delays of 0.1 to 1 ms, no loss, seed ${SEED}; every size in a process of its own. All full: every member is ours, with its table of all; from ${plain(COMPARED_FROM)} members on the states that they exchange are compared in memory, and packets are not compressed. ${OBSERVERS} full: those are ours among stand-ins that share one list of members and do as the protocol says with what is new: probe, ask others, ack, relay, suspect, confirm, fail, queue and ride. A sample shows how news spread through so many, when a death is known, what each sends, and what a full member keeps and does in such a pool; the event and the dead are a stand-in’s. It cannot show joins and push/pulls of thousands, views that differ, refutations, Lifeguard’s health or coordinates of more than the sample: acks of stand-ins carry none, so that bytes are fewer. At 100 and 1,000 both ways are shown, so that the sample can be judged.`

async function runScale(context: Context): Promise<Result> {
  const found: Scale[] = []
  const skipped: Row[] = []
  const one = async (order: ScaleOrder) => {
    context.say(`scale: ${order.members} members, ${kindOf(order)}`)
    const scale = await measured(order)
    found.push(scale)
    return scale
  }
  if (context.size === 'quick') for (const order of QUICK) await one(order)
  else {
    let before: Before | undefined
    for (const members of FULL_SIZES) {
      const why = obstacle(members, before)
      const from = performance.now()
      if (why === undefined) {
        const { memory } = await one(orderOf(members, members))
        before = { members, memory, took: performance.now() - from }
      } else skipped.push({ members, pool: `all full, ${why}` })
    }
    for (const members of SAMPLED_SIZES) await one(orderOf(members, OBSERVERS))
  }
  return resultOf(found, skipped)
}

/** What is made of the sizes. */
export function resultOf(found: readonly Scale[], skipped: readonly Row[]): Result {
  const samples = found.filter(({ members, full }) => full < members)
  const table: Table = {
    title: 'The simulator by the size of the pool',
    rows: [...found.map(row), ...skipped],
    note: 'Medians, in virtual time. Memory is what a full member has more for knowing all, garbage collected; with all full the network and whatever is simulated beside is in it, and members of one simulation share names and pictures: a member alone keeps more (see the state of a large pool). CPU is that of the simulation, stand-ins included.',
  }
  return {
    name: 'scale',
    title: 'Pools of the simulator by their size',
    method: METHOD,
    tables: samples.length > 1 ? [table, growth(samples)] : [table],
    plots: samples.length > 1 ? plots(found) : [],
    aims: [],
  }
}

export const scaleSection: Section = { name: 'scale', run: runScale }
