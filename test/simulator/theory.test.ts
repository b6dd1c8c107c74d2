/**
 * What theory says of a pool, as the expected value: how fast news spreads, in which period a death is first probed, what rest costs, and what
 * Lifeguard saves. Small pools and few runs here; more of both in `long/theory.ts` and `long/lifeguard.ts`.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { detection } from '../../bench/experiments/detection.ts'
import { CONFIGURATIONS, type Configuration, interval } from '../../bench/experiments/lifeguard.ts'
import { Meter, restingPool } from '../../bench/experiments/pool.ts'
import { spread } from '../../bench/experiments/spread.ts'

for (const [members, loss] of [
  [10, 0],
  [60, 0],
  [60, 0.25],
]) {
  test(`an event is told to ${members} with ${loss * 100}% loss within the epidemic formula and the rounds of push gossip`, () => {
    const found = spread({ seed: members, members, loss, events: 10 })
    assert.ok(found.half <= found.formulaHalf, `${found.half} ms, formula ${found.formulaHalf} ms`)
    assert.ok(found.all <= found.formulaAll, `${found.all} ms, formula ${found.formulaAll} ms`)
    assert.ok(found.allRoundsP99 <= found.allowedRounds, `${found.allRoundsP99} of ${found.allowedRounds}`)
    // Three standard deviations of a count that is missed with probability e^-k.
    const missable = found.missable * members * found.events
    assert.ok(found.missed * members * found.events <= missable + 3 * Math.sqrt(missable) + 1)
  })
}

test("a death is first probed in SWIM's period, and known to all a confirmed suspicion later", () => {
  const { firstPeriod, swimPeriod, silent, suspicion, allFailed, falsePositives } = detection({
    seed: 7,
    members: 32,
    loss: 0,
    kills: 40,
  })
  // Periods are geometric: their standard deviation is 0.96, of the mean of forty 0.15. Three of those.
  assert.ok(Math.abs(firstPeriod - swimPeriod) < 0.46, `${firstPeriod}, SWIM ${swimPeriod}`)
  // The verdict is a second after the probe; confirmations come within two more rounds of probes.
  assert.ok(allFailed >= suspicion && allFailed <= silent + suspicion + 3_000, `${allFailed} ms`)
  assert.equal(falsePositives, 0)
})

test('at rest a member sends two datagrams a second, however many there are', () => {
  for (const members of [10, 60]) {
    const pool = restingPool(members, { seed: 3, keep: () => false })
    const meter = new Meter(pool)
    pool.world.run(60_000)
    const { datagrams } = meter.read()
    assert.ok(Math.abs(datagrams - 2) < 0.02, `${members} members: ${datagrams} a second`)
  }
})

test('members that cannot speak or hear for 8 s again and again make healthy ones fail under SWIM, and hardly any with Lifeguard', () => {
  const anomalies = { concurrent: 12, lasting: 8_200, pausing: 64, length: 40_000 }
  const run = (configuration: Configuration) =>
    interval({ seed: 5, members: 64, options: CONFIGURATIONS[configuration], anomalies })
  const [swim, lifeguard] = [run('SWIM'), run('Lifeguard')]
  assert.ok(swim.all >= 20, `the anomaly does not bite: ${swim.all}`)
  assert.ok(lifeguard.all <= 0.03 * swim.all, `${lifeguard.all} of ${swim.all}`)
  assert.ok(lifeguard.datagrams <= 1.15 * swim.datagrams)
})
