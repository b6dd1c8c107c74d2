/**
 * One trial of a crowd in the process that runs it, in a namespace of its own: `node cluster-trial.js own|shared ORDER`, the result on standard output.
 * Every time is told, so that the section chooses what to make of them.
 */
import { loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { median } from '../report/numbers.ts'
import { breedOf, type Kind } from './breeds.ts'
import { cpuOf, memoryOf } from './cost.ts'
import { Crowd, type Times } from './crowd.ts'
import { apart, carried } from './namespace.ts'

export interface TrialOrder {
  kind: Kind
  count: number
  /** Milliseconds after the forming and of the rest that is measured; nothing more is done than to form where there is no rest. */
  settle: number
  rest: number
  events: number
  /** Rounds, each with some deaths at once. */
  kills: number
}

export interface Trial {
  kind: Kind
  count: number
  /** Load average of the machine before it began. */
  load: number
  /** So many died at once in each round. */
  atOnce: number
  /** Milliseconds until each saw all; those who never did are missing, here and below. */
  formed: Times
  /** Of a member and minute at rest: CPU seconds, median of the members, and what crossed the loopback; NaN where it is not ours alone. */
  cpu: number
  datagrams: number
  bytes: number
  /** CPU seconds of a member-minute once more at the end, after the events and deaths: by then nothing is compiled any more. */
  cpuLater: number
  /** MiB, median of the members. */
  memory: number
  events: Times[]
  deaths: Times[]
}

const MIB = 2 ** 20
const MINUTE = 60_000

type Loopback = 'own' | 'shared'

/** Runs a trial in a process and, where there are any, a namespace of its own. */
export async function trial(order: TrialOrder): Promise<Trial> {
  const said = await apart(fileURLToPath(import.meta.url), [JSON.stringify(order)])
  const found: Trial = JSON.parse(said)
  // JSON has no NaN.
  return { ...found, datagrams: found.datagrams ?? Number.NaN, bytes: found.bytes ?? Number.NaN }
}

/** CPU seconds of a member-minute, median of the members. */
async function idleCpu({ members }: Crowd, milliseconds: number): Promise<number> {
  const before = members.map(({ pid }) => cpuOf(pid))
  await sleep(milliseconds)
  return median(members.map(({ pid }, i) => (cpuOf(pid) - before[i]) / 1e6 / (milliseconds / MINUTE)))
}

async function rest(crowd: Crowd, milliseconds: number, loopback: Loopback) {
  const { members } = crowd
  const from = carried()
  const cpu = await idleCpu(crowd, milliseconds)
  const until = carried()
  const each = (total: number) =>
    loopback === 'own' ? total / members.length / (milliseconds / MINUTE) : Number.NaN
  return {
    cpu,
    datagrams: each(until.datagrams - from.datagrams),
    bytes: each(until.bytes - from.bytes),
    memory: median(members.map(({ pid }) => memoryOf(pid).resident / MIB)),
  }
}

/** So many die at once: few enough that their deaths have nothing to do with each other. */
function dyingAtOnce(count: number): number {
  return Math.max(1, Math.floor(count / 15))
}

/** Others each time; never the first, which the dead join when they come back. */
function victims(round: number, count: number): number[] {
  const some = dyingAtOnce(count)
  return Array.from({ length: some }, (_, i) => 1 + ((round * some + i) % (count - 1)))
}

async function run(order: TrialOrder, loopback: Loopback): Promise<Trial> {
  const { kind, count } = order
  const setting = { kind, count, load: loadavg()[0], atOnce: dyingAtOnce(count) }
  const crowd = new Crowd(breedOf(kind))
  try {
    const formed = (await crowd.form(count)).filter(Number.isFinite)
    const nothing = { cpu: 0, cpuLater: 0, datagrams: 0, bytes: 0, memory: 0 }
    if (order.rest === 0) return { ...setting, formed, ...nothing, events: [], deaths: [] }
    await sleep(order.settle)
    const rested = await rest(crowd, order.rest, loopback)
    const events: Times[] = []
    for (let i = 0; i < order.events; i++) events.push(await crowd.event(i))
    const deaths: Times[] = []
    for (let i = 0; i < order.kills; i++) deaths.push(...(await crowd.deaths(victims(i, count))))
    await sleep(order.settle)
    const cpuLater = await idleCpu(crowd, order.rest)
    return { ...setting, formed, ...rested, cpuLater, events, deaths }
  } finally {
    await crowd.end()
  }
}

const [, script, loopback, order] = process.argv
if (script === fileURLToPath(import.meta.url) && (loopback === 'own' || loopback === 'shared')) {
  console.log(JSON.stringify(await run(JSON.parse(order), loopback)))
  process.exit(0)
}
