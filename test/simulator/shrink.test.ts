/** Scenarios as data: they print themselves, play the same again, and shrink to what matters. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Fault,
  parse,
  play,
  print,
  type Scenario,
  SMALL_POOLS,
  scenarioOf,
  shrink,
} from '../../src/simulator/index.ts'

test('what a scenario prints is a scenario that plays the same', () => {
  const scenario = scenarioOf(11, SMALL_POOLS)
  const again = parse(print(scenario))
  assert.deepEqual(again, scenario)
  assert.equal(play(again).hash, play(scenario).hash)
})

test('what is no scenario is refused', () => {
  const { faults, ...rest } = scenarioOf(11, SMALL_POOLS)
  const strange = [{ ...faults[0], what: 'flood' }]
  for (const line of ['{}', 'null', '[]', JSON.stringify({ ...rest, faults: strange })]) {
    assert.throws(() => parse(line), TypeError, line)
  }
})

test('a scenario shrinks to the faults, members and weather without which it does not fail', () => {
  const guilty: Fault = { at: 20_000, what: 'move', node: 1, other: 2 }
  const scenario = { ...scenarioOf(11, { least: 12, most: 12 }), chaos: 80_000 }
  const faults = [...scenario.faults.filter(({ what }) => what !== 'move'), guilty].sort(
    (a, b) => a.at - b.at,
  )
  let trials = 0
  const fails = (candidate: Scenario) => {
    trials += 1
    return candidate.faults.some(({ what, at }) => what === 'move' && at <= candidate.chaos)
  }
  const least = shrink({ ...scenario, faults }, fails)
  assert.deepEqual(least.faults, [guilty])
  assert.equal(least.nodes, 3)
  assert.equal(least.chaos, 20_001)
  assert.deepEqual(least.features, [])
  assert.deepEqual([least.weather.loss, least.weather.duplicates, least.weather.breaks], [0, 0, 0])
  assert.ok(trials < 400, String(trials))
})
