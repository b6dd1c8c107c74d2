/**
 * Scenarios are data: how many members, under which weather, and what befalls whom and when. One is drawn from a seed, prints itself as one
 * line, and plays the same wherever it is played. Every fault can be left out without making the others impossible: that is what lets a
 * failing scenario be shrunk.
 */
import { SeededRandom } from '../actors/random.ts'
import { DELAYS, type Weather } from './network.ts'

/** What may befall a pool. Those with `other` concern two members, or have a number. */
export const FAULTS = [
  'kill',
  'restart',
  'cut-udp',
  'cut',
  'split',
  'heal',
  'freeze',
  'thaw',
  'slow',
  'clock-jump',
  'move',
  'impostor',
  'keys',
  'forge',
  'disk',
  'event',
  'query',
  'tags',
  'leave',
  'force-leave',
] as const
export type What = (typeof FAULTS)[number]

export interface Fault {
  /** Milliseconds after the pool formed. */
  at: number
  what: What
  /** Index of the member it befalls. */
  node: number
  /** Index of another member, or a number whose meaning depends on the fault. */
  other: number
}

/** Parts of the system that are switched on for all members of a scenario. */
export const FEATURES = ['keys', 'files', 'coalescing'] as const
export type Feature = (typeof FEATURES)[number]

export interface Scenario {
  /** Chance of network and members. */
  seed: number
  nodes: number
  profile: 'lan' | 'local'
  features: Feature[]
  weather: Weather
  /** Milliseconds of chaos. */
  chaos: number
  faults: Fault[]
}

const FAULT_EVERY = 3_000
/** Most pools may be small: there most depends on each single member. */
const SMALL = 10

/** Sizes of pools. */
export interface Bounds {
  least: number
  most: number
  /** Share of the seeds whose pools may be larger than ten. Default a half. */
  large?: number
}

/** The scenario of a seed. */
export function scenarioOf(seed: number, { least, most, large = 0.5 }: Bounds): Scenario {
  // Not the stream that the world forks its own from.
  const random = new SeededRandom(seed ^ 0x5ce4a210)
  const widest = random.next() < 1 - large ? Math.min(most, SMALL) : most
  const nodes = least + random.below(widest - least + 1)
  const features = FEATURES.filter(() => random.next() < 0.4)
  const chaos = 30_000 + random.below(60_000)
  const weather: Weather = {
    loss: random.next() * 0.25,
    duplicates: random.next() * 0.15,
    delay: [0.1, 1 + random.next() * 60],
    // Where nothing is sealed a flipped bit in a probe is believed, as in the original: UDP's own checksum is what keeps it away.
    corruption: features.includes('keys') ? random.next() * 0.05 : 0,
    breaks: random.next() < 0.5 ? random.next() * 0.2 : 0,
    late: random.next() < 0.5 ? random.next() * 0.05 : 0,
  }
  const faults: Fault[] = []
  for (let at = 0; at < chaos; at += random.next() * 2 * FAULT_EVERY) {
    const what = FAULTS[random.below(FAULTS.length)]
    faults.push({ at: Math.round(at), what, node: random.below(nodes), other: random.below(nodes) })
  }
  const profile = random.next() < 0.7 ? 'local' : 'lan'
  // Drawn last, so that older seeds keep their faults.
  weather.delays = DELAYS[random.below(DELAYS.length)]
  return { seed, nodes, profile, features, weather, chaos, faults }
}

/** One line that `parse` understands. */
export function print(scenario: Scenario): string {
  return JSON.stringify(scenario)
}

/** What `print` wrote. Throws where it is something else. */
export function parse(line: string): Scenario {
  const value: unknown = JSON.parse(line)
  if (!isScenario(value)) throw new TypeError('this is no scenario')
  return value
}

function isScenario(value: unknown): value is Scenario {
  if (typeof value !== 'object' || value === null) return false
  const { seed, nodes, profile, features, weather, chaos, faults } = Object(value)
  const hasNumbers = [seed, nodes, chaos, weather?.loss, weather?.duplicates].every(Number.isFinite)
  const { delays = 'uniform' } = weather ?? {}
  const hasLists = Array.isArray(features) && Array.isArray(weather?.delay) && Array.isArray(faults)
  const isShaped = DELAYS.some((shape) => shape === delays)
  return (
    hasNumbers && hasLists && isShaped && (profile === 'lan' || profile === 'local') && faults.every(isFault)
  )
}

function isFault(value: unknown): value is Fault {
  const { at, what, node, other } = Object(value)
  return [at, node, other].every(Number.isFinite) && FAULTS.some((fault) => fault === what)
}
