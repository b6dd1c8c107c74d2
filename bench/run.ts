/**
 * `npm run bench`: runs the benchmarks, or those named by `--only a,b`, one after the other; prints a table each and with
 * `--json FILE` writes them all.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { intake } from './intake.ts'
import { micro } from './micro.ts'
import { show, type Table } from './report.ts'
import { state } from './state.ts'

const BENCHMARKS: Record<string, () => Promise<Table>> = { micro, intake, state }

const { values } = parseArgs({ options: { only: { type: 'string' }, json: { type: 'string' } } })
const names = values.only?.split(',') ?? Object.keys(BENCHMARKS)
const tables: Table[] = []
for (const name of names) {
  const benchmark = BENCHMARKS[name]
  if (benchmark === undefined)
    throw new Error(`no benchmark ${name}; there are ${Object.keys(BENCHMARKS).join(', ')}`)
  const table = await benchmark()
  console.log(show(table))
  tables.push(table)
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(tables, null, 2)}\n`)
