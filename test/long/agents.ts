/**
 * Three real agents and three of ours for ten minutes: joins, leaves, events, queries, tags and key rotations by both command lines at random.
 * No healthy member is called failed, every command succeeds, and all say the same at the end.
 */
import assert from 'node:assert/strict'
import { MixedPool } from '../agent/mixed-pool.ts'

const TEN_MINUTES = 600_000

export async function prove(seed: number): Promise<unknown> {
  const outcome = await new MixedPool(seed).run(TEN_MINUTES)
  assert.deepEqual(outcome.wronglyFailed, [])
  return outcome
}
