/** What a benchmark gives back, and how it is shown. */

export interface Table {
  name: string
  title: string
  rows: Record<string, number | string>[]
  note: string
}

function cell(value: number | string): string {
  if (typeof value === 'string') return value
  if (Number.isInteger(value)) return value.toLocaleString('en')
  return value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 2 : 0 })
}

/** The table as aligned text. */
export function show({ title, rows, note }: Table): string {
  const columns = Object.keys(rows[0] ?? {})
  const lines = [columns, ...rows.map((row) => columns.map((column) => cell(row[column])))]
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i].length)))
  const body = lines.map((line) => line.map((text, i) => text.padStart(widths[i])).join('  '))
  return [title, ...body, note, ''].join('\n')
}
