/**
 * What a story is worth. Pure, and the only place where it is decided: each verdict says in one line what was found, and names the culprits where
 * it is not met.
 */
import { plain } from '../report/numbers.ts'
import { slopeOf } from './slope.ts'
import { type Check, hearingsOf, type MemorySample, type MemorySeries, type Story } from './story.ts'

export interface Verdict {
  /** What must be so. */
  aim: string
  verdict: 'met' | 'not met' | 'not judged'
  measured: string
}

const MIB = 2 ** 20
/** Bytes an hour. */
export const MOST_GROWTH = MIB
/** What is shorter says nothing about an hour. */
const LEAST_SPAN = 20 * 60_000
/**
 * Tables find their size, the first that are gone are forgotten, and V8 compiles, under load for half an hour: what is called rarely gets its turn late.
 * So much of the run, and in no run of ours less than so long.
 */
const WARMING_UP = 0.4
const LEAST_WARMING_UP = 10 * 60_000
const MOST_NAMED = 4

/** All that the story can be judged by; a part of which nothing happened is left out. */
export function verdictsOf(story: Story): Verdict[] {
  return [
    noFalseFailure(story),
    noMishap(story),
    ...(story.eventsSent > 0 ? [nothingTwice(story)] : []),
    ...(story.restarts.length > 0 ? [noLostSnapshot(story)] : []),
    ...checked(story.checks),
    oneView(story),
    ...(story.memory.size > 0 ? [flatMemory([...story.memory.values()])] : []),
  ]
}

/** One verdict for each thing that was checked, whatever it was checked how often: met if it always was. */
function checked(checks: readonly Check[]): Verdict[] {
  return [...new Set(checks.map(({ what }) => what))].map((aim) => {
    const all = checks.filter(({ what }) => what === aim)
    const broken = all.find(({ outcome }) => outcome === 'not met')
    const times = all.length > 1 ? `${all.length} times; ` : ''
    const { measured } = broken ?? all[all.length - 1]
    return judged(aim, broken === undefined, `${times}${measured}`)
  })
}

export function noFalseFailure(story: Story): Verdict {
  const found = story.falseFailures
  const said = found.map(({ who, by }) => `${who} by ${by}`)
  const left = story.failuresLeftOut > 0 ? `, and ${story.failuresLeftOut} that nobody could look at` : ''
  return judged(
    'no false failure of a healthy member',
    found.length === 0 && story.failuresLeftOut === 0,
    `${found.length} of ${story.members.size} members${named(said)}${left}`,
  )
}

/** In a member of ours, whatever happens around it. */
export function noMishap({ mishaps }: Story): Verdict {
  const measured = `${mishaps.length} things${named(mishaps)}`
  return judged('no crash, no error, no name lost in a member of ours', mishaps.length === 0, measured)
}

export function nothingTwice({ heard, past, eventsSent }: Story): Verdict {
  const lives = [past, ...[...heard].map(([life, counts]) => hearingsOf(life, counts))]
  const twice = lives.flatMap((one) => one.twice)
  const hearings = lives.reduce((sum, one) => sum + one.hearings, 0)
  const measured = `${twice.length} of ${plain(hearings)} deliveries of ${plain(eventsSent)} events${named(twice)}`
  return judged('no event delivered twice', twice.length === 0 && hearings > 0, measured)
}

export function noLostSnapshot({ restarts }: Story): Verdict {
  const lost = restarts.filter(({ backAfter, within }) => backAfter === undefined || backAfter > within)
  const slowest = Math.max(0, ...restarts.map(({ backAfter }) => backAfter ?? 0))
  const measured = `${lost.length} of ${restarts.length} restarts; the slowest knew its pool after ${plain(Math.round(slowest))} ms`
  return judged('no lost snapshot', lost.length === 0, `${measured}${named(lost.map(({ who }) => who))}`)
}

/** Every time that the pool came to rest. */
export function oneView({ calms }: Story): Verdict {
  const late = calms.filter(({ agreedAfter, bound }) => agreedAfter === undefined || agreedAfter > bound)
  const bound = Math.max(0, ...calms.map((calm) => calm.bound))
  const slowest = Math.max(0, ...calms.map(({ agreedAfter }) => agreedAfter ?? Number.POSITIVE_INFINITY))
  const aim = `one view everywhere within ${bound / 1000} s after calm`
  if (calms.length === 0) return judged(aim, false, 'it never came to rest')
  const times = calms.length > 1 ? `, the slowest of ${calms.length} times` : ''
  const measured = late.length === 0 ? `after ${plain(Math.round(slowest))} ms${times}` : 'not in that time'
  return judged(aim, late.length === 0, `${measured}${named(late.flatMap(({ differing }) => differing))}`)
}

/**
 * Ours only; what real agents did is told beside it. What the threads hold once their garbage is collected is judged, without the code that V8 compiled,
 * which comes to its end with the functions that there are, but not within an hour; and resident memory goes on for as long to find the size of its arenas,
 * whatever is in them. Both are told beside it. Too short a run, or one too noisy to tell, is not judged.
 */
export function flatMemory(all: readonly MemorySeries[]): Verdict {
  const aim = `memory grows by less than ${MOST_GROWTH / MIB} MB an hour`
  const ours = all.filter(({ kind }) => kind === 'ours')
  const slopes = ours.map(({ who, samples }) => ({
    who,
    ...slopeOf(heldOf(settled(samples))),
    code: slopeOf(codeOf(settled(samples))).perHour,
  }))
  const spans = ours.map(({ samples }) => spanOf(settled(samples)))
  const told = slopes.map(({ who, perHour, error, code }) => {
    const ofCode = code === 0 ? '' : ` (and code ${plain(code / MIB)})`
    return `${who} ${plain(perHour / MIB)} ± ${plain(error / MIB)}${ofCode}`
  })
  const most = Math.max(...ours.flatMap(({ samples }) => samples.map(({ bytes }) => bytes)))
  const resident = `resident at most ${plain(Math.round(most / MIB))} MiB`
  const measured = told.length === 0 ? 'nobody was looked at' : `MB an hour: ${told.join(', ')}; ${resident}`
  if (slopes.length === 0 || Math.min(...spans) < LEAST_SPAN) {
    return { aim, measured: `too short to tell; ${measured}`, verdict: 'not judged' }
  }
  if (slopes.some(({ perHour, error }) => perHour - error > MOST_GROWTH)) {
    return { aim, measured, verdict: 'not met' }
  }
  const isNoisy = slopes.some(({ error }) => error > MOST_GROWTH)
  return isNoisy
    ? { aim, measured: `too noisy to tell; ${measured}`, verdict: 'not judged' }
    : { aim, measured, verdict: 'met' }
}

function settled(samples: readonly MemorySample[]): MemorySample[] {
  const from = (samples.at(0)?.at ?? 0) + Math.max(WARMING_UP * spanOf(samples), LEAST_WARMING_UP)
  return samples.filter(({ at }) => at >= from)
}

/** Without a word of the threads, what is resident. */
function heldOf(samples: readonly MemorySample[]): MemorySample[] {
  return samples.map(({ at, bytes, held = bytes, code = 0 }) => ({ at, bytes: held - code }))
}

function codeOf(samples: readonly MemorySample[]): MemorySample[] {
  return samples.map(({ at, code = 0 }) => ({ at, bytes: code }))
}

function spanOf(samples: readonly MemorySample[]): number {
  return (samples.at(-1)?.at ?? 0) - (samples.at(0)?.at ?? 0)
}

function named(culprits: readonly string[]): string {
  if (culprits.length === 0) return ''
  const more = culprits.length > MOST_NAMED ? `, and ${culprits.length - MOST_NAMED} more` : ''
  return `: ${culprits.slice(0, MOST_NAMED).join(', ')}${more}`
}

function judged(aim: string, isMet: boolean, measured: string): Verdict {
  return { aim, measured, verdict: isMet ? 'met' : 'not met' }
}
