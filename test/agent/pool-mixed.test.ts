/** Half a minute of the mixed pool that `long/agents.ts` runs for ten. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutSerf } from '../interop/serf-agent.ts'
import { MixedPool } from './mixed-pool.ts'

test('three real agents and three of ours under commands of both command lines: no failure, one view at the end', {
  skip: withoutSerf,
}, async () => {
  const { wronglyFailed, commands } = await new MixedPool(8).run(20_000)
  assert.deepEqual(wronglyFailed, [])
  assert.ok(Object.values(commands).reduce((sum, count) => sum + count, 0) > 5)
})
