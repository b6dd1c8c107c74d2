/**
 * What a section of the benchmarks gives back: tables, plots, and what became of each aim. Plain data, so that a run can be saved, drawn and
 * compared with another one. Machines differ, so whatever is compared across them is a ratio of two things measured in one run.
 */

/** Several measurements of one thing. */
export interface Spread {
  median: number
  low: number
  high: number
}

export type Cell = number | string | Spread

export interface Table {
  title: string
  rows: Record<string, Cell>[]
  /** What the reader must know: how it was counted, what is not in it. */
  note: string
}

export interface Point {
  x: number
  y: number | Spread
}

export interface Series {
  name: string
  points: Point[]
}

export interface Plot {
  /** Of its file, without extension. */
  name: string
  title: string
  x: Axis
  y: Axis
  series: Series[]
}

export interface Axis {
  label: string
  scale: 'linear' | 'log'
}

/** Something that we set out to reach. `verdict` is taken from this run alone. */
export interface Aim {
  aim: string
  measured: string
  verdict: 'met' | 'not met' | 'not measured'
}

export interface Result {
  name: string
  title: string
  /** How it is measured, in a few sentences. */
  method: string
  tables: Table[]
  plots: Plot[]
  aims: Aim[]
  /** Load average of the machine when it was done: how much others took of it. */
  load?: number
}

/** A whole run, as it is saved. */
export interface Report {
  /** In general terms. */
  machine: string
  node: string
  serf: string
  /** Day of the run, as `2026-01-31`. */
  day: string
  size: Size
  results: Result[]
}

/** `quick` shows that all works, in two minutes altogether; its numbers are rough. */
export type Size = 'quick' | 'full'

export interface Section {
  name: string
  run(context: Context): Promise<Result>
}

export interface Context {
  size: Size
  /** Says what goes on, for whoever watches. */
  say(line: string): void
}

export function aim(what: string, measured: string, isMet: boolean): Aim {
  return { aim: what, measured, verdict: isMet ? 'met' : 'not met' }
}

export function unmeasured(what: string, why: string): Aim {
  return { aim: what, measured: why, verdict: 'not measured' }
}
