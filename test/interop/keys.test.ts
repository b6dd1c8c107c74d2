/** Keys of a mixed pool: rotated under traffic, and stopped by a member that is down. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { type Cluster, RotationStopped } from 'folkmoot'
import { addressOf, listed, memberEvents, startMember } from './pool.ts'
import { SerfAgent, withoutSerf } from './serf-agent.ts'

const keyOf = () => randomBytes(32).toString('base64')
const AGENTS = ['agent-1', 'agent-2', 'agent-3']
const MEMBERS = ['folk-1', 'folk-2', 'folk-3']

async function mixedPool(t: TestContext, key: string, names: { agents: string[]; members: string[] }) {
  const folder = mkdtempSync(join(tmpdir(), 'folkmoot-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const ringOf = (name: string) => join(folder, name)
  const agents: SerfAgent[] = []
  for (const name of names.agents) {
    writeFileSync(ringOf(name), JSON.stringify([key]))
    agents.push(await SerfAgent.start(t, { name, keyringFile: ringOf(name) }))
  }
  const members: Cluster[] = []
  for (const nodeName of names.members) {
    const options = {
      nodeName,
      encryptionKeys: [key],
      keyringFile: ringOf(nodeName),
      threads: 'none' as const,
    }
    const member = await startMember(t, options)
    await member.join([agents[0].address])
    members.push(member)
  }
  for (const agent of agents.slice(1)) await agent.join(agents[0].address)
  const all = [...names.agents, ...names.members]
  for (const member of members) for (const name of all) await listed(member, name, 'alive', 40_000)
  const keysIn = (name: string): string[] => JSON.parse(readFileSync(ringOf(name), 'utf8'))
  return { agents, members, keysIn, all }
}

/** Packets and streams that nobody's keys opened. */
async function unopened(member: Cluster): Promise<number> {
  const { detector, gossip } = await member.stats()
  return Object.entries({ ...detector, ...gossip })
    .filter(([name]) => name.startsWith('drop.') && /crypt|seal|key|open/.test(name))
    .reduce((sum, [, count]) => sum + count, 0)
}

describe('keys', { skip: withoutSerf }, () => {
  test('a rotation under traffic in a pool of three agents and three members: no failure, nothing undecryptable', async (t) => {
    const [before, after] = [keyOf(), keyOf()]
    const { agents, members, keysIn, all } = await mixedPool(t, before, { agents: AGENTS, members: MEMBERS })
    const events = members.map(memberEvents)
    const heard = members.map((member) => {
      const names = new Set<string>()
      member.on('user-event', ({ name }) => names.add(name))
      return names
    })
    let sent = 0
    const traffic = setInterval(() => {
      sent += 1
      members[sent % members.length].userEvent(`event-${sent}`).catch(() => undefined)
    }, 50)
    t.after(() => clearInterval(traffic))
    assert.deepEqual(await members[0].keys.rotate(after, { grace: 1_500 }), { removed: 1 })
    const dropped = await Promise.all(members.map(unopened))
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    clearInterval(traffic)
    assert.deepEqual(await Promise.all(members.map(unopened)), dropped)
    for (const name of all) assert.deepEqual(keysIn(name), [after])
    assert.deepEqual(await agents[1].keys(), { [after]: all.length })
    // Gossip alone misses one now and then, which the next push/pull brings; a moment without a common key would cost many.
    for (const [i, names] of heard.entries()) {
      assert.ok(names.size >= 0.8 * sent, `${MEMBERS[i]} heard ${names.size} of ${sent} events`)
    }
    const failures = events.flat().filter((event) => event.startsWith('member-failed'))
    assert.deepEqual(failures, [])
  })

  test('with a member down a rotation stops and names it; when it is back, it goes on', async (t) => {
    const key = keyOf()
    const names = { agents: ['agent-1', 'agent-2'], members: ['folk-1'] }
    const { agents, members, keysIn } = await mixedPool(t, key, names)
    const [member] = members
    const bind = agents[1].address
    await agents[1].kill9()
    await listed(member, 'agent-2', 'failed', 40_000)
    const stopped = await member.keys.rotate().catch((error: unknown) => error)
    assert.ok(stopped instanceof RotationStopped)
    assert.deepEqual([stopped.step, stopped.members], ['install', ['agent-2']])
    const ring = join(mkdtempSync(join(tmpdir(), 'folkmoot-')), 'ring')
    t.after(() => rmSync(join(ring, '..'), { recursive: true, force: true }))
    writeFileSync(ring, JSON.stringify([key]))
    const back = await SerfAgent.start(t, { name: 'agent-2', bind, keyringFile: ring })
    await back.join(addressOf(member))
    await listed(member, 'agent-2', 'alive', 40_000)
    await member.keys.rotate(stopped.key, { grace: 500 })
    const last = Buffer.from(stopped.key).toString('base64')
    assert.deepEqual(keysIn('folk-1'), [last])
    assert.deepEqual(await back.keys(), { [last]: 3 })
  })
})
