/**
 * Patterns of tag filters, with RE2's meaning as in Serf: unanchored, in time linear in pattern and text, without look-around and
 * back-references. Linear is not enough where strangers choose the pattern: counted repetition makes a short one large, so how large one
 * would become is estimated before anything is built, and what is over the bound is refused as if it were invalid.
 */
import { RE2JS } from 're2js'

/** Longest pattern, in UTF-16 units: tag values, of which there are 512 bytes in all, cannot tell longer ones apart. */
const LONGEST = 512
/** Largest estimate. A plain letter counts 1: with this bound no pattern took 10 ms to build, nor to find nothing in 512 bytes. */
const MOST_STEPS = 512
/** A class out of Unicode's tables, which are long to build. */
const CLASS_STEPS = 16
/** Compiled patterns kept, and what is known to be none. The one that was not used for longest goes first. */
const MOST_KEPT = 64

export class Patterns {
  readonly #kept = new Map<string, RE2JS | 'invalid'>()

  /** Whether the pattern can be used at all. */
  isValid(pattern: string): boolean {
    return this.#compiled(pattern) !== 'invalid'
  }

  /** Whether the pattern is somewhere in the text; never for an invalid one. */
  isIn(pattern: string, text: string): boolean {
    const compiled = this.#compiled(pattern)
    return compiled !== 'invalid' && compiled.test(text)
  }

  get kept(): number {
    return this.#kept.size
  }

  #compiled(pattern: string): RE2JS | 'invalid' {
    const compiled = this.#kept.get(pattern) ?? compile(pattern)
    // Put in again: the map's order is that of the last use.
    this.#kept.delete(pattern)
    this.#kept.set(pattern, compiled)
    if (this.#kept.size > MOST_KEPT) {
      const [oldest] = this.#kept.keys()
      this.#kept.delete(oldest)
    }
    return compiled
  }
}

function compile(pattern: string): RE2JS | 'invalid' {
  if (pattern.length > LONGEST || stepsOf(pattern) > MOST_STEPS) return 'invalid'
  try {
    return RE2JS.compile(pattern)
  } catch {
    return 'invalid'
  }
}

/** Steps of a group that is being read: all so far, and of them the last item, which a count behind it multiplies. */
interface Group {
  steps: number
  last: number
}

const COUNT = /^\{(\d{1,4})(?:(,)(\d{1,4})?)?\}/

/** About how many steps the pattern is made of. Exact enough for a bound: what RE2 counts as one is never less here. */
export function stepsOf(pattern: string): number {
  const open: Group[] = []
  let group: Group = { steps: 0, last: 0 }
  const item = (steps: number) => {
    group.steps += steps
    group.last = steps
  }
  for (let i = 0; i < pattern.length; ) {
    const char = pattern[i]
    const count = char === '{' ? COUNT.exec(pattern.slice(i, i + LONGEST_COUNT)) : null
    if (count !== null) {
      const isOpen = count[2] === ',' && count[3] === undefined
      const times = Math.max(Number(count[1]), Number(count[3] ?? 0)) + Number(isOpen)
      group.steps += group.last * (Math.max(1, times) - 1)
      group.last *= Math.max(1, times)
      i += count[0].length
    } else if (char === '(') {
      open.push(group)
      group = { steps: 1, last: 0 }
      i += 1
    } else if (char === ')') {
      const inner = group.steps + 1
      group = open.pop() ?? { steps: 0, last: 0 }
      item(inner)
      i += 1
    } else {
      const end = endOfItem(pattern, i)
      item(pattern.slice(i, end).match(UNICODE_CLASS) ? CLASS_STEPS : 1)
      i = end
    }
  }
  // Whatever was left open is no pattern, but it counts.
  return open.reduce((steps, one) => steps + one.steps, group.steps)
}

const LONGEST_COUNT = 11
const UNICODE_CLASS = /\\[pP]/

/** Where the item that begins at `start` ends: an escape, a class in brackets, or one character. */
function endOfItem(pattern: string, start: number): number {
  if (pattern[start] === '\\') return endOfEscape(pattern, start)
  if (pattern[start] !== '[') return start + 1
  let i = start + 1
  if (pattern[i] === '^') i += 1
  // A bracket that comes first is one of the class.
  if (pattern[i] === ']') i += 1
  while (i < pattern.length && pattern[i] !== ']') {
    const isNamed = pattern[i] === '[' && pattern[i + 1] === ':'
    const namedEnd = isNamed ? pattern.indexOf(':]', i + 2) : -1
    if (namedEnd >= 0) i = namedEnd + 2
    else i += pattern[i] === '\\' ? 2 : 1
  }
  return Math.min(i + 1, pattern.length)
}

/** `\n`, or one of those with an argument: `\pL`, `\p{Greek}`, `\x{263a}`. */
function endOfEscape(pattern: string, start: number): number {
  const takesMore = 'pPx'.includes(pattern[start + 1] ?? ' ')
  if (!takesMore) return Math.min(start + 2, pattern.length)
  const end = pattern[start + 2] === '{' ? pattern.indexOf('}', start) : start + 2
  return end < 0 ? pattern.length : Math.min(end + 1, pattern.length)
}
