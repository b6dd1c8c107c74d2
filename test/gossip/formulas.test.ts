/** The formulas against the numbers that the original computed (vectors/memberlist-formulas.json). */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  expectedConfirmations,
  pushPullPeriod,
  retransmitLimit,
  suspicionLength,
  suspicionMin,
} from '../../src/gossip/formulas.ts'

interface Scale {
  n: number
  retransmitFactor: number
  suspicionMs: number
  pushPullFactor: number
}
interface Total {
  c: number
  k: number
  minMs: number
  maxMs: number
  totalMs: number
}
const vectors: { scale: Scale[]; suspicionTotalMs: Total[] } = JSON.parse(
  readFileSync(new URL('../../../test/vectors/memberlist-formulas.json', import.meta.url), 'utf8'),
)

test('transmit limits, suspicion minima and push/pull periods equal the original for every recorded pool size', () => {
  assert.ok(vectors.scale.length > 20)
  for (const { n, retransmitFactor, suspicionMs, pushPullFactor } of vectors.scale) {
    assert.equal(retransmitLimit(1, n), retransmitFactor, `retransmit limit at n = ${n}`)
    assert.equal(suspicionMin(1, n, 1000), suspicionMs, `suspicion at n = ${n}`)
    assert.equal(pushPullPeriod(1, n), pushPullFactor, `push/pull period at n = ${n}`)
  }
})

test('the length of a suspicion equals the original after every recorded number of confirmations', () => {
  assert.ok(vectors.suspicionTotalMs.length > 10)
  for (const { c, k, minMs, maxMs, totalMs } of vectors.suspicionTotalMs) {
    assert.equal(suspicionLength(minMs, maxMs, c, k), totalMs, `${c} of ${k}, ${minMs} to ${maxMs}`)
  }
})

test('a suspicion shrinks with its confirmations exactly as in the table of the three profiles', () => {
  const table: [min: number, max: number, expected: number, lengths: number[]][] = [
    [4_000, 24_000, 2, [24_000, 11_381, 4_000]],
    [30_000, 180_000, 4, [180_000, 115_398, 77_609, 50_797, 30_000]],
    [3_000, 18_000, 1, [18_000, 3_000]],
  ]
  for (const [min, max, expected, lengths] of table) {
    lengths.forEach((length, confirmations) => {
      assert.equal(suspicionLength(min, max, confirmations, expected), length)
    })
  }
})

test('pools too small to confirm a suspicion do not wait for confirmations', () => {
  assert.equal(expectedConfirmations(4, 2), 0)
  assert.equal(expectedConfirmations(4, 3), 0)
  assert.equal(expectedConfirmations(4, 4), 2)
  assert.equal(expectedConfirmations(1, 100), 0)
  assert.equal(suspicionLength(4_000, 24_000, 0, 0), 4_000)
})
