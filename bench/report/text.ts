/** Results as text, for the terminal and for Markdown. */
import type { Aim, Result, Table } from './model.ts'
import { shown } from './numbers.ts'

/** Column names of a table, in the order in which rows first name them. */
export function columnsOf({ rows }: Table): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))]
}

/** The table as aligned text. */
export function showTable(table: Table): string {
  const columns = columnsOf(table)
  const lines = [columns, ...table.rows.map((row) => columns.map((column) => shown(row[column] ?? '')))]
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i].length)))
  const body = lines.map((line) => line.map((text, i) => text.padStart(widths[i])).join('  '))
  return [table.title, ...body, table.note, ''].join('\n')
}

/** The table for a README. */
export function markdownTable(table: Table): string {
  const columns = columnsOf(table)
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  const rows = table.rows.map((row) => line(columns.map((column) => shown(row[column] ?? ''))))
  return [line(columns), line(columns.map(() => '---')), ...rows].join('\n')
}

export function showAim({ aim, measured, verdict }: Aim): string {
  return `  ${verdict.padEnd(12)}  ${aim}: ${measured}`
}

export function show({ title, tables, aims, load }: Result): string {
  const heading = `## ${title}${load === undefined ? '' : ` (load average ${load})`}`
  return [heading, '', ...tables.map(showTable), ...aims.map(showAim), ''].join('\n')
}
