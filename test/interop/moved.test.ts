/**
 * A name that comes back at another address, as pods do (known defect 13), in pools of real agents and ours. Ours take it at once. Real agents do so only
 * when it has left; one that was killed stays failed at its old address with them until it is reaped, and what they say of that must not harm the
 * view of ours.
 */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { Cluster } from 'folkmoot'
import { MemberProcess } from './member.ts'
import { addressOf, listed, startMember } from './pool.ts'
import { eventually, freshIp, SerfAgent, withoutSerf } from './serf-agent.ts'

const patience = { within: 30_000 }

/** A real agent and one of ours, who know each other; conflicts that ours told of. */
async function pair(t: TestContext): Promise<{ agent: SerfAgent; member: Cluster; conflicts: unknown[] }> {
  const agent = await SerfAgent.start(t, { name: 'agent' })
  const member = await startMember(t, { nodeName: 'member' })
  const conflicts: unknown[] = []
  member.on('name-conflict', (conflict) => conflicts.push(conflict))
  await member.join([agent.address])
  await agent.sees('member', 'alive')
  return { agent, member, conflicts }
}

function isAt(member: Cluster, address: string): Promise<true> {
  return eventually(
    `pod at ${address}`,
    () => {
      const pod = member.member('pod')
      return pod?.status === 'alive' && `${pod.address}:${pod.port}` === address
    },
    patience,
  )
}

async function ourPod(t: TestContext, seeds: string[]): Promise<MemberProcess> {
  const pod = await MemberProcess.start(t, { nodeName: 'pod', profile: 'local', bind: `${freshIp()}:0` })
  await pod.join(seeds)
  return pod
}

describe('a name at a new address', { concurrency: true, skip: withoutSerf }, () => {
  test('a pod of ours that left: the real agent and ours list it at its new address', async (t) => {
    const { agent, member, conflicts } = await pair(t)
    const seeds = [agent.address, addressOf(member)]
    const before = await ourPod(t, seeds)
    await Promise.all([agent.sees('pod', 'alive'), isAt(member, before.address)])
    await before.leave()
    await Promise.all([agent.sees('pod', 'left'), listed(member, 'pod', 'left')])
    const after = await ourPod(t, seeds)
    await isAt(member, after.address)
    await eventually(
      'the agent lists it there',
      async () => (await agent.member('pod'))?.addr === after.address,
      patience,
    )
    await agent.sees('pod', 'alive')
    assert.deepEqual(conflicts, [])
    assert.doesNotMatch(agent.log, /[Cc]onflict/)
  })

  for (const kind of ['ours', 'real'] as const) {
    test(`a pod (${kind}) that was killed: ours lists it at its new address, whatever the real agent says of the old one`, async (t) => {
      const { agent, member, conflicts } = await pair(t)
      const seeds = [agent.address, addressOf(member)]
      const pod = async () => {
        if (kind === 'ours') return ourPod(t, seeds)
        const real = await SerfAgent.start(t, { name: 'pod' })
        await Promise.all(seeds.map((seed) => real.join(seed)))
        return real
      }
      const before = await pod()
      await Promise.all([agent.sees('pod', 'alive'), isAt(member, before.address)])
      await before.kill9()
      // A real pod that starts while its death is unknown loses the vote about its name, and ends itself.
      if (kind === 'real') await Promise.all([agent.sees('pod', 'failed'), listed(member, 'pod', 'failed')])
      const after = await pod()
      await isAt(member, after.address)
      // The agent asks its peers whether the name is taken twice, says so, and keeps what it has.
      await eventually(
        'the agent speaks of a conflict',
        () => /onflicting address for pod/.test(agent.log),
        patience,
      )
      await agent.sees('pod', 'failed', 40_000)
      await isAt(member, after.address)
      assert.deepEqual(conflicts, [])
    })
  }
})
