/**
 * Isolation in full: a host whose main thread is blocked for 60 s, whose libuv pool is flooded for 60 s, and whose event loop then makes 10,000 turns
 * of 20 ms. Two real agents are the judges, by their logs; a pinging script in a process of its own measures the acks. Then the same with
 * `threads: 'none'`, which must be suspected while it is blocked, and must be slow to answer in long turns: it proves that the first could have failed.
 * An idle member in a third process is pinged at the same time: what its acks take is the machine's share. It wants a machine that does little else.
 */
import assert from 'node:assert/strict'
import { loadavg } from 'node:os'
import { MemberProcess } from '../interop/member.ts'
import { type Acks, Pinger } from '../interop/pinger.ts'
import { twoAgents } from '../interop/pool.ts'
import { freshIp, type SerfAgent } from '../interop/serf-agent.ts'

const LONG = 60_000
const TURNS = 10_000
const TURN = 20
/** What an ack may take at the 99th percentile, in milliseconds. */
const MOST = 50

const WORKS = [
  { work: 'block', duration: LONG },
  { work: 'flood', duration: LONG },
  { work: 'turns', duration: TURNS * TURN },
] as const

interface Found extends Acks {
  /** The same of an idle member at the same time. */
  idle: { p50: number; p99: number; max: number }
  /** Processes that wanted a core, when it was over: the average of the last minute. */
  load: number
  threads: string
  work: string
  /** Lines of the agents in which the host is suspected or failed. */
  suspicions: number
}

function suspicions(agents: SerfAgent[], name: string): string[] {
  return agents.flatMap(({ log }) =>
    log.split('\n').filter((line) => /Suspect|Marking|EventMemberFailed/.test(line) && line.includes(name)),
  )
}

async function runs(threads: 'per-actor' | 'none'): Promise<Found[]> {
  const endings: (() => unknown)[] = []
  const scope = { after: (end: () => unknown) => void endings.push(end) }
  const name = `busy-${threads}`
  const found: Found[] = []
  try {
    const agents = await twoAgents(scope, 'lan')
    const options = { nodeName: name, threads, bind: `${freshIp()}:0`, profile: 'lan' } as const
    const host = await MemberProcess.start(scope, options)
    await host.join([agents[0].address])
    const quiet = await MemberProcess.start(scope, { ...options, nodeName: 'idle', bind: `${freshIp()}:0` })
    await quiet.join([agents[0].address])
    for (const agent of agents) await agent.sees(name, 'alive')
    for (const { work, duration } of WORKS) {
      const before = suspicions(agents, name).length
      const pinger = await Pinger.start(scope, [host, quiet])
      await host.busy(work, duration)
      const [acks, { p50, p99, max }] = await pinger.stop()
      const count = suspicions(agents, name).length - before
      const load = Math.round(loadavg()[0] * 10) / 10
      const one = { threads, work, suspicions: count, ...acks, idle: { p50, p99, max }, load }
      console.log(JSON.stringify(one))
      found.push(one)
      for (const agent of agents) await agent.sees(name, 'alive', 120_000)
    }
    return found
  } finally {
    for (const end of endings.reverse()) await end()
  }
}

export async function prove(): Promise<unknown> {
  const isolated = await runs('per-actor')
  for (const { work, suspicions: count, p99, idle } of isolated) {
    assert.equal(count, 0, work)
    assert.ok(p99 < MOST, `${work}: p99 ${p99} ms, of an idle member ${idle.p99} ms`)
  }
  const exposed = await runs('none')
  for (const { work, suspicions: count, p50 } of exposed) {
    // A turn of 20 ms is over long before anybody is missed: what shows is that each ack waits for one.
    if (work === 'turns') assert.ok(p50 > TURN / 4, `turns: p50 ${p50} ms`)
    else assert.ok(count > 0, `${work}: nobody suspected it`)
  }
  return [...isolated, ...exposed]
}
