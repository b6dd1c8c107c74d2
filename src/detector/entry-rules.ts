/**
 * What the options about admission demand of single packets: that news of the living comes from an allowed network (protocol page 1, section 7.17,
 * rule 1), and that nothing is sent to whoever bears no name (section 7.20). Both cost nothing where they are off.
 *
 * The packets of a burst come from few places, so the address asked about last is remembered: a packet costs a comparison of texts.
 */
import { parseIp } from '../wire/address.ts'
import { Networks } from '../wire/networks.ts'

export class EntryRules {
  readonly #networks: Networks | undefined
  readonly #names: 'required' | 'optional'
  #ip = ''
  #isAllowed = false

  constructor(rules: { cidrsAllowed: readonly string[]; requireNodeNames: boolean }) {
    this.#networks = rules.cidrsAllowed.length > 0 ? new Networks(rules.cidrsAllowed) : undefined
    this.#names = rules.requireNodeNames ? 'required' : 'optional'
  }

  /** Whether news of the living is taken from a packet that came from here. */
  hears(ip: string): boolean {
    if (this.#networks === undefined) return true
    if (ip !== this.#ip) {
      const bytes = parseIp(ip)
      this.#ip = ip
      this.#isAllowed = bytes !== undefined && this.#networks.allows(bytes)
    }
    return this.#isAllowed
  }

  /** Whether something may be sent to a node that calls itself this. */
  addresses(name: Uint8Array): boolean {
    return name.length > 0 || this.#names === 'optional'
  }
}
