/**
 * `npm run bench`: the benchmarks, ours and the real agent in turn where there is one. Prints a table each and leaves a report behind.
 *
 *     npm run bench -- [--only SECTION,...] [--quick] [--out FOLDER] [--compare FILE]
 *
 * `--quick` takes less than two minutes and shows that all works; `--out` is where `report.json`, `report.html` and one SVG for each plot go
 * (default `bench/results/local`, which nobody commits; sections that are not run stay there as they were); `--compare` tells what moved against the `report.json` of another run.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { machine, serfVersion } from './kit/machine.ts'
import { compare } from './report/compare.ts'
import { html } from './report/html.ts'
import { type Report, type Result, type Section, type Size, unmeasured } from './report/model.ts'
import { svg } from './report/svg.ts'
import { show, showTable } from './report/text.ts'
import { cluster } from './sections/cluster.ts'
import { hostTax } from './sections/host-tax.ts'
import { intake } from './sections/intake.ts'
import { manyInOne } from './sections/many.ts'
import { micro } from './sections/micro.ts'
import { packet } from './sections/packet.ts'
import { scaleSection } from './sections/scale.ts'
import { state } from './sections/state.ts'

const SECTIONS: readonly Section[] = [intake, state, packet, cluster, manyInOne, scaleSection, hostTax, micro]

const root = join(import.meta.dirname, '..', '..')

function flags() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      out: { type: 'string', default: join(root, 'bench', 'results', 'local') },
      compare: { type: 'string' },
    },
  })
  return values
}

function chosen(only: string | undefined): readonly Section[] {
  if (only === undefined) return SECTIONS
  return only.split(',').map((name) => {
    const section = SECTIONS.find((one) => one.name === name)
    if (section !== undefined) return section
    throw new Error(`no section ${name}; there are ${SECTIONS.map((one) => one.name).join(', ')}`)
  })
}

/** Nobody may be there to start the rest again: a section that fails says so in its place, and the others are measured. */
async function attempted(section: Section, size: Size): Promise<Result> {
  try {
    return await section.run({ size, say: (line) => console.error(line) })
  } catch (error) {
    console.error(error)
    process.exitCode = 1
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error)
    const { name } = section
    return {
      name,
      title: name,
      method: `It failed: ${why}`,
      tables: [],
      plots: [],
      aims: [unmeasured(name, `failed: ${why}`)],
    }
  }
}

async function measured(sections: readonly Section[], size: Size): Promise<Report> {
  const report: Report = {
    machine: machine(),
    node: process.version,
    serf: serfVersion() ?? 'no serf',
    day: new Date().toISOString().slice(0, 10),
    size,
    results: [],
  }
  for (const section of sections) {
    const from = performance.now()
    const result = await attempted(section, size)
    const done = { ...result, load: Math.round(loadavg()[0]) }
    console.error(`${section.name} took ${Math.round((performance.now() - from) / 1_000)} s`)
    console.log(show(done))
    report.results.push(done)
  }
  return report
}

/** A run of some sections renews these in the report that lies there, if that is of the same size; the others stay as they were. */
function merged(report: Report, folder: string): Report {
  const file = join(folder, 'report.json')
  if (!existsSync(file)) return report
  const before: Report = JSON.parse(readFileSync(file, 'utf8'))
  if (before.size !== report.size) return report
  const all = [
    ...before.results.filter(({ name }) => !report.results.some((one) => one.name === name)),
    ...report.results,
  ]
  const order = SECTIONS.map(({ name }) => name)
  return { ...report, results: all.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name)) }
}

function save(report: Report, folder: string): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'report.json'), `${JSON.stringify(report, null, 1)}\n`)
  writeFileSync(join(folder, 'report.html'), html(report))
  for (const plot of report.results.flatMap(({ plots }) => plots)) {
    writeFileSync(join(folder, `${plot.name}.svg`), svg(plot))
  }
  console.log(`${join(folder, 'report.html')}`)
}

const { only, quick, out, compare: other } = flags()
const then: Report | undefined = other === undefined ? undefined : JSON.parse(readFileSync(other, 'utf8'))
const report = await measured(chosen(only), quick ? 'quick' : 'full')
save(merged(report, out), out)
if (then !== undefined) for (const table of compare(report, then)) console.log(showTable(table))
