/** Arithmetic of measurements. */
import type { Cell, Spread } from './model.ts'

/** The value below which this share (0 to 1) of the values lies; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  if (sorted.length === 0) return Number.NaN
  const place = (sorted.length - 1) * share
  const below = Math.floor(place)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below)
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Median, least and most. */
export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), low: quantile(values, 0), high: quantile(values, 1) }
}

/** Ratios of two things that were measured in turn, pair by pair: what troubles the machine troubles both. */
export function ratios(ours: readonly number[], theirs: readonly number[]): Spread {
  return spreadOf(ours.slice(0, theirs.length).map((value, i) => value / theirs[i]))
}

/** The one number of a cell; undefined of a text. */
export function middle(cell: Cell): number | undefined {
  if (typeof cell === 'string') return undefined
  return typeof cell === 'number' ? cell : cell.median
}

/** A number as a person reads it: three digits that count, thousands with commas. */
export function plain(value: number): string {
  if (!Number.isFinite(value)) return '-'
  if (Number.isInteger(value)) return value.toLocaleString('en')
  return value.toLocaleString('en', { maximumFractionDigits: decimals(Math.abs(value)) })
}

function decimals(size: number): number {
  if (size >= 100) return 0
  if (size >= 10) return 1
  return size >= 0.1 ? 2 : 4
}

export function shown(cell: Cell): string {
  if (typeof cell === 'string') return cell
  if (typeof cell === 'number') return plain(cell)
  if (cell.low === cell.high) return plain(cell.median)
  return `${plain(cell.median)} (${plain(cell.low)} to ${plain(cell.high)})`
}
