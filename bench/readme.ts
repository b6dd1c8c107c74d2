/**
 * The README's section on performance, drawn from a saved report: `node dist/bench/readme.js [bench/results/NAME/report.json]`. What stands between the
 * two marks is written anew, the text around them is a person's.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { Report, Result, Table } from './report/model.ts'
import { markdownTable } from './report/text.ts'

const root = join(import.meta.dirname, '..', '..')
const README = join(root, 'README.md')
const [BEGIN, END] = ['<!-- from the report: npm run bench -->', '<!-- end of the report -->']
/** Plots that are worth the room, and columns of tables that a newcomer can do without. */
const SHOWN = ['intake-delivered', 'intake-cpu', 'state-cpu', 'scale-event', 'scale-death']
const LEFT_OUT = [
  'offered, events/s',
  'peak bytes/member',
  'CPU us/member, 3 s after',
  'p99.9, ms',
  'loop delay p99, ms',
]

function section({ title, tables, plots, load }: Result, folder: string): string[] {
  const shown = plots.filter(({ name }) => SHOWN.includes(name))
  return [
    `#### ${title}`,
    ...(load === undefined ? [] : [`Load average when it was done: ${load}, on two processors.`]),
    ...shown.map((plot) => `![${plot.title}](${folder}/${plot.name}.svg)`),
    ...tables.slice(0, 2).map((table) => markdownTable(slim(table))),
  ]
}

/** Sections of which every verdict is open were measured in vain: their tables are in the report alone. One without aims has nothing to fail. */
function isTold({ aims }: Result): boolean {
  return aims.length === 0 || aims.some(({ verdict }) => verdict !== 'not measured')
}

function slim(table: Table): Table {
  const rows = table.rows.map((row) =>
    Object.fromEntries(Object.entries(row).filter(([column]) => !LEFT_OUT.includes(column))),
  )
  return { ...table, rows }
}

function performance({ machine, node, serf, day, results }: Report, folder: string): string {
  const wanted = results.filter(({ name }) => name !== 'micro')
  const aims = wanted.flatMap((result) => result.aims)
  const rows = aims.map(({ aim, measured, verdict }) => ({ aim, measured, verdict }))
  return [
    BEGIN,
    `Measured ${day} on ${machine}, Node ${node}, the agent that calls itself ${serf}. Medians, in brackets the least and the most. The whole report: [report.html](${folder}/report.html).`,
    ...wanted.filter(isTold).flatMap((result) => section(result, folder)),
    '#### What we aimed at',
    markdownTable({ title: '', rows, note: '' }),
    END,
  ].join('\n\n')
}

const file = process.argv[2] ?? join(root, 'bench', 'results', 'first', 'report.json')
const report: Report = JSON.parse(readFileSync(file, 'utf8'))
const text = readFileSync(README, 'utf8')
const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)]
if (from < 0 || to < from) throw new Error('the README has no place for the report')
writeFileSync(
  README,
  text.slice(0, from) + performance(report, relative(root, dirname(file))) + text.slice(to + END.length),
)
