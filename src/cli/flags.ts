/**
 * Flags as Go's `flag` package reads them (protocol page 3, section 2.1): `-x` is `--x`; `-x=v` or `-x v`; boolean flags take a value only
 * behind `=`; reading stops at the first argument that is no flag, or behind `--`. Errors are worded as Go's, since scripts look at them.
 */
import { parseDuration } from './durations.ts'

/** A flag that cannot be read. The message is Go's line. */
export class FlagError extends Error {
  override readonly name = 'FlagError'
}

export interface FlagSpec {
  kind: 'bool' | 'text' | 'int' | 'duration' | 'texts'
  /** One line for the help. */
  help: string
}

/** What was given, by flag: only those that were. The last of repeated ones counts, but for `texts`. */
export class Flags {
  readonly #values: ReadonlyMap<string, readonly string[]>
  /** What follows the flags. */
  readonly args: readonly string[]

  constructor(values: ReadonlyMap<string, readonly string[]>, args: readonly string[]) {
    this.#values = values
    this.args = args
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  text(name: string, fallback = ''): string {
    return this.#values.get(name)?.at(-1) ?? fallback
  }

  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  isSet(name: string, fallback: 'on' | 'off' = 'off'): boolean {
    const value = this.#values.get(name)?.at(-1)
    return value === undefined ? fallback === 'on' : TRUE.has(value)
  }

  /** A whole number within 64 bits, as a number: those that do not fit it exactly are of no use to any flag of ours. */
  int(name: string, fallback: number): number {
    const value = this.#values.get(name)?.at(-1)
    return value === undefined ? fallback : Number(parseInt64(value))
  }

  /** Nanoseconds. */
  duration(name: string, fallback: bigint): bigint {
    const value = this.#values.get(name)?.at(-1)
    return value === undefined ? fallback : parseDuration(value)
  }
}

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False'])

/** Reads arguments by their specs. Throws FlagError; `-h` and `-help` are the caller's to look for. */
export function parseFlags(specs: Readonly<Record<string, FlagSpec>>, args: readonly string[]): Flags {
  const values = new Map<string, string[]>()
  let at = 0
  for (; at < args.length; at++) {
    const arg = args[at]
    if (arg.length < 2 || !arg.startsWith('-')) break
    if (arg === '--') {
      at += 1
      break
    }
    const { name, value } = splitFlag(arg)
    if (!Object.hasOwn(specs, name)) throw new FlagError(`flag provided but not defined: -${name}`)
    const spec = specs[name]
    let given = value
    if (given === undefined && spec.kind === 'bool') given = 'true'
    if (given === undefined) {
      at += 1
      if (at >= args.length) throw new FlagError(`flag needs an argument: -${name}`)
      given = args[at]
    }
    refuseWrong(name, spec, given)
    if (spec.kind === 'texts') values.set(name, [...(values.get(name) ?? []), given])
    else values.set(name, [given])
  }
  return new Flags(values, args.slice(at))
}

function splitFlag(arg: string): { name: string; value: string | undefined } {
  const body = arg.slice(arg.startsWith('--') ? 2 : 1)
  if (body === '' || body.startsWith('-') || body.startsWith('='))
    throw new FlagError(`bad flag syntax: ${arg}`)
  const equals = body.indexOf('=')
  if (equals < 0) return { name: body, value: undefined }
  return { name: body.slice(0, equals), value: body.slice(equals + 1) }
}

function refuseWrong(name: string, spec: FlagSpec, value: string): void {
  if (spec.kind === 'bool' && !TRUE.has(value) && !FALSE.has(value)) {
    throw new FlagError(`invalid boolean value ${JSON.stringify(value)} for -${name}: parse error`)
  }
  try {
    if (spec.kind === 'int') parseInt64(value)
    if (spec.kind === 'duration') parseDuration(value)
  } catch (error) {
    const why = error instanceof RangeError ? 'value out of range' : 'parse error'
    throw new FlagError(`invalid value ${JSON.stringify(value)} for flag -${name}: ${why}`)
  }
}

/** A whole number in Go's syntax: a sign, and 0x, 0o, 0b or a leading 0 for other bases; underscores between digits. */
function parseInt64(text: string): bigint {
  const match = /^([+-]?)(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|0[0-7_]*|[1-9][0-9_]*)$/.exec(text)
  if (match === null) throw new SyntaxError('no whole number')
  const digits = match[2].replaceAll('_', '')
  const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits)
  const value = match[1] === '-' ? -magnitude : magnitude
  if (value < -(2n ** 63n) || value >= 2n ** 63n) throw new RangeError('beyond 64 bits')
  return value
}
