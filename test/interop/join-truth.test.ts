/**
 * `join()` tells the truth: with real agents and members of ours that refuse a newcomer, each in a way that the original answers with "joined" or
 * with a text about a connection. What it is told within two probe intervals is shown in virtual time in `gossip/confirmations.test.ts`; one-way
 * firewalls need networks: `netns/join-wall.test.ts`.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { type Cluster, JoinRefused, JoinUnconfirmed, type Refusal } from 'folkmoot'
import { addressOf, startMember, twoAgents } from './pool.ts'
import { eventually, SerfAgent, withoutSerf } from './serf-agent.ts'

const key = () => randomBytes(32).toString('base64')
/** Twice the probe interval of `local`, and what a loaded machine may add. */
const IN_TIME = 2_000 + 18_000

async function isRefused(member: Cluster, seed: string, reason: Refusal): Promise<JoinRefused> {
  const startedAt = performance.now()
  const error: unknown = await member.join([seed]).then(
    () => assert.fail(`${seed} was joined`),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof JoinRefused, String(error))
  assert.equal(error.reason, reason, error.message)
  assert.equal(error.outcomes.length, 1)
  assert.ok(performance.now() - startedAt < IN_TIME, `after ${performance.now() - startedAt} ms`)
  return error
}

describe('joins that are none', { concurrency: true, skip: withoutSerf }, () => {
  test('a wrong key, no key, and a key where there is none', async (t) => {
    const sealed = await SerfAgent.start(t, { name: 'sealed', encrypt: key() })
    const plain = await SerfAgent.start(t, { name: 'plain' })
    const other = await startMember(t, { nodeName: 'other-key', encryptionKeys: [key()] })
    const open = await startMember(t, { nodeName: 'no-key', threads: 'none' })
    await isRefused(other, sealed.address, 'key')
    await isRefused(open, sealed.address, 'key')
    await isRefused(other, plain.address, 'key')
    // Members of ours say so in the same way.
    await isRefused(open, addressOf(other), 'key')
    for (const agent of [sealed, plain]) assert.equal((await agent.members()).length, 1)
  })

  test('a label that an agent does not know, and another label than that of a member', async (t) => {
    const agent = await SerfAgent.start(t, { name: 'agent' })
    const blue = await startMember(t, { nodeName: 'blue', label: 'blue' })
    const red = await startMember(t, { nodeName: 'red', label: 'red', threads: 'none' })
    const none = await startMember(t, { nodeName: 'none', threads: 'none' })
    await isRefused(blue, agent.address, 'label')
    await isRefused(red, addressOf(blue), 'label')
    await isRefused(none, addressOf(blue), 'label')
    assert.equal(blue.memberCount, 1)
  })

  test('a name that an agent bears, and one that a member of ours bears', async (t) => {
    const [one, two] = await twoAgents(t)
    const friend = await startMember(t, { nodeName: 'friend' })
    await friend.join([one.address])
    const rival = await startMember(t, { nodeName: 'agent-one' })
    const taken = await isRefused(rival, two.address, 'name')
    assert.ok(taken.detail.includes(one.address), taken.detail)
    const twin = await startMember(t, { nodeName: 'friend', threads: 'none' })
    await isRefused(twin, two.address, 'name')
    assert.equal((await two.sees('agent-one', 'alive')).addr, one.address)
    assert.equal((await two.sees('friend', 'alive')).addr, addressOf(friend))
  })

  test('a rule of the pool that does not let us in, told to neither of the two by the protocol', async (t) => {
    const strict = await startMember(t, {
      nodeName: 'strict',
      tags: { team: 'red' },
      admit: { tags: { team: 'red' } },
    })
    const guest = await startMember(t, { nodeName: 'guest', tags: { team: 'green' } })
    const friend = await startMember(t, {
      nodeName: 'friend',
      tags: { team: 'red' },
      admit: { tags: { team: 'red' } },
      threads: 'none',
    })
    await friend.join([addressOf(strict)])
    await isRefused(guest, addressOf(strict), 'rule')
    assert.equal(strict.member('guest'), undefined)
  })

  test('who is let in is let in at once: alone, again, by several seeds, after a restart, and into a second pool', async (t) => {
    const [one, two] = await twoAgents(t)
    const member = await startMember(t, { nodeName: 'folk' })
    assert.equal((await member.join([one.address, two.address])).reached, 2)
    await one.sees('folk', 'alive')
    assert.equal((await member.join([two.address])).reached, 1)
    const far = await SerfAgent.start(t, { name: 'far' })
    assert.equal((await member.join([far.address])).reached, 1)
    await far.sees('folk', 'alive')
    const { address, port } = member.localMember()
    await member.shutdown()
    const again = await startMember(t, { nodeName: 'folk', bind: `${address}:${port}` })
    assert.equal((await again.join([one.address])).reached, 1)
    await eventually(
      'it is alive in its new life',
      async () => (await one.member('folk'))?.status === 'alive',
    )
  })

  test('a member that ends right after it was reached leaves the join in doubt, and not without end', async (t) => {
    const agent = await SerfAgent.start(t, { name: 'short-lived' })
    const member = await startMember(t, { nodeName: 'folk' })
    const joined = member.join([agent.address])
    member.on('member-join', ({ members }) => {
      if (members.some(({ name }) => name === 'short-lived')) void agent.kill9()
    })
    // It may have been quick enough to hold us.
    await joined.catch((error: unknown) => assert.ok(error instanceof JoinUnconfirmed, String(error)))
  })
})
