/** What was measured of us and of the real agent in turn, by what was asked of both. */
import type { Series } from './model.ts'
import { spreadOf } from './numbers.ts'

export interface Runs<Measured> {
  ours: Measured[]
  theirs: Measured[]
}

/** One number of each run. */
export function of<Name extends string>(runs: readonly Record<Name, number>[], what: Name): number[] {
  return runs.map((run) => run[what])
}

/** Both as lines, with their spread. */
export function pairOfSeries<Name extends string>(
  all: ReadonlyMap<number, Runs<Record<Name, number>>>,
  what: Name,
): Series[] {
  const line = (name: string, whose: 'ours' | 'theirs') => ({
    name,
    points: [...all].map(([x, runs]) => ({ x, y: spreadOf(of(runs[whose], what)) })),
  })
  return [line('Folkmoot', 'ours'), line('serf agent', 'theirs')]
}
