/** Whether a query is meant for a member: all its filters must fit (protocol page 2, section 4.9). */
import type { Filter } from '../wire/filter.ts'
import type { Patterns } from './patterns.ts'
import { stepsOf } from './patterns.ts'

/** Steps of all patterns of one query together that are looked at; one with more fits nobody. */
const MOST_STEPS = 2_048

/** Whether the patterns of a query are together small enough to be looked at. */
export function isAffordable(filters: readonly Filter[]): boolean {
  const steps = filters.map((filter) => (filter.kind === 'tag' ? stepsOf(filter.pattern) : 0))
  return steps.reduce((sum, one) => sum + one, 0) <= MOST_STEPS
}

/** A missing tag counts as an empty text. */
export function fits(
  filters: readonly Filter[],
  name: string,
  tags: Readonly<Record<string, string>>,
  patterns: Patterns,
): boolean {
  return filters.every((filter) =>
    filter.kind === 'names'
      ? filter.names.includes(name)
      : patterns.isIn(filter.pattern, tags[filter.tag] ?? ''),
  )
}
