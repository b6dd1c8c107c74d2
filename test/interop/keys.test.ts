/** Keys of a mixed pool: a rotation that is stopped by a member that is down, and goes on. Under traffic and whole: `mixed-story.ts`. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { type Cluster, RotationStopped } from 'folkmoot'
import { addressOf, listed, startMember } from './pool.ts'
import { SerfAgent, withoutSerf } from './serf-agent.ts'

const keyOf = () => randomBytes(32).toString('base64')

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

describe('keys', { skip: withoutSerf }, () => {
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
