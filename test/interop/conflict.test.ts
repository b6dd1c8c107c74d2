/** Two members of one name, in each direction between real agents and ours: the one that fewer see stops, and nobody's process ends but the agent's. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ConflictLost } from 'folkmoot'
import { addressOf, listed, startMember, twoAgents } from './pool.ts'
import { eventually, SerfAgent, withoutSerf } from './serf-agent.ts'

describe('name conflicts', { concurrency: true, skip: withoutSerf }, () => {
  test('TestSerf_NameResolution: a member of ours that comes with the name of an agent loses it, and is closed', async (t) => {
    const [one, two] = await twoAgents(t)
    const rival = await startMember(t, { nodeName: 'agent-one', deadNodeReclaimTime: 0 })
    const lost: ConflictLost[] = []
    rival.on('conflict-lost', (event) => lost.push(event))
    await one.join(addressOf(rival)).catch(() => undefined)
    await rival.join([two.address]).catch(() => undefined)
    await eventually('the rival has lost', () => lost.length > 0, { within: 40_000 })
    assert.equal(lost[0].name, 'agent-one')
    await eventually('the rival is closed', () => rival.state === 'shutdown')
    assert.ok(one.isRunning && two.isRunning)
    assert.equal((await two.sees('agent-one', 'alive')).addr, one.address)
  })

  test('TestSerf_NameResolution: an agent that comes with the name of a member of ours loses it', async (t) => {
    const [one, two] = [
      await startMember(t, { nodeName: 'folk-one' }),
      await startMember(t, { nodeName: 'folk-two' }),
    ]
    await one.join([addressOf(two)])
    await listed(two, 'folk-one', 'alive')
    const rival = await SerfAgent.start(t, { name: 'folk-one' })
    await rival.join(addressOf(two)).catch(() => undefined)
    await rival.join(addressOf(one)).catch(() => undefined)
    await eventually('the agent has ended', () => !rival.isRunning, { within: 40_000 })
    assert.equal(one.state, 'alive')
    assert.equal(two.member('folk-one')?.port, one.localMember().port)
  })
})
