/**
 * Accuracy: no member that lives is ever failed, in 100,000 member-minutes of virtual time, while a quarter of all datagrams is lost. The same
 * without the ping over TCP, where false failures are a matter of chance: a tenth of the time, and the rate is told.
 */
import assert from 'node:assert/strict'
import { Meter, restingPool } from '../../bench/experiments/pool.ts'
import type { ClusterOptions } from '../../src/options/options.ts'

const MEMBERS = 64
const LOSS = 0.25
const MINUTES = 100
/** Pools of a seed each: so many times 64 members for 100 minutes are 102,400 member-minutes. */
const POOLS = 16
const POOLS_WITHOUT_TCP = 2

interface Found {
  memberMinutes: number
  /** Suspicions of live members that any table took up, its own and those it heard of. */
  suspected: number
  /** Failures of live members that some host heard of. */
  failed: number
  'datagrams, by member and second': number
}

export async function prove(seed: number): Promise<unknown> {
  const complete = measure(seed, POOLS, {})
  const withoutTcp = measure(seed, POOLS_WITHOUT_TCP, { tcpFallbackPings: false })
  assert.ok(withoutTcp.suspected > 0, 'nothing was hard about it')
  assert.equal(complete.failed, 0, 'failed although alive')
  return { members: MEMBERS, loss: LOSS, complete, 'without pings over TCP': withoutTcp }
}

function measure(seed: number, pools: number, options: ClusterOptions): Found {
  const found = { memberMinutes: 0, suspected: 0, failed: 0, 'datagrams, by member and second': 0 }
  for (let i = 0; i < pools; i++) {
    const pool = restingPool(MEMBERS, { seed: seed + i, options, keep: ({ kind }) => kind === 'failed' })
    const { world, nodes } = pool
    world.network.weather = { ...world.network.weather, loss: LOSS }
    const meter = new Meter(pool)
    world.run(MINUTES * 60_000)
    found.memberMinutes += MEMBERS * MINUTES
    found.failed += world.transitions.length
    for (const node of nodes) found.suspected += node.stats()['memberlist.msg.suspect'] ?? 0
    found['datagrams, by member and second'] = Math.round(100 * meter.read().datagrams) / 100
    console.error(JSON.stringify(found))
  }
  return found
}
