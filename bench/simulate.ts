/**
 * Plays scenarios of the simulator: `npm run simulate -- --replay 'LINE'` repeats one that was printed, `--seed N [--most M]` that of a seed in
 * pools of up to M members, `--seeds A..B [--most M]` those of many. One that fails is shrunk, unless `--as-is` is said, and printed with the
 * line that repeats it; with `--keep` it becomes a test, by a line in `test/simulator/kept.jsonl`. With `--nodes` it measures a pool instead: see `experiments/command.ts`.
 */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  parse,
  play,
  print,
  type Scenario,
  ScenarioFailed,
  SMALL_POOLS,
  scenarioOf,
  shrink,
} from '../src/simulator/index.ts'
import { runPool } from './experiments/command.ts'

/** Scenarios that failed once, each with the rule that it broke. */
const KEPT = join(import.meta.dirname, '..', '..', 'test', 'simulator', 'kept.jsonl')

const { values } = parseArgs({
  options: {
    replay: { type: 'string' },
    seed: { type: 'string' },
    seeds: { type: 'string' },
    most: { type: 'string', default: String(SMALL_POOLS.most) },
    'as-is': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    nodes: { type: 'string' },
    loss: { type: 'string', default: '0%' },
    profile: { type: 'string', default: 'lan' },
    scenario: { type: 'string', default: 'kill' },
    repeat: { type: 'string', default: '10' },
    set: { type: 'string' },
    compare: { type: 'string' },
    json: { type: 'string' },
    svg: { type: 'string' },
  },
})

function failureOf(scenario: Scenario): ScenarioFailed | undefined {
  try {
    play(scenario)
    return undefined
  } catch (error) {
    if (error instanceof ScenarioFailed) return error
    throw error
  }
}

function judge(scenario: Scenario): 'holds' | 'fails' {
  const failure = failureOf(scenario)
  if (failure === undefined) return 'holds'
  const least = values['as-is']
    ? scenario
    : shrink(scenario, (candidate) => failureOf(candidate)?.rule === failure.rule)
  console.log(`seed ${scenario.seed}: ${(failureOf(least) ?? failure).message}`)
  if (values.keep)
    appendFileSync(KEPT, `${JSON.stringify({ rule: failure.rule, scenario: JSON.parse(print(least)) })}\n`)
  return 'fails'
}

function* wanted(): Generator<Scenario> {
  const bounds = { least: SMALL_POOLS.least, most: Number(values.most) }
  if (values.replay !== undefined) yield parse(values.replay)
  const seeds = values.seeds ?? values.seed
  if (seeds === undefined) return
  const [first, last] = seeds.split('..').map(Number)
  for (let seed = first; seed <= (last ?? first); seed++) yield scenarioOf(seed, bounds)
}

function playAll(): void {
  let [held, failed] = [0, 0]
  for (const scenario of wanted()) {
    if (judge(scenario) === 'holds') held += 1
    else failed += 1
  }
  if (held + failed === 0)
    console.log(
      "npm run simulate -- --replay 'LINE' | --seed N | --seeds A..B [--most M] [--keep] | --nodes N [...]",
    )
  else console.log(`${held} held, ${failed} failed`)
  process.exitCode = held > 0 && failed === 0 ? 0 : 1
}

const { nodes } = values
if (nodes === undefined) playAll()
else runPool({ ...values, nodes, seed: values.seed ?? '1' })
