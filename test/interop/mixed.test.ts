/** Three members of ours and three real agents in one pool, in one run: a short telling of what `test/long/mixed.ts` tells whole. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tell } from './mixed-story.ts'
import { withoutSerf } from './serf-agent.ts'

test('a mixed pool of three and three: all that Serf does, from each side to each side', {
  skip: withoutSerf,
}, async (t) => {
  const outcome = await tell(t, { rounds: 1, ours: 4, agents: 1 })
  assert.equal(outcome.failuresOfLeavers, 0)
})
