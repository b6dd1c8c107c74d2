/** Arguments of the facade's calls, checked. Each throws InvalidArgument with the name of the call. */
import { InvalidArgument } from '../errors/errors.ts'

/** Seeds of one join: each may cost a look-up and a connection. */
const MOST_SEEDS = 1_024

export function seedsOf(seeds: unknown): string[] {
  if (!Array.isArray(seeds) || seeds.length === 0 || seeds.some((seed) => typeof seed !== 'string')) {
    throw new InvalidArgument('join: seeds must be a list of one or more texts')
  }
  if (seeds.length > MOST_SEEDS) throw new InvalidArgument(`join: at most ${MOST_SEEDS} seeds`)
  return [...seeds]
}

/**
 * Options of a call: an object, and nothing in it that the call does not know. A filter under a wrong name would choose everybody, and a deadline none.
 */
export function refuseUnknown(call: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidArgument(`${call}: the options must be an object`)
  }
  const stranger = Object.keys(options).find((name) => !known.includes(name))
  if (stranger === undefined) return
  throw new InvalidArgument(`${call}: there is no option ${stranger}, only ${known.join(', ')}`)
}

/** The bytes of a payload; null for none. The name that goes with it must be a text. */
export function payloadOf(
  call: string,
  name: unknown,
  payload: Uint8Array | string | undefined,
): Uint8Array | null {
  if (typeof name !== 'string') throw new InvalidArgument(`${call}: the name must be a text`)
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : (payload ?? null)
  if (bytes === null || bytes instanceof Uint8Array) return bytes
  throw new InvalidArgument(`${call}: the payload must be a text or a Uint8Array`)
}
