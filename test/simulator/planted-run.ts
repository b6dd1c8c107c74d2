/** A process with a bug in it: `planted-run.js BUG MOST`. Runs up to so many seeds until an invariant says so, and prints the seed and the rule. */
import { register } from 'node:module'
import { BUGS } from './planted.ts'

const [bug, most] = process.argv.slice(2)
register('./planted-hooks.js', { parentURL: import.meta.url, data: BUGS[bug] })
// Only now: what is loaded from here on has the bug.
const { chaos, ScenarioFailed } = await import('../../src/simulator/index.js')

let found: { seed: number; rule: string } | undefined
for (let seed = 1; seed <= Number(most) && found === undefined; seed++) {
  try {
    chaos({ seed })
  } catch (error) {
    if (!(error instanceof ScenarioFailed)) throw error
    found = { seed, rule: error.rule }
  }
}
console.log(JSON.stringify(found ?? null))
