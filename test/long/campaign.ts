/**
 * The long campaign: chaos, then calm, 4,096 seeds in pools of 2 to 64 members, with everything on that a scenario may have. It can be run in
 * pieces: `CAMPAIGN_SEEDS=A..B`. Any failure is one of the protocol code: it is thrown with the lines that repeat them.
 */
import { availableParallelism } from 'node:os'
import { FAULTS } from '../../src/simulator/index.ts'
import { campaign, RARE, summed } from '../simulator/campaigns.ts'

const SEEDS = 4_096
/** One pool of eight may be large: the others show as much in a tenth of the time. */
const POOLS = { least: 2, most: 64, large: 0.12 }
/** Seeds of different runs of this proof do not meet. */
const STRIDE = 10_000

export async function prove(seed: number) {
  const [first, last] = (process.env.CAMPAIGN_SEEDS ?? `1..${SEEDS}`).split('..').map(Number)
  const base = (seed % 100_000) * STRIDE
  const { reports, failures } = await campaign(base + first, base + last, POOLS)
  if (failures.length > 0) throw new Error(failures.map(({ message }) => message).join('\n\n'))
  const fired = summed(reports, (report) => report.fired)
  const reached = summed(reports, (report) => report.sometimes)
  const missing = [...FAULTS.filter((fault) => !fired[fault]), ...RARE.filter((branch) => !reached[branch])]
  if (missing.length > 0) throw new Error(`never: ${missing.join(', ')}`)
  const members = reports.reduce((sum, { nodes }) => sum + nodes, 0)
  const virtual = reports.reduce((sum, { took }) => sum + took, 0)
  const healed = reports.map(({ healedIn }) => Math.round(healedIn)).sort((a, b) => a - b)
  return {
    seeds: reports.length,
    from: base + first,
    to: base + last,
    failures: 0,
    members,
    largest: Math.max(...reports.map(({ nodes }) => nodes)),
    virtualHours: Math.round(virtual / 3_600_000),
    healedInMs: {
      median: healed[healed.length >> 1],
      p99: healed[Math.floor(healed.length * 0.99)],
      most: healed.at(-1),
    },
    fired,
    reached: Object.fromEntries(RARE.map((branch) => [branch, reached[branch]])),
    cores: availableParallelism(),
  }
}
