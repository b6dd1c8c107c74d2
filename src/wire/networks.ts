/** The list of networks that members may come from (protocol page 1, section 7.17): an empty one lets everybody in. */
import { isMapped } from './address.ts'
import { isCovered, type Network, parseCidr } from './cidr.ts'

const MAPPED_PREFIX = 12

export class Networks {
  readonly #networks: readonly Network[]

  /** Takes texts that `isNetwork` lets through; others are left out. */
  constructor(texts: readonly string[]) {
    this.#networks = texts.map(parseCidr).filter((network) => network !== undefined)
  }

  /** Whether the 4 or 16 bytes from `start` to `end` lie in one of the networks. An empty list allows everything. */
  allows(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
    if (this.#networks.length === 0) return true
    const isV4Inside = end - start === 16 && isMapped(bytes, start)
    return isCovered(this.#networks, bytes, isV4Inside ? start + MAPPED_PREFIX : start, end)
  }
}

/** Whether a text is an IP address, a slash and a number of bits. */
export function isNetwork(text: string): boolean {
  return parseCidr(text) !== undefined
}
