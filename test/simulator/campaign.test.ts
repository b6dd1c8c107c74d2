/** Chaos, then calm, over many seeds, sharded over the cores. That the invariants bite is shown by planted bugs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chaos, FAULTS } from '../../src/simulator/index.ts'
import { campaign, RARE, summed } from './campaigns.ts'

const SEEDS = 200
/** One pool of sixteen may be large: the others show as much in a tenth of the time. */
const POOLS = { least: 2, most: 40, large: 0.06 }

test(`${SEEDS} seeds of chaos and calm: no invariant breaks, every pool heals, and every fault and rare branch was there`, async () => {
  const { reports, failures } = await campaign(1, SEEDS, POOLS)
  assert.deepEqual(
    failures.map(({ message }) => message),
    [],
  )
  assert.equal(reports.length, SEEDS)
  const fired = summed(reports, (report) => report.fired)
  for (const fault of FAULTS) assert.ok((fired[fault] ?? 0) >= 5, `hardly any ${fault}`)
  for (const fault of ['lost', 'duplicated', 'cut', 'corrupted', 'broken', 'late']) {
    assert.ok((fired[`network ${fault}`] ?? 0) > SEEDS, `hardly anything ${fault}`)
  }
  const reached = summed(reports, (report) => report.sometimes)
  for (const branch of RARE) assert.ok((reached[branch] ?? 0) > 0, `never: ${branch}`)
  assert.ok(Math.max(...reports.map(({ nodes }) => nodes)) > 30, 'there were large pools')
  assert.equal(new Set(reports.map(({ hash }) => hash)).size, SEEDS, 'no two runs are alike')
})

test('a run of chaos is a pure function of its seed', () => {
  assert.deepEqual(chaos({ seed: 5 }), chaos({ seed: 5 }))
})
