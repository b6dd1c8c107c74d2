/**
 * The reason Folkmoot exists: a host whose main thread is busy for 20 s is never suspected. One pool of two real agents
 * and an idle member of ours watches four hosts at once: three that keep the protocol in its own threads and are busy in
 * three ways, and one with `threads: 'none'`, busy in the simplest way, that must be suspected: it proves that
 * the others could have been.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemberProcess } from './member.ts'
import { Pinger } from './pinger.ts'
import { memberEvents, startMember, twoAgents } from './pool.ts'
import { eventually, freshIp, type SerfAgent, withoutSerf } from './serf-agent.ts'

const BUSY_FOR = 20_000
/**
 * What half of the acks may take, in milliseconds. With more busy hosts here than cores, and who knows what beside them, the 99th percentile is told and not
 * judged: that is for `long/isolation.ts`.
 */
const MOST = 50

const HOSTS = [
  { name: 'loop-threads', threads: 'per-actor', work: 'block' },
  { name: 'pool-threads', threads: 'per-actor', work: 'flood' },
  { name: 'talk-threads', threads: 'per-actor', work: 'chatter' },
  { name: 'loop-none', threads: 'none', work: 'block' },
] as const

/** Log lines of an agent that suspect `name`, or count it out. */
function suspicions(agent: SerfAgent, name: string): string[] {
  return agent.log
    .split('\n')
    .filter((line) => /Suspect|Marking|suspect|EventMemberFailed/.test(line) && line.includes(name))
}

/** What every agent lists each host as, every second of the busy time: statuses by name. */
async function watch(agents: SerfAgent[]): Promise<Map<string, Set<string>>> {
  const seen = new Map<string, Set<string>>(HOSTS.map(({ name }) => [name, new Set()]))
  for (const endsAt = performance.now() + BUSY_FOR; performance.now() < endsAt; await sleep(1_000)) {
    for (const agent of agents) {
      for (const { name, status } of await agent.members()) seen.get(name)?.add(status)
    }
  }
  return seen
}

describe('a busy host', { skip: withoutSerf }, () => {
  test('is not suspected while its main thread is blocked, for it has its own threads', async (t) => {
    const agents = await twoAgents(t, 'lan')
    const observer = await startMember(t, { nodeName: 'observer', profile: 'lan' })
    const hosts = await Promise.all(
      HOSTS.map(({ name, threads }) =>
        MemberProcess.start(t, { nodeName: name, threads, bind: `${freshIp()}:0`, profile: 'lan' }),
      ),
    )
    await observer.join([agents[0].address])
    await Promise.all(hosts.map((host) => host.join([agents[0].address])))
    for (const { name } of hosts) for (const agent of agents) await agent.sees(name, 'alive')
    await eventually('the observer lists all', () => observer.members().length === HOSTS.length + 3)
    const heard = memberEvents(observer)

    const pinger = await Pinger.start(t, hosts)
    const busy = hosts.map((host, index) => host.busy(HOSTS[index].work, BUSY_FOR))
    const listed = await watch(agents)

    const acks = await pinger.stop()
    for (const [index, { name, threads }] of HOSTS.entries()) {
      const { p50, p99, missing } = acks[index]
      t.diagnostic(`${name}: acks within ${p50} ms (p50), ${p99} ms (p99), ${missing} missing`)
      if (threads === 'none')
        assert.ok(p50 > MOST, `acks of ${name} came within ${p50} ms: this test could not fail`)
      else assert.ok(p50 < MOST, `acks of ${name} took ${p50} ms`)
      const accused = agents.flatMap((agent) => suspicions(agent, name))
      const missed = agents.flatMap((agent) =>
        agent.log.split('\n').filter((line) => line.includes(`ping: ${name}`)),
      )
      t.diagnostic(`${name}: ${accused.length} suspicions, ${missed.length} pings unanswered in time`)
      if (threads === 'none') {
        assert.notDeepEqual(
          accused,
          [],
          `${name} was blocked and nobody suspected it: this test could not fail`,
        )
      } else {
        assert.deepEqual(accused, [])
        assert.deepEqual([...(listed.get(name) ?? [])], ['alive'])
        assert.equal(observer.member(name)?.status, 'alive')
        assert.ok(!heard.includes(`member-failed ${name}`))
      }
    }
    await Promise.all(busy)
    // The one that was suspected is heard again and clears its name.
    for (const agent of agents) await agent.sees('loop-none', 'alive', 40_000)
    for (const host of hosts) {
      const { members } = await host.report()
      const away = members.filter(({ name, status }) => status !== 'alive' && name !== 'loop-none')
      if (host.name !== 'loop-none') assert.deepEqual(away, [], `${host.name} lost sight of members`)
    }
  })
})
