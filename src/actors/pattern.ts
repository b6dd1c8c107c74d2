/**
 * How one more member begins that knows a whole pool: as one began that knows it already. In a simulated world of ten thousand this takes the place of a
 * hundred million members taken in one by one; what the members keep in columns is copied.
 *
 *     rows of `first`      first  second  ...  the new one  ...
 *     rows of `second`     second  first  ...
 *     the new one's        the new one  second  ...  first  ...
 *
 * `first` is itself in its row 0, and so is `second`, which has `first` in its row 1. The new one is in row `row` of `first`: there it puts `first`, as
 * `second` knows it, and itself stays in its row 0.
 */
import type { Column } from './columns.ts'

export interface Pattern<Of> {
  readonly first: Of
  readonly second: Of
  readonly row: number
  /** How many rows they have in use. */
  readonly rows: number
}

/** The same of a part of each. */
export function partOf<Whole, Part>(pattern: Pattern<Whole>, part: (whole: Whole) => Part): Pattern<Part> {
  return { first: part(pattern.first), second: part(pattern.second), row: pattern.row, rows: pattern.rows }
}

/** A column that is as long as all rows, and holds what its own member has in row 0, becomes as those of the pattern. */
export function columnAfter(column: Column, { first, second, row, rows }: Pattern<Column>): void {
  const own = column[0]
  column.set(first.subarray(0, rows))
  column[0] = own
  column[row] = second[1]
}
