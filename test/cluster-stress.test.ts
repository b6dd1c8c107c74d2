/** A short mix of the stress suite, on loopback: churn, storms, push/pulls, hostile packets, a kill and a restart, beside a real agent where there is one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { play } from '../bench/stress/play.ts'
import { isMet, lineOf } from '../bench/stress/played.ts'
import { scenarioOf } from '../bench/stress/scenarios.ts'

test('a little of much for a few seconds, and every verdict is met', async (t) => {
  const played = await play(scenarioOf('mix'), { seed: 7, trouble: undefined, ground: 'loopback' })
  assert.ok(played !== undefined)
  t.diagnostic(lineOf(played))
  assert.ok(isMet([played]), lineOf(played))
  const aims = played.verdicts.map(({ aim }) => aim)
  for (const aim of [
    'false failure',
    'delivered twice',
    'lost snapshot',
    'came and went',
    'are counted',
    'one view',
  ])
    assert.ok(
      aims.some((one) => one.includes(aim)),
      `${aim} is judged`,
    )
})

test('without a firewall nothing is played that needs one', async () => {
  assert.equal(await play(scenarioOf('halves'), { seed: 1, trouble: 1, ground: 'loopback' }), undefined)
})
