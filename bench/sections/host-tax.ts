/**
 * What a member costs the program that it lives in: an HTTP server with nothing beside it, with a member in three threads, in one, and in the
 * calling thread, each in a made-up pool of 1,000 that gossips at two rates; on all processors and on one.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { LIBRARIES, lacking, type Undici, undici } from '../kit/peers.ts'
import { Peer } from '../kit/pool.ts'
import { requested, throughput, WebHost } from '../kit/web.ts'
import type { Beside } from '../kit/web-host.ts'
import { type Aim, aim, type Context, type Result, type Section, unmeasured } from '../report/model.ts'
import { plain, quantile, ratios, spreadOf } from '../report/numbers.ts'

const POOL = 1_000
const QUIET = 100
const BUSY = 10_000
const REQUESTS = 1_000
const AIM_SHARE = 1.05
/** Rounds of each setting, and of the two that the aim compares: the tail of the one without a cluster moves threefold on its own. */
const ROUNDS = 3
const AIM_ROUNDS = 15
/** An aim is judged when so many of its pairs agree on the side. */
const AGREED = 0.75
const AIM = 'p99 of requests within 5% of no cluster at the quiet setting, in three threads'
const FIRST_TIME = 100_000

interface Setting {
  title: string
  beside: Beside
  /** Gossip messages a second; 0: no pool. */
  gossip: number
}

const SETTINGS: readonly Setting[] = [
  { title: 'no cluster', beside: 'nothing', gossip: 0 },
  { title: 'three threads, quiet', beside: 'per-actor', gossip: QUIET },
  { title: 'three threads, busy', beside: 'per-actor', gossip: BUSY },
  { title: 'one thread, quiet', beside: 'one', gossip: QUIET },
  { title: 'one thread, busy', beside: 'one', gossip: BUSY },
  { title: 'calling thread, quiet', beside: 'none', gossip: QUIET },
  { title: 'calling thread, busy', beside: 'none', gossip: BUSY },
  { title: 'moleculer over TCP, alone', beside: 'moleculer', gossip: 0 },
  { title: 'happn-swim, alone', beside: 'happn-swim', gossip: 0 },
  { title: 'swim-ng, alone', beside: '@wzrdtales/swim-ng', gossip: 0 },
]

/** The first ones show that all works, and the first two are those of the aim. */
const QUICK_SETTINGS = 3
const AIM_SETTINGS = 2

interface Measured {
  p50: number
  p99: number
  p999: number
  delay: number
  throughput: number
}

type Cores = 'all cores' | 'one core'

async function measure(
  client: Undici,
  { beside, gossip }: Setting,
  cores: Cores,
  seconds: number,
): Promise<Measured> {
  const host = await WebHost.start(beside, cores)
  const pool = new Peer()
  const sender = new Peer()
  if (gossip > 0) {
    const { port } = await pool.serve(POOL)
    await host.join(`127.0.0.1:${port}`)
  }
  // Warm, as a server that has run for a while.
  await throughput(client, host.http, 1)
  const poured =
    gossip > 0
      ? sender.pour({
          ip: '127.0.0.1',
          port: host.gossip,
          what: 'repeats',
          messagesPerSecond: gossip,
          seconds: 2 * seconds + 1,
          payloadBytes: 32,
          perPacket: 10,
          from: FIRST_TIME,
        })
      : undefined
  await sleep(200)
  await host.begin()
  const took = await requested(client, host.http, REQUESTS, seconds)
  const delay = await host.loopDelay()
  const most = await throughput(client, host.http, seconds)
  await poured
  await host.stop()
  pool.stop()
  sender.stop()
  return {
    p50: quantile(took, 0.5),
    p99: quantile(took, 0.99),
    p999: quantile(took, 0.999),
    delay,
    throughput: most,
  }
}

type Runs = Map<Setting, Measured[]>

/** Other libraries are there where somebody has installed them. */
function isHere(beside: Beside): boolean {
  const library = LIBRARIES.find((name) => name === beside)
  return library === undefined || lacking(library) === undefined
}

async function measured(context: Context, client: Undici, cores: Cores): Promise<Runs> {
  const [rounds, seconds] = context.size === 'quick' ? [1, 1] : [ROUNDS, 3]
  const wanted = context.size === 'quick' ? SETTINGS.slice(0, QUICK_SETTINGS) : SETTINGS
  const settings = wanted.filter(({ beside }) => isHere(beside))
  const more = context.size === 'full' && cores === 'all cores' ? AIM_ROUNDS - rounds : 0
  const runs: Runs = new Map(settings.map((setting) => [setting, []]))
  for (let i = 0; i < rounds + more; i++) {
    context.say(`host-tax: ${cores}, round ${i + 1} of ${rounds + more}`)
    for (const setting of i < rounds ? settings : settings.slice(0, AIM_SETTINGS))
      runs.get(setting)?.push(await measure(client, setting, cores, seconds))
  }
  return runs
}

const of = (runs: readonly Measured[], what: keyof Measured) => runs.map((run) => run[what])

function rowsOf(runs: Runs): Result['tables'][number]['rows'] {
  const [base] = runs.values()
  return [...runs].map(([{ title }, some]) => ({
    beside: title,
    'answers a second at most': spreadOf(of(some, 'throughput')),
    'of no cluster': ratios(of(some, 'throughput'), of(base, 'throughput')),
    'p50, ms': spreadOf(of(some, 'p50')),
    'p99, ms': spreadOf(of(some, 'p99')),
    'p99 to no cluster': ratios(of(some, 'p99'), of(base, 'p99')),
    'p99.9, ms': spreadOf(of(some, 'p999')),
    'loop delay p99, ms': spreadOf(of(some, 'delay')),
  }))
}

/** By pairs, measured one after the other: what troubles the machine troubles both. */
function aims(runs: Runs): Aim[] {
  const [[, base], [, quiet]] = runs
  const pairs = quiet.map(({ p99 }, i) => p99 / base[i].p99)
  const above = pairs.filter((ratio) => ratio > AIM_SHARE).length
  const { median: ratio, low, high } = spreadOf(pairs)
  const measured = `${plain(ratio)} times as the median of ${pairs.length} pairs (${plain(low)} to ${plain(high)}), ${above} of them above ${AIM_SHARE}`
  const share = Math.max(above, pairs.length - above) / pairs.length
  return [
    share < AGREED ? unmeasured(AIM, `${measured}: too few agree`) : aim(AIM, measured, ratio <= AIM_SHARE),
  ]
}

const METHOD = `An HTTP server that parses and writes a little JSON, asked ${plain(REQUESTS)} times a second by undici over 16 connections and then as fast as it answers. Its member is in a made-up pool of ${plain(POOL)} that answers pings; nine of ten gossip messages repeat what is known, one is a user event with a listener. Quiet is ${QUIET}, busy ${plain(BUSY)} messages a second. Each setting is played ${ROUNDS} times, the two that the aim compares ${AIM_ROUNDS} times, in turn. The client, the pool and the server share two processors.`

async function run(context: Context): Promise<Result> {
  const client = undici()
  const title = 'What a member costs its host'
  if (client === undefined) {
    const why = 'undici is not installed: npm install --prefix bench'
    return { name: 'host-tax', title, method: METHOD, tables: [], plots: [], aims: [unmeasured(AIM, why)] }
  }
  const all = await measured(context, client, 'all cores')
  const one = context.size === 'quick' ? undefined : await measured(context, client, 'one core')
  const note =
    'From when a request was due to its answer. Loop delay: how late timers of the server are, in steps of 5 ms.'
  const tables = [{ title: 'HTTP beside a member, two cores', rows: rowsOf(all), note }]
  if (one !== undefined)
    tables.push({
      title: 'HTTP beside a member, the server and its threads on one core',
      rows: rowsOf(one),
      note,
    })
  return { name: 'host-tax', title, method: METHOD, tables, plots: [], aims: aims(all) }
}

export const hostTax: Section = { name: 'host-tax', run }
