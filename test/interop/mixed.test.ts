/** Three members of ours and three real agents in one pool: events, forced leaves and prunes from each side to each side, and fifty joins and leaves. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { Cluster } from 'folkmoot'
import { addressOf, listed, memberEvents, startMember } from './pool.ts'
import { eventually, SerfAgent, withoutSerf } from './serf-agent.ts'

/** Joins and leaves at once, and rounds of them. */
const OURS_A_ROUND = 8
const AGENTS_A_ROUND = 2
const ROUNDS = 5

interface MixedPool {
  ours: Cluster[]
  agents: SerfAgent[]
}

async function mixedPool(t: TestContext): Promise<MixedPool> {
  // A leave is spread too seldom in the `local` profile: one in ten members of a small pool would miss it.
  const profile = 'lan'
  const agents = await Promise.all(
    ['agent-1', 'agent-2', 'agent-3'].map((name) => SerfAgent.start(t, { name, profile })),
  )
  const ours = await Promise.all(
    ['folk-1', 'folk-2', 'folk-3'].map((nodeName) => startMember(t, { nodeName, profile, threads: 'one' })),
  )
  for (const agent of agents.slice(1)) await agent.join(agents[0].address)
  await Promise.all(ours.map((member) => member.join([agents[0].address])))
  const names = [...agents.map(({ name }) => name), ...ours.map((member) => member.localMember().name)]
  for (const name of names) {
    for (const agent of agents) await agent.sees(name, 'alive', 60_000)
    for (const member of ours) await listed(member, name, 'alive', 60_000)
  }
  return { ours, agents }
}

async function isGone({ ours, agents }: MixedPool, name: string): Promise<boolean> {
  const seen = await Promise.all(agents.map((agent) => agent.member(name)))
  return (
    seen.every((member) => member === undefined) && ours.every((member) => member.member(name) === undefined)
  )
}

async function allSee({ ours, agents }: MixedPool, name: string, status: 'failed' | 'left'): Promise<void> {
  for (const agent of agents) await agent.sees(name, status, 60_000)
  for (const member of ours) await listed(member, name, status, 60_000)
}

describe('a mixed pool of three and three', { concurrency: true, skip: withoutSerf }, () => {
  test('user events from each side reach each side', async (t) => {
    const { ours, agents } = await mixedPool(t)
    const heard = ours.map((member) => {
      const events: string[] = []
      member.on('user-event', ({ name }) => events.push(name))
      return events
    })
    const monitors = await Promise.all(agents.map((agent) => agent.monitor(t)))
    await ours[0].userEvent('from-folk', 'hello')
    await agents[2].event('from-agent', 'hello', { coalesce: false })
    for (const name of ['from-folk', 'from-agent']) {
      await Promise.all(monitors.map((monitor) => monitor.sees(name, 60_000)))
      await eventually(`ours hear ${name}`, () => heard.every((events) => events.includes(name)), {
        within: 60_000,
      })
    }
    for (const events of heard) assert.deepEqual([...events].sort(), ['from-agent', 'from-folk'])
  })

  test('forced leaves and prunes from each side, of members of each side', async (t) => {
    const pool = await mixedPool(t)
    const { ours, agents } = pool
    const [agentA, agentB] = await Promise.all(
      ['gone-agent-a', 'gone-agent-b'].map((name) => SerfAgent.start(t, { name, profile: 'lan' })),
    )
    const [folkA, folkB] = await Promise.all(
      ['gone-folk-a', 'gone-folk-b'].map((nodeName) =>
        startMember(t, { nodeName, profile: 'lan', threads: 'one' }),
      ),
    )
    for (const agent of [agentA, agentB]) await agent.join(agents[0].address)
    for (const member of [folkA, folkB]) await member.join([agents[0].address])
    const names = ['gone-agent-a', 'gone-agent-b', 'gone-folk-a', 'gone-folk-b']
    for (const name of names) for (const member of ours) await listed(member, name, 'alive', 60_000)
    await Promise.all([agentA.kill9(), agentB.kill9(), folkA.shutdown(), folkB.shutdown()])
    for (const name of names) await allSee(pool, name, 'failed')

    assert.deepEqual(await ours[0].forceLeave('gone-agent-a'), { status: 'left' })
    await agents[1].forceLeave('gone-folk-a', 'keep')
    for (const name of ['gone-agent-a', 'gone-folk-a']) await allSee(pool, name, 'left')
    await ours[1].forceLeave('gone-folk-b', { prune: true })
    await agents[2].forceLeave('gone-agent-b', 'prune')
    for (const name of ['gone-folk-b', 'gone-agent-b']) {
      await eventually(`${name} is forgotten by all`, () => isGone(pool, name), { within: 60_000 })
    }
    // A prune of somebody who lives: the agents may lose it for a while, ours keep it.
    await agents[0].forceLeave('folk-3', 'keep')
    await Promise.all(ours.map((member) => listed(member, 'folk-3', 'alive', 60_000)))
    for (const agent of agents) await agent.sees('folk-3', 'alive', 60_000)
  })

  test(`${ROUNDS * (OURS_A_ROUND + AGENTS_A_ROUND)} joins and leaves: nobody who leaves is a failure for anybody of ours`, async (t) => {
    const { ours, agents } = await mixedPool(t)
    const heard = ours.map(memberEvents)
    for (let round = 0; round < ROUNDS; round++) {
      const guests = await Promise.all(
        Array.from({ length: OURS_A_ROUND }, (_, i) =>
          startMember(t, { nodeName: `guest-${round}-${i}`, profile: 'lan', threads: 'none' }),
        ),
      )
      const visitors = await Promise.all(
        Array.from({ length: AGENTS_A_ROUND }, (_, i) =>
          SerfAgent.start(t, { name: `visitor-${round}-${i}`, profile: 'lan' }),
        ),
      )
      await Promise.all(
        guests.map((guest, i) => guest.join([i % 2 === 0 ? agents[0].address : addressOf(ours[0])])),
      )
      await Promise.all(visitors.map((visitor) => visitor.join(addressOf(ours[1]))))
      const told = await Promise.all(guests.map((guest) => guest.leave()))
      assert.ok(
        told.every(({ told }) => told >= 3),
        JSON.stringify(told),
      )
      await Promise.all([
        ...guests.map((guest) => guest.shutdown()),
        ...visitors.map((visitor) => visitor.leave()),
      ])
    }
    for (const member of ours) {
      await eventually(
        `no guest is alive for ${member.localMember().name}`,
        () => !member.members({ status: 'alive' }).some(({ name }) => /guest|visitor/.test(name)),
        { within: 60_000 },
      )
    }
    const failed = heard.flat().filter((event) => event.startsWith('member-failed'))
    assert.deepEqual(failed, [])
  })
})
