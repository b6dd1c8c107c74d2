/** Lists of networks in CIDR form (protocol page 1, section 7.17), as bytes: whether an address lies in one of them. */
import { isMapped, parseIp } from './address.ts'

const MAPPED_PREFIX = 12
const BITS_V4 = 32
const BITS_V6 = 128

interface Network {
  readonly address: Uint8Array
  readonly bits: number
}

export class Networks {
  readonly #networks: readonly Network[]

  /** Takes texts that `isNetwork` lets through; others are left out. */
  constructor(texts: readonly string[]) {
    this.#networks = texts.map(parseNetwork).filter((network) => network !== undefined)
  }

  /** Whether the 4 or 16 bytes from `start` to `end` lie in one of the networks. An empty list allows everything. */
  allows(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
    if (this.#networks.length === 0) return true
    const isV4Inside = end - start === 16 && isMapped(bytes, start)
    const from = isV4Inside ? start + MAPPED_PREFIX : start
    return this.#networks.some((network) => contains(network, bytes, from, end))
  }
}

/** Whether a text is an IP address, a slash and a number of bits. */
export function isNetwork(text: string): boolean {
  return parseNetwork(text) !== undefined
}

function parseNetwork(text: string): Network | undefined {
  const [ip, length, ...rest] = text.trim().split('/')
  const address = parseIp(ip)
  if (address === undefined || length === undefined || rest.length > 0) return undefined
  const isDecimal = length.length > 0 && [...length].every((digit) => digit >= '0' && digit <= '9')
  const bits = Number(length)
  return isDecimal && bits <= (address.length === 4 ? BITS_V4 : BITS_V6) ? { address, bits } : undefined
}

function contains({ address, bits }: Network, bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== address.length) return false
  const whole = bits >> 3
  for (let i = 0; i < whole; i++) if (bytes[start + i] !== address[i]) return false
  const rest = 8 - (bits & 7)
  return rest === 8 || bytes[start + whole] >> rest === address[whole] >> rest
}
