/** Durations in Go's notation (protocol page 3, section 2.1): `1m30s`, `1.5s`, `-250ms`, plain `0`. Nanoseconds, exactly. */

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
}

/** Nanoseconds of a duration. Throws SyntaxError for what is none, and RangeError beyond 64 bits. */
export function parseDuration(text: string): bigint {
  const sign = text.startsWith('-') ? -1n : 1n
  let rest = text.startsWith('-') || text.startsWith('+') ? text.slice(1) : text
  if (rest === '0') return 0n
  if (rest === '') throw new SyntaxError(`time: invalid duration ${JSON.stringify(text)}`)
  let sum = 0n
  while (rest !== '') {
    const part = /^(\d*)(?:\.(\d*))?/.exec(rest)
    const [number, whole, fraction = ''] = part ?? ['', '', '']
    if (whole === '' && fraction === '')
      throw new SyntaxError(`time: invalid duration ${JSON.stringify(text)}`)
    rest = rest.slice(number.length)
    const unit = /^[^\d.]+/.exec(rest)?.[0]
    if (unit === undefined) throw new SyntaxError(`time: missing unit in duration ${JSON.stringify(text)}`)
    if (!Object.hasOwn(UNITS, unit)) {
      throw new SyntaxError(`time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`)
    }
    rest = rest.slice(unit.length)
    sum += BigInt(whole === '' ? 0 : whole) * UNITS[unit]
    sum += (BigInt(fraction === '' ? 0 : fraction) * UNITS[unit]) / 10n ** BigInt(fraction.length)
    if (sum >= 2n ** 63n) throw new RangeError(`time: invalid duration ${JSON.stringify(text)}`)
  }
  return sign * sum
}
