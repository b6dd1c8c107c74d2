/** Campaigns: many seeds of chaos and calm, sharded over the cores, and what they came by. */
import { availableParallelism } from 'node:os'
import { Piscina } from 'piscina'
import type { Bounds, ChaosReport } from '../../src/simulator/index.ts'
import type { Shard, ShardResult } from '../../workers/simulate.ts'

const SHARD = 6

/** Runs seeds `from` to `to`. */
export async function campaign(from: number, to: number, bounds: Bounds): Promise<ShardResult> {
  const pool = new Piscina<Shard, ShardResult>({
    filename: new URL('../../workers/simulate.js', import.meta.url).href,
    maxThreads: availableParallelism(),
  })
  const shards: Promise<ShardResult>[] = []
  for (let first = from; first <= to; first += SHARD) {
    shards.push(pool.run({ from: first, to: Math.min(to, first + SHARD - 1), bounds }))
  }
  const results = await Promise.all(shards)
  await pool.close()
  return {
    reports: results.flatMap(({ reports }) => reports),
    failures: results.flatMap(({ failures }) => failures),
  }
}

/** Sums of the counts of all runs, by name. */
export function summed(
  reports: readonly ChaosReport[],
  counts: (report: ChaosReport) => Record<string, number>,
): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const report of reports) {
    for (const [name, count] of Object.entries(counts(report))) sums[name] = (sums[name] ?? 0) + count
  }
  return sums
}

/** Branches of the machines that are rarely taken: each must be reached in a campaign, or it shows nothing about them. */
export const RARE = [
  'table: alive > suspect',
  'table: suspect > alive',
  'table: suspect > dead',
  'table: suspect > left',
  'table: alive > dead',
  'table: alive > left',
  'table: dead > alive',
  'table: left > alive',
  'table: dead > unlisted',
  'table: left > unlisted',
  'host: join',
  'host: leave',
  'host: failed',
  'host: update',
  'host: reap',
  'host: query',
  'host: user',
  'host: user, where old ones are refused',
  'folkmoot.refuted',
  'folkmoot.left-by-rumour',
  'folkmoot.leaving.asked',
  'folkmoot.gossip.paused',
  'detector.paused',
  'memberlist.degraded.timeout',
  'memberlist.conflict',
  'serf.member.flap',
  'drop.decrypt',
]
