/** A Folkmoot member and two real agents become one pool, whoever makes the first step. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Cluster } from 'folkmoot'
import { addressOf, asSerfShows, listed, PROTOCOL, startMember, twoAgents } from './pool.ts'
import { type SerfAgent, type SerfMember, withoutSerf } from './serf-agent.ts'

const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1)

function agentRow({ name, address }: SerfAgent, tags: Record<string, string>): SerfMember {
  return {
    name,
    addr: address,
    port: Number(address.split(':')[1]),
    tags,
    status: 'alive',
    protocol: PROTOCOL,
  }
}

/** Our list in the words of `serf members -detailed`. */
function ourList(member: Cluster): SerfMember[] {
  return member.members().map(({ name, address, port, tags, status, delegate }) => ({
    name,
    addr: `${address}:${port}`,
    port,
    tags: { ...tags },
    status,
    protocol: { min: delegate.min, max: delegate.max, version: delegate.current },
  }))
}

/** All three lists name the same three alive members with the same addresses, tags and versions. */
async function assertOnePool([one, two]: [SerfAgent, SerfAgent], member: Cluster): Promise<void> {
  const { name } = member.localMember()
  await Promise.all([one.sees(name, 'alive'), two.sees(name, 'alive')])
  await Promise.all([listed(member, one.name, 'alive'), listed(member, two.name, 'alive')])
  const rows = [
    agentRow(one, { role: 'judge', zone: 'north' }),
    agentRow(two, { role: 'judge' }),
    asSerfShows(member),
  ]
  const expected = rows.sort(byName)
  assert.deepEqual((await one.members()).sort(byName), expected)
  assert.deepEqual((await two.members()).sort(byName), expected)
  assert.deepEqual(ourList(member).sort(byName), expected)
}

describe('three lists, one pool', { concurrency: true, skip: withoutSerf }, () => {
  for (const threads of ['per-actor', 'none'] as const) {
    test(`a member joins two agents by the address of one (threads: ${threads})`, async (t) => {
      const agents = await twoAgents(t)
      const member = await startMember(t, {
        nodeName: 'folk',
        threads,
        tags: { role: 'moot', motto: 'a=b, ünïcode' },
      })
      const { reached } = await member.join([agents[0].address])
      assert.equal(reached, 1)
      await assertOnePool(agents, member)
    })
  }

  for (const threads of ['one', 'none'] as const) {
    test(`an agent joins a member by its address and brings the other along (threads: ${threads})`, async (t) => {
      const agents = await twoAgents(t)
      const member = await startMember(t, { nodeName: 'folk', threads, tags: { role: 'moot' } })
      await agents[1].join(addressOf(member))
      await assertOnePool(agents, member)
    })
  }

  test('a member that does not compress is as good a member', async (t) => {
    const agents = await twoAgents(t)
    const member = await startMember(t, { nodeName: 'folk', compression: false, tags: { role: 'moot' } })
    await member.join(agents.map(({ address }) => address))
    await assertOnePool(agents, member)
  })
})
