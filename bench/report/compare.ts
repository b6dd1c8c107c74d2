/**
 * This run against a saved one: for every number that both have, how it moved. Rows are matched by their place and their first cell, so that a run
 * of some sections can be compared with one of all.
 */
import type { Report, Result, Table } from './model.ts'
import { middle, shown } from './numbers.ts'
import { columnsOf } from './text.ts'

/** Moves smaller than this share are not worth a line: machines are noisy. */
const WORTH_TELLING = 0.1

export function compare(now: Report, then: Report): Table[] {
  return now.results.flatMap((result) => {
    const before = then.results.find(({ name }) => name === result.name)
    return before === undefined ? [] : [compared(result, before, then)]
  })
}

function compared(now: Result, before: Result, { day, size }: Report): Table {
  const rows = now.tables.flatMap((table) => {
    const old = before.tables.find(({ title }) => title === table.title)
    return old === undefined ? [] : moves(table, old)
  })
  return {
    title: `${now.title}: against the ${size} run of ${day}`,
    rows,
    note: `ratio: now to then. ${rows.length === 0 ? 'Nothing' : 'Only what'} moved by more than ${WORTH_TELLING * 100}%${rows.length === 0 ? '' : ' is shown'}.`,
  }
}

function moves(now: Table, then: Table): Table['rows'] {
  const [key, ...columns] = columnsOf(now)
  return now.rows.flatMap((row) => {
    const old = then.rows.find((other) => shown(other[key]) === shown(row[key]))
    if (old === undefined) return []
    return columns.flatMap((column) => {
      const [a, b] = [middle(row[column] ?? ''), middle(old[column] ?? '')]
      if (a === undefined || b === undefined || b === 0) return []
      const ratio = a / b
      if (Math.abs(ratio - 1) <= WORTH_TELLING) return []
      return [{ [key]: shown(row[key]), what: column, before: b, 'this run': a, ratio }]
    })
  })
}
