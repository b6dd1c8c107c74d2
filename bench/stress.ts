/**
 * `npm run stress`: tries to break a pool of ours and real agents, scenario by scenario, and says of each in one line what came of it.
 *
 *     npm run stress -- [--list] [--only NAME,...] [--for 60s] [--seed N] [--out FOLDER] [--loopback]
 *
 * `--for` is how long each scenario makes trouble; it takes some more to begin and to come to rest, and ends by itself. Without it each has a time
 * of its own, and all together take about a quarter of an hour; partitions last as long as they say, whatever is asked. `everything` goes on in rounds for
 * as long as asked (`--only everything --for 1h`: memory is judged from forty minutes on). The same seed makes the same trouble; machines still differ.
 * `--out` is where `report.json`, `report.html` and plots go (default `bench/results/stress-local`, which nobody commits); scenarios that are not played
 * stay there as they were. Status 1 when a verdict is not met. Without root there are no firewalls: what needs them is not played, and said so; `--loopback`
 * does the same on purpose.
 */
import { randomInt } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseDuration } from '../src/cli/durations.ts'
import { machine, serfVersion } from './kit/machine.ts'
import { html } from './report/html.ts'
import type { Report } from './report/model.ts'
import { svg } from './report/svg.ts'
import { showTable } from './report/text.ts'
import { groundHere, play } from './stress/play.ts'
import { isMet, lineOf, type Played } from './stress/played.ts'
import type { Scenario } from './stress/scenario.ts'
import { SCENARIOS, scenarioOf } from './stress/scenarios.ts'
import { resultOf, summaryOf } from './stress/summary.ts'

const root = join(import.meta.dirname, '..', '..')
const HEADING = {
  title: 'Folkmoot under stress',
  words:
    'Pools of ours and of real agents in processes of their own. A scenario is met when all its verdicts are; what a verdict was taken from is named beside it.',
}
const NANOSECONDS = 1_000_000n

const { values: flags } = parseArgs({
  options: {
    list: { type: 'boolean', default: false },
    only: { type: 'string' },
    for: { type: 'string' },
    seed: { type: 'string' },
    out: { type: 'string', default: join(root, 'bench', 'results', 'stress-local') },
    loopback: { type: 'boolean', default: false },
  },
})

function chosen(): readonly Scenario[] {
  return flags.only === undefined ? SCENARIOS : flags.only.split(',').map(scenarioOf)
}

function list(): void {
  for (const { name, title, about, needs, trouble } of SCENARIOS) {
    const wants = needs === 'walls' ? ', wants root' : ''
    console.log(`${name.padEnd(10)}  ${title} (${trouble / 1000} s${wants})\n            ${about}`)
  }
}

async function playAll(scenarios: readonly Scenario[]): Promise<Played[]> {
  const ground = flags.loopback ? 'loopback' : groundHere
  const trouble = flags.for === undefined ? undefined : Number(parseDuration(flags.for) / NANOSECONDS)
  const all: Played[] = []
  for (const scenario of scenarios) {
    const seed = flags.seed === undefined ? randomInt(2 ** 31) : Number(flags.seed)
    const played = await play(scenario, { seed, trouble, ground })
    if (played === undefined) {
      console.log(`${scenario.name.padEnd(10)} *** NOT PLAYED: no root, \`ip netns\` or \`nft\` here ***`)
      continue
    }
    console.log(lineOf(played))
    all.push(played)
  }
  return all
}

/** What was played renews what lies there. */
function save(played: readonly Played[], folder: string): void {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'played.json')
  const before: Played[] = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : []
  const kept = before.filter(({ name }) => !played.some((one) => one.name === name))
  const order = SCENARIOS.map(({ name }) => name)
  const all = [...kept, ...played].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
  const report: Report = {
    machine: machine(),
    node: process.version,
    serf: serfVersion() ?? 'no serf',
    day: new Date().toISOString().slice(0, 10),
    size: 'full',
    results: [
      { ...summaryOf(all), load: Math.round(loadavg()[0]) },
      ...all.map((one) => resultOf(scenarioOf(one.name), one)),
    ],
  }
  writeFileSync(file, `${JSON.stringify(all, null, 1)}\n`)
  writeFileSync(join(folder, 'report.json'), `${JSON.stringify(report, null, 1)}\n`)
  writeFileSync(join(folder, 'report.html'), html(report, HEADING))
  for (const plot of report.results.flatMap(({ plots }) => plots))
    writeFileSync(join(folder, `${plot.name}.svg`), svg(plot))
  console.log(join(folder, 'report.html'))
}

if (flags.list) list()
else {
  if (serfVersion() === undefined)
    console.log('*** NO serf ON THIS MACHINE: members of ours take the places of real agents ***')
  const played = await playAll(chosen())
  for (const table of summaryOf(played).tables) console.log(`\n${showTable(table)}`)
  save(played, flags.out)
  process.exitCode = isMet(played) ? 0 : 1
}
