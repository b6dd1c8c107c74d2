/** A whole run as one HTML file that needs nothing else: plots inside, no script, to be opened from disk or sent along. */
import type { Aim, Report, Result, Table } from './model.ts'
import { shown } from './numbers.ts'
import { escaped, svg } from './svg.ts'
import { columnsOf } from './text.ts'

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
table { border-collapse: collapse; font-size: 13px; margin: 0.6rem 0; font-variant-numeric: tabular-nums }
th, td { padding: 0.25rem 0.7rem; border-bottom: 1px solid #ddd; text-align: right } th:first-child, td:first-child { text-align: left }
.met { color: #006b3c } .not-met { color: #a33b00; font-weight: 600 } .not-measured, .note { color: #666 } .note { font-size: 13px }
svg { max-width: 100%; height: auto; border: 1px solid #eee; margin: 0.5rem 0 }`

/** What stands at the top. */
export interface Heading {
  title: string
  /** What must be known to read the numbers. */
  words: string
}

const BENCHMARKS: Heading = {
  title: 'Folkmoot benchmarks',
  words:
    'A cell is a median, and in brackets the least and the most of the runs. CPU is user and system time of all threads of the process measured, by the scheduler’s own account. Ours and the other ran in turn in one run: trust the ratios, the absolute numbers are this machine’s.',
}

export function html(report: Report, { title, words }: Heading = BENCHMARKS): string {
  const { machine, node, serf, day, size, results } = report
  const contents = results.map((one) => `<li><a href="#${one.name}">${escaped(one.title)}</a></li>`)
  return [
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    `<title>${escaped(title)}, ${day}</title><style>${STYLE}</style>`,
    `<h1>${escaped(title)}</h1>`,
    `<p>${day}, a ${size} run on ${escaped(machine)}; Node ${escaped(node)}, ${escaped(serf)}. ${escaped(words)}</p>`,
    `<ul>${contents.join('')}</ul>`,
    '<h2>Aims</h2>',
    aimsTable(results.flatMap(({ aims }) => aims)),
    ...results.map(section),
    '</html>',
    '',
  ].join('\n')
}

function section({ name, title, method, tables, plots, aims, load }: Result): string {
  const busy = load === undefined ? '' : ` Load average of the machine when it was done: ${load}.`
  return [
    `<h2 id="${name}">${escaped(title)}</h2>`,
    `<p>${escaped(method)}${busy}</p>`,
    ...plots.map(svg),
    ...tables.map(table),
    ...(aims.length > 0 ? ['<h3>Aims</h3>', aimsTable(aims)] : []),
  ].join('\n')
}

function table(one: Table): string {
  const columns = columnsOf(one)
  const head = columns.map((column) => `<th>${escaped(column)}</th>`).join('')
  const rows = one.rows.map(
    (row) => `<tr>${columns.map((column) => `<td>${escaped(shown(row[column] ?? ''))}</td>`).join('')}</tr>`,
  )
  return `<h3>${escaped(one.title)}</h3><table><tr>${head}</tr>${rows.join('')}</table><p class="note">${escaped(one.note)}</p>`
}

function aimsTable(aims: Aim[]): string {
  const rows = aims.map(
    ({ aim, measured, verdict }) =>
      `<tr><td>${escaped(aim)}</td><td>${escaped(measured)}</td><td class="${verdict.replace(' ', '-')}">${verdict}</td></tr>`,
  )
  return `<table><tr><th>aim</th><th>measured</th><th>verdict</th></tr>${rows.join('')}</table>`
}
