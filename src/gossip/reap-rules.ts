/**
 * Rules that say how long a member is remembered after it is gone, by its tags: what the original asks an application
 * for, with every member at every reaping, is declared here (protocol page 2, section 4.6: the override).
 */
import { InvalidOption } from '../errors/errors.ts'
import { decodeTags } from '../wire/tags.ts'

/** Members with these tags are forgotten so long after they failed or left. */
export interface ReapRule {
  /** Tags that a member must have, with exactly these values. An empty object matches every member. */
  readonly tags: Readonly<Record<string, string>>
  /** Milliseconds, from 0. */
  readonly after: number
}

const MOST_RULES = 64
const LONGEST = 365 * 24 * 3_600_000

/** The time that the first matching rule gives a member; undefined when none matches. */
export function ruledTimeout(rules: readonly ReapRule[], meta: Uint8Array): number | undefined {
  const has = decodeTags(meta)
  return rules.find(({ tags }) => Object.entries(tags).every(([tag, value]) => has[tag] === value))?.after
}

/** Checks the option `reapRules`. Throws InvalidOption. */
export function settleReapRules(rules: unknown): ReapRule[] {
  const bound = `a list of at most ${MOST_RULES} rules`
  if (!Array.isArray(rules) || rules.length > MOST_RULES) throw new InvalidOption('reapRules', rules, bound)
  return rules.map(settleRule)
}

function settleRule(rule: unknown, index: number): ReapRule {
  const option = `reapRules[${index}]`
  const bound = `{ tags: an object of texts, after: a whole number of milliseconds from 0 to ${LONGEST} }`
  if (typeof rule !== 'object' || rule === null || !('tags' in rule) || !('after' in rule))
    throw new InvalidOption(option, rule, bound)
  const { tags, after } = rule
  const isFit = typeof after === 'number' && Number.isInteger(after) && after >= 0 && after <= LONGEST
  if (!isFit || typeof tags !== 'object' || tags === null) throw new InvalidOption(option, rule, bound)
  const settled: Record<string, string> = Object.create(null)
  for (const [tag, value] of Object.entries(tags)) {
    if (typeof value !== 'string') throw new InvalidOption(`${option}.tags.${tag}`, value, 'a text')
    settled[tag] = value
  }
  return { tags: settled, after }
}
