/** Tags at their limit and one byte above, ours and those of a real agent: both take and refuse the same (row 39). Events and queries: `mixed-story.ts`. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TagsTooLarge } from 'folkmoot'
import { listed, startMember } from './pool.ts'
import { eventually, SerfAgent, withoutSerf } from './serf-agent.ts'

const TAGS_LIMIT = 512

describe('limits', { skip: withoutSerf }, () => {
  test('tags of 512 bytes are seen by the other side, and one byte more is refused by both', async (t) => {
    const agent = await SerfAgent.start(t, { name: 'agent' })
    const member = await startMember(t, { nodeName: 'folk', threads: 'none' })
    await member.join([agent.address])
    await listed(member, 'agent', 'alive')
    // The marker, the table, the name with its length, and three bytes in front of the value.
    const largest = 'x'.repeat(TAGS_LIMIT - 1 - 1 - 2 - 3)
    await agent.setTag('t', largest)
    await eventually('ours sees them', () => member.member('agent')?.tags.t === largest)
    await assert.rejects(agent.setTag('t', `${largest}x`))
    await member.setTags({ t: largest })
    await eventually('the agent sees them', async () => (await agent.member('folk'))?.tags.t === largest)
    await assert.rejects(
      member.setTags({ t: `${largest}x` }),
      (error) =>
        error instanceof TagsTooLarge && error.bytes === TAGS_LIMIT + 1 && error.limit === TAGS_LIMIT,
    )
    assert.equal(member.localMember().tags.t, largest)
  })
})
