/** The option `rejoin`, checked and decided. */
import { InvalidOption } from '../errors/errors.ts'
import { parsePlace } from '../wire/address.ts'

/** How seeds are kept and tried again. Durations in milliseconds. */
export interface RejoinSettings {
  isOn: boolean
  /** Tried from the start. */
  seeds: string[]
  /** First wait while alone; it doubles with every try. */
  minInterval: number
  /** Longest wait while alone, and the time between two tries of lost seeds while joined. */
  maxInterval: number
}

/** What a host may say of rejoining. */
export interface RejoinOptions {
  /** Seeds to try from the start, `[name/]host[:port]` each, without a `join()`: the network may well come up later. Default none. */
  seeds?: readonly string[]
  /** First wait between two tries while alone; it doubles with every try. Default 1,000. */
  minInterval?: number
  /** Longest wait while alone, and about the time between two tries of lost seeds while joined. Default 30,000. */
  maxInterval?: number
}

const DEFAULTS: RejoinSettings = { isOn: true, seeds: [], minInterval: 1_000, maxInterval: 30_000 }
const LEAST_INTERVAL = 10
const MOST_INTERVAL = 3_600_000
const MOST_SEEDS = 1_024
const KNOWN = ['seeds', 'minInterval', 'maxInterval']

export function settleRejoin(rejoin: unknown): RejoinSettings {
  if (typeof rejoin === 'boolean') return { ...DEFAULTS, isOn: rejoin }
  if (typeof rejoin !== 'object' || rejoin === null || Array.isArray(rejoin)) {
    throw new InvalidOption('rejoin', rejoin, `true, false, or an object with ${KNOWN.join(', ')}`)
  }
  const unknown = Object.keys(rejoin).find((name) => !KNOWN.includes(name))
  if (unknown !== undefined) {
    throw new InvalidOption(`rejoin.${unknown}`, Reflect.get(rejoin, unknown), `one of ${KNOWN.join(', ')}`)
  }
  const minInterval = interval('minInterval', Reflect.get(rejoin, 'minInterval'))
  const maxInterval = interval('maxInterval', Reflect.get(rejoin, 'maxInterval'))
  if (minInterval > maxInterval) {
    throw new InvalidOption(
      'rejoin.minInterval',
      minInterval,
      `at most rejoin.maxInterval, which is ${maxInterval}`,
    )
  }
  return { isOn: true, seeds: seedsOf(Reflect.get(rejoin, 'seeds')), minInterval, maxInterval }
}

function interval(name: 'minInterval' | 'maxInterval', value: unknown): number {
  if (value === undefined) return DEFAULTS[name]
  const isFit =
    typeof value === 'number' && Number.isInteger(value) && value >= LEAST_INTERVAL && value <= MOST_INTERVAL
  if (isFit) return value
  throw new InvalidOption(
    `rejoin.${name}`,
    value,
    `a whole number from ${LEAST_INTERVAL} to ${MOST_INTERVAL}`,
  )
}

function seedsOf(seeds: unknown): string[] {
  if (seeds === undefined) return []
  const bound = `a list of at most ${MOST_SEEDS} places, [name/]host[:port] each`
  if (!Array.isArray(seeds) || seeds.length > MOST_SEEDS)
    throw new InvalidOption('rejoin.seeds', seeds, bound)
  return seeds.map((seed: unknown) => {
    if (typeof seed === 'string' && parsePlace(seed) !== undefined) return seed
    throw new InvalidOption('rejoin.seeds', seed, bound)
  })
}
