/** The options about who is let in, checked: networks, names, and the host's own rules. */
import { InvalidOption } from '../errors/errors.ts'
import { type AdmitRules, isValidName } from '../gossip/admission.ts'
import { parseIp } from '../wire/address.ts'
import { isNetwork, Networks } from '../wire/networks.ts'

/** What a host may say about who is let in. */
export interface AdmissionOptions {
  /**
   * Networks in CIDR form, as `10.0.0.0/8`: members at other addresses are not let in, nor is news of the living taken from packets of other
   * sources. Our own address must be covered. Default: all are.
   */
  cidrsAllowed?: readonly string[]
  /** Members whose names have other characters than A-Z, a-z, 0-9, - and ., or more than 128 of them, are not let in; nor is such a name ours. Default false. */
  validateNodeNames?: boolean
  /**
   * Whether nothing is sent to whoever bears no name: seeds must be given as `name/address`, pings and queries without the name of their sender get
   * no ack and no answer. Default false.
   */
  requireNodeNames?: boolean
  /** What members must show to be let in. A pool with one member that does not is not joined. Default: nothing. */
  admit?: AdmitRules
}

export type AdmissionSettings = Required<AdmissionOptions>

export function settleAdmission(options: AdmissionOptions, nodeName: string): AdmissionSettings {
  const { cidrsAllowed = [], validateNodeNames = false, requireNodeNames = false, admit = {} } = options
  const networks = list('cidrsAllowed', cidrsAllowed)
  for (const network of networks) {
    if (!isNetwork(network))
      throw new InvalidOption('cidrsAllowed', network, 'a list of networks, as 10.0.0.0/8 or fd00::/8')
  }
  const name = new TextEncoder().encode(nodeName)
  if (flag('validateNodeNames', validateNodeNames) && !isValidName(name, 0, name.length)) {
    const bound = '1 to 128 of the characters A-Z, a-z, 0-9, - and ., since validateNodeNames is on'
    throw new InvalidOption('nodeName', nodeName, bound)
  }
  return {
    cidrsAllowed: networks,
    validateNodeNames,
    requireNodeNames: flag('requireNodeNames', requireNodeNames),
    admit: settleAdmit(admit),
  }
}

/** A member that does not let in its own address would not be a member of its own pool (protocol page 1, section 7.17). */
export function refuseForeignSelf(cidrsAllowed: readonly string[], ip: string): void {
  const bytes = parseIp(ip)
  if (bytes === undefined || new Networks(cidrsAllowed).allows(bytes)) return
  throw new InvalidOption('cidrsAllowed', cidrsAllowed, `a list that covers our own address ${ip}`)
}

function settleAdmit(admit: unknown): AdmitRules {
  if (typeof admit !== 'object' || admit === null)
    throw new InvalidOption('admit', admit, 'an object of rules')
  const rules: AdmitRules = {}
  for (const [name, value] of Object.entries(admit)) {
    if (name === 'tags') rules.tags = tagsOf(value)
    else if (name === 'namePrefixes') rules.namePrefixes = list('admit.namePrefixes', value)
    else if (name === 'nameSuffixes') rules.nameSuffixes = list('admit.nameSuffixes', value)
    else if (name === 'protocol') rules.protocol = rangeOf(value)
    else if (name === 'module') rules.module = moduleOf(value)
    else throw new InvalidOption(`admit.${name}`, value, 'left out: there is no such rule')
  }
  return rules
}

function tagsOf(value: unknown): Record<string, string | readonly string[]> {
  if (typeof value !== 'object' || value === null) {
    throw new InvalidOption('admit.tags', value, 'an object of texts or lists of texts')
  }
  const tags: Record<string, string | readonly string[]> = {}
  for (const [tag, wanted] of Object.entries(value)) {
    tags[tag] = typeof wanted === 'string' ? wanted : list(`admit.tags.${tag}`, wanted)
  }
  return tags
}

function rangeOf(value: unknown): { least?: number; most?: number } {
  const bound = 'an object with whole numbers from 0 to 255 as least and most'
  if (typeof value !== 'object' || value === null) throw new InvalidOption('admit.protocol', value, bound)
  const range: { least?: number; most?: number } = {}
  for (const [end, number] of Object.entries(value)) {
    const isByte = typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= 255
    if (!isByte || (end !== 'least' && end !== 'most'))
      throw new InvalidOption('admit.protocol', value, bound)
    range[end] = number
  }
  return range
}

function moduleOf(value: unknown): { url: string; export?: string } {
  const bound = 'an object with the URL of a module, and perhaps the name of its export'
  if (typeof value !== 'object' || value === null) throw new InvalidOption('admit.module', value, bound)
  const [url, name] = ['url', 'export'].map((key): unknown => Reflect.get(value, key))
  if (typeof url !== 'string' || !URL.canParse(url)) throw new InvalidOption('admit.module', value, bound)
  if (name === undefined) return { url }
  if (typeof name !== 'string') throw new InvalidOption('admit.module', value, bound)
  return { url, export: name }
}

function list(option: string, value: unknown): string[] {
  const isList = Array.isArray(value) && value.every((text) => typeof text === 'string')
  if (isList) return [...value]
  throw new InvalidOption(option, value, 'a list of texts')
}

function flag(option: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw new InvalidOption(option, value, 'true or false')
}
