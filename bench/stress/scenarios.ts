/** The scenarios of `npm run stress`, in the order in which they are played. */
import type { Scenario } from './scenario.ts'
import { churn } from './scenarios/churn.ts'
import { flap, halves, lossy, partition } from './scenarios/cuts.ts'
import { deaf } from './scenarios/deaf.ts'
import { everything } from './scenarios/everything.ts'
import { freeze } from './scenarios/freeze.ts'
import { forged, hostile } from './scenarios/hostile.ts'
import { keys } from './scenarios/keys.ts'
import { mix } from './scenarios/mix.ts'
import { pushPull } from './scenarios/push-pull.ts'
import { restart } from './scenarios/restart.ts'
import { storm } from './scenarios/storm.ts'

export const SCENARIOS: readonly Scenario[] = [
  mix,
  churn,
  storm,
  pushPull,
  lossy,
  flap,
  partition,
  halves,
  freeze,
  restart,
  keys,
  deaf,
  hostile,
  forged,
  everything,
]

export function scenarioOf(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name)
  if (found !== undefined) return found
  throw new Error(`no scenario ${name}; there are ${SCENARIOS.map((one) => one.name).join(', ')}`)
}
