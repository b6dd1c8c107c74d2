/** Networks in CIDR form: whether an address lies in one of them (protocol page 1, section 7.17). */
import { parseIp } from './address.ts'

/** IPv4 networks have 4 bytes and cover IPv4 alone, IPv6 ones 16 and cover IPv6 alone. */
export interface Network {
  bytes: Uint8Array
  /** Leading bits that an address must share. */
  bits: number
}

const MAPPED_BITS = 96

/**
 * `10.0.0.0/8` or `fd00::/8`, blanks around it allowed; undefined for anything else. An IPv4 network in IPv6 form is an IPv4 network.
 */
export function parseCidr(text: string): Network | undefined {
  const [address, lengthText, ...more] = text.trim().split('/')
  if (lengthText === undefined || more.length > 0 || address.includes('%')) return undefined
  const bytes = parseIp(address)
  const isDigits = lengthText.length >= 1 && lengthText.length <= 3 && [...lengthText].every(isDigit)
  if (bytes === undefined || !isDigits || (lengthText.length > 1 && lengthText[0] === '0')) return undefined
  const isMappedForm = bytes.length === 4 && address.includes(':')
  const bits = Number(lengthText) - (isMappedForm ? MAPPED_BITS : 0)
  return bits >= 0 && bits <= 8 * bytes.length ? { bytes, bits } : undefined
}

function isDigit(letter: string): boolean {
  return letter >= '0' && letter <= '9'
}

/** Whether the 4 or 16 bytes from `start` to `end` lie in one of the networks. No networks cover nothing: «all allowed» is the caller's rule. */
export function isCovered(
  networks: readonly Network[],
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
): boolean {
  return networks.some((network) => covers(network, bytes, start, end))
}

function covers({ bytes: network, bits }: Network, bytes: Uint8Array, start: number, end: number): boolean {
  if (network.length !== end - start) return false
  const whole = bits >> 3
  for (let i = 0; i < whole; i++) if (network[i] !== bytes[start + i]) return false
  const rest = bits & 7
  return rest === 0 || (network[whole] ^ bytes[start + whole]) >> (8 - rest) === 0
}
