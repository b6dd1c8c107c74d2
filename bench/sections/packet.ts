/**
 * Pings: how soon a member answers, ours and the real agent in turn, when it has nothing to do, while it merges the state of 10,000 members, and
 * while events pour in; how many it answers a second, and what one costs.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuOf } from '../kit/cost.ts'
import { FolkmootSubject } from '../kit/folkmoot.ts'
import { serfVersion } from '../kit/machine.ts'
import { Peer } from '../kit/pool.ts'
import { SerfSubject } from '../kit/serf.ts'
import type { Subject } from '../kit/subject.ts'
import { type Aim, aim, type Context, type Result, type Section } from '../report/model.ts'
import { median, plain, quantile, spreadOf } from '../report/numbers.ts'

const POOL = 10_000
const RATE = 1_000
const FLOOD_UNDER_WAY = 32
const COST_RATE = 4_000
const EVENTS = 20_000
const AIM_P99 = 5
const AIM_CPU = 60
const FIRST_TIME = 100_000
const TENTH = 100

interface Calm {
  perSecond: number
  cpu: number
}

interface Trips {
  idle: number[]
  merging: number[]
  pouring: number[]
}

interface Measured {
  calm: Calm[]
  trips: Trips
  /** Sent and not answered in each of the three. */
  lost: Record<keyof Trips, number>
}

async function pings(subject: Subject, peer: Peer, perSecond: number, seconds: number) {
  return peer.ping({ ip: subject.ip, port: subject.port, node: subject.name, pace: { perSecond }, seconds })
}

/** One process through all of it. */
async function measure(subject: Subject, into: Measured, seconds: number): Promise<void> {
  const pinger = new Peer()
  const other = new Peer()
  const { port } = await other.serve(POOL)
  await pings(subject, pinger, COST_RATE, 2)
  const idle = await pings(subject, pinger, RATE, seconds)
  await cost(subject, pinger, into, seconds)
  const pourer = new Peer()
  const under = pings(subject, pinger, RATE, seconds)
  await pourer.pour({
    ip: subject.ip,
    port: subject.port,
    what: 'events',
    messagesPerSecond: EVENTS,
    seconds,
    payloadBytes: 32,
    perPacket: 10,
    from: FIRST_TIME,
  })
  const pouring = await under
  // Merging comes last: it leaves a large pool behind.
  const along = pings(subject, pinger, RATE, 2)
  await sleep(500)
  const startedAt = performance.now()
  await subject.join(`127.0.0.1:${port}`)
  const took = performance.now() - startedAt
  const whole = await along
  into.trips.idle.push(...idle.trips)
  into.trips.pouring.push(...pouring.trips)
  // The clock of the pinger is another one: all that was sent from a little before the join to its end.
  const merging = whole.trips.filter(
    (_, i) => whole.sentAt[i] > 500 - TENTH && whole.sentAt[i] < 500 + took + TENTH,
  )
  into.trips.merging.push(...merging)
  into.lost.idle += idle.sent - idle.answered
  into.lost.pouring += pouring.sent - pouring.answered
  into.lost.merging += whole.sent - whole.answered
  for (const peer of [pinger, pourer, other]) peer.stop()
}

async function cost(subject: Subject, pinger: Peer, into: Measured, seconds: number): Promise<void> {
  const before = cpuOf(subject.pid)
  const steady = await pings(subject, pinger, COST_RATE, seconds)
  const cpu = (cpuOf(subject.pid) - before) / steady.answered
  const { ip, port, name: node } = subject
  const flood = await pinger.ping({ ip, port, node, pace: { underWay: FLOOD_UNDER_WAY }, seconds })
  into.calm.push({ perSecond: flood.answered / flood.seconds, cpu })
}

function empty(): Measured {
  return {
    calm: [],
    trips: { idle: [], merging: [], pouring: [] },
    lost: { idle: 0, merging: 0, pouring: 0 },
  }
}

const KINDS = [
  ['idle', 'nothing to do'],
  ['merging', `merging ${plain(POOL)} members`],
  ['pouring', `${plain(EVENTS)} events a second`],
] as const

function latencyRows(who: string, { trips, lost }: Measured): Result['tables'][number]['rows'] {
  return KINDS.map(([kind, title]) => ({
    while: `${title}, ${who}`,
    'pings judged': trips[kind].length,
    unanswered: lost[kind],
    'p50, ms': quantile(trips[kind], 0.5),
    'p99, ms': quantile(trips[kind], 0.99),
    'p99.9, ms': quantile(trips[kind], 0.999),
    'longest, ms': quantile(trips[kind], 1),
  }))
}

function costRow(who: string, { calm }: Measured): Result['tables'][number]['rows'][number] {
  return {
    who,
    'CPU us/ping': spreadOf(calm.map(({ cpu }) => cpu)),
    'answered a second, flooded': spreadOf(calm.map(({ perSecond }) => perSecond)),
  }
}

function aims(ours: Measured): Aim[] {
  const cpu = median(ours.calm.map((calm) => calm.cpu))
  return [
    ...KINDS.map(([kind, title]) => {
      const p99 = quantile(ours.trips[kind], 0.99)
      return aim(`99% of the pings answered within 5 ms: ${title}`, `${plain(p99)} ms`, p99 < AIM_P99)
    }),
    aim('at most 60 us of CPU for a ping', `${plain(cpu)} us`, cpu <= AIM_CPU),
  ]
}

async function run(context: Context): Promise<Result> {
  const [times, seconds] = context.size === 'quick' ? [1, 1] : [3, 3]
  const [ours, theirs] = [empty(), empty()]
  const hasSerf = serfVersion() !== undefined
  for (let i = 0; i < times; i++) {
    context.say(`packet: round ${i + 1} of ${times}`)
    const subject = await FolkmootSubject.start('packet')
    await measure(subject, ours, seconds)
    await subject.stop()
    if (!hasSerf) continue
    const agent = await SerfSubject.start('packet-agent')
    await measure(agent, theirs, seconds)
    await agent.stop()
  }
  const both = [['Folkmoot', ours] as const, ...(hasSerf ? [['serf agent', theirs] as const] : [])]
  return {
    name: 'packet',
    title: 'Answering pings',
    method: `A peer pings one member on loopback 1,000 times a second: with nothing to do, while it merges a push/pull of ${plain(POOL)} members for the first time, and while ${plain(EVENTS)} user events a second pour in. Cost is that of the process at ${plain(COST_RATE)} pings a second; the flood keeps ${FLOOD_UNDER_WAY} under way.`,
    tables: [
      {
        title: 'From a ping to its ack',
        rows: both.flatMap(([who, measured]) => latencyRows(who, measured)),
        note: 'The pinger, the pourer and the member share two cores: what waits for a processor is in these times. Answers that came while the pinger itself was held up are left out.',
      },
      {
        title: 'Cost of a ping',
        rows: both.map(([who, measured]) => costRow(who, measured)),
        note: 'user and system, all threads',
      },
    ],
    plots: [
      {
        name: 'packet-cpu',
        title: 'From a ping to its ack, by share of the pings',
        x: { label: 'share of the pings that wait at most so long, %', scale: 'linear' },
        y: { label: 'milliseconds', scale: 'log' },
        series: both.flatMap(([who, { trips }]) =>
          KINDS.filter(([kind]) => kind !== 'idle').map(([kind, title]) => ({
            name: `${who}, ${title}`,
            points: [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99].map((share) => ({
              x: 100 * share,
              y: quantile(trips[kind], share),
            })),
          })),
        ),
      },
    ],
    aims: aims(ours),
  }
}

export const packet: Section = { name: 'packet', run }
