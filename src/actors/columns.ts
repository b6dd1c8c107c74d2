/**
 * Columns: typed arrays by row that grow. By a half each time and not by doubling: what a column has too much is a quarter of it on average.
 */

export type Column = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array

/** How long columns of this length become when they are too short for so many rows. */
export function grownLength(length: number, rows: number): number {
  return Math.max(rows, length + (length >> 1))
}

/** The longer column `to` with all of `from` in it. */
export function longer<Longer extends Column>(from: Column, to: Longer): Longer {
  to.set(from)
  return to
}
