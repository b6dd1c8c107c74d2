/**
 * Who is let in: networks, names, and what the host demands by rules or by a module of its own (memberlist's Alive and Merge delegates, protocol
 * page 1, sections 7.17 and 8; Serf's name rule, page 2, section 4.15). A refusal is counted, and told to the host once in a while for each name.
 */
import type { Counters } from '../actors/counters.ts'
import { toLatin } from '../actors/latin.ts'
import type { MemberRefused } from '../actors/notices.ts'
import { formatIp } from '../wire/address.ts'
import type { Claim } from '../wire/claim.ts'
import { Networks } from '../wire/networks.ts'
import { decodeTags } from '../wire/tags.ts'
import { addressStart } from './fitness.ts'

/** What members must show to be let in; what is left out does not matter. */
export interface AdmitRules {
  /** Tags that a member must have: this value, or one of these; an empty list for any value. */
  tags?: Record<string, string | readonly string[]>
  /** A name must begin with one of these. */
  namePrefixes?: readonly string[]
  /** A name must end with one of these. */
  nameSuffixes?: readonly string[]
  /** Lowest and highest Serf protocol that a member may speak. */
  protocol?: { least?: number; most?: number }
  /** A module with functions that judge, loaded beside the gossip actor: see `Vetoes`. */
  module?: { url: string; export?: string }
}

/** A member that asks to be let in, as it shows itself. */
export interface Candidate {
  readonly name: string
  readonly address: string
  readonly port: number
  readonly tags: Readonly<Record<string, string>>
  /** Serf protocol that it speaks. */
  readonly protocol: number
}

/**
 * What a host's module may export: each gives the reason of a refusal, or nothing. They run in gossip's thread and hold up everything that gossip
 * does; one that throws refuses.
 */
export interface Vetoes {
  /** Judges a member that is new, is back, moved or changed. */
  alive?(member: Candidate): string | undefined
  /** Judges a whole pool that is to be joined, or that wants to join us: refused, nothing of it is taken. */
  merge?(members: readonly Candidate[]): string | undefined
}

export interface AdmissionRules {
  cidrsAllowed: readonly string[]
  validateNodeNames: boolean
  admit: AdmitRules
}

export interface AdmissionParts {
  counters: Counters
  vetoes(): Vetoes | undefined
  refused(refusal: MemberRefused): void
}

const LONGEST_NAME = 128
/** Longest encoded tags of a member that a host's rules look at, as in Serf. */
const LONGEST_TAGS = 512
/** The refusal of a name is told once in so many milliseconds, of so many names. */
const TELL_AGAIN = 10_000
const MOST_TOLD = 1_024
const VERSION_SERF = 5

export class Admission {
  readonly #rules: AdmissionRules
  readonly #parts: AdmissionParts
  readonly #networks: Networks
  readonly #hasRules: boolean
  readonly #told = new Map<string, number>()

  constructor(rules: AdmissionRules, parts: AdmissionParts) {
    this.#rules = rules
    this.#parts = parts
    this.#networks = new Networks(rules.cidrsAllowed)
    this.#hasRules = Object.keys(rules.admit).length > 0
  }

  /** Whether there is anything to ask of a pool as a whole. */
  get judgesPools(): boolean {
    return this.#hasRules
  }

  /** Whether a claim is let in; if not, it was counted and told. */
  admits(claim: Claim, now: number): boolean {
    const reason = this.#reason(claim) || this.#veto(claim)
    if (reason === '') return true
    this.#parts.counters.add('drop.refused')
    this.#tell(claim, reason, now)
    return false
  }

  /** What the rules have against one member of a pool; empty for nothing. */
  complaint(claim: Claim): string {
    const reason = this.#reason(claim)
    return reason === '' ? '' : `${candidate(claim).name}: ${reason}`
  }

  /** What the host's module has against a pool; empty for nothing. */
  poolVeto(members: readonly Candidate[]): string {
    return asked(() => this.#parts.vetoes()?.merge?.(members))
  }

  sweep(now: number): void {
    for (const [name, toldAt] of this.#told) if (now - toldAt > TELL_AGAIN) this.#told.delete(name)
  }

  #reason(claim: Claim): string {
    const { cidrsAllowed, validateNodeNames, admit } = this.#rules
    if (cidrsAllowed.length > 0 && !this.#networks.allows(claim.bytes, addressStart(claim), claim.addressEnd))
      return 'its address is in none of the allowed networks'
    if (validateNodeNames && !isValidName(claim.bytes, claim.nodeStart, claim.nodeEnd))
      return 'its name has characters other than A-Z, a-z, 0-9, - and ., or more than 128 of them'
    if (!this.#hasRules) return ''
    // As the original, which looks at the size of tags only where somebody judges.
    if (claim.metaEnd - claim.metaStart > LONGEST_TAGS)
      return `its tags take more than ${LONGEST_TAGS} bytes when encoded`
    return ruledOut(admit, candidate(claim))
  }

  #veto(claim: Claim): string {
    const vetoes = this.#parts.vetoes()
    return vetoes?.alive === undefined ? '' : asked(() => vetoes.alive?.(candidate(claim)))
  }

  #tell(claim: Claim, reason: string, now: number): void {
    const { name, address, port } = candidate(claim)
    const key = toLatin(claim.bytes, claim.nodeStart, claim.nodeEnd)
    const toldAt = this.#told.get(key)
    if (toldAt !== undefined && now - toldAt < TELL_AGAIN) return
    if (this.#told.size >= MOST_TOLD) this.#told.clear()
    this.#told.set(key, now)
    this.#parts.refused({ type: 'member-refused', name, ip: address, port, reason })
  }
}

/** Serf's rule for names: letters, digits, dash and dot, 1 to 128 bytes. */
export function isValidName(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 1 || end - start > LONGEST_NAME) return false
  for (let i = start; i < end; i++) {
    const byte = bytes[i]
    const isLetter = (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)
    const isDigit = byte >= 0x30 && byte <= 0x39
    if (!isLetter && !isDigit && byte !== 0x2d && byte !== 0x2e) return false
  }
  return true
}

/** A claim as an object, for rules and modules. */
export function candidate(claim: Claim): Candidate {
  const { bytes, nodeStart, nodeEnd, metaStart, metaEnd, versionsStart } = claim
  return {
    name: new TextDecoder().decode(bytes.subarray(nodeStart, nodeEnd)),
    address: formatIp(bytes, addressStart(claim), claim.addressEnd),
    port: claim.port,
    tags: decodeTags(bytes.slice(metaStart, metaEnd)),
    protocol: bytes[versionsStart + VERSION_SERF],
  }
}

function ruledOut(rules: AdmitRules, { name, tags, protocol }: Candidate): string {
  for (const [tag, wanted] of Object.entries(rules.tags ?? {})) {
    const values = typeof wanted === 'string' ? [wanted] : wanted
    const value = Object.hasOwn(tags, tag) ? tags[tag] : undefined
    if (value === undefined) return `it has no tag ${tag}`
    if (values.length > 0 && !values.includes(value)) return `its tag ${tag} is none of ${values.join(', ')}`
  }
  const { namePrefixes = [], nameSuffixes = [] } = rules
  if (namePrefixes.length > 0 && !namePrefixes.some((prefix) => name.startsWith(prefix)))
    return `its name begins with none of ${namePrefixes.join(', ')}`
  if (nameSuffixes.length > 0 && !nameSuffixes.some((suffix) => name.endsWith(suffix)))
    return `its name ends with none of ${nameSuffixes.join(', ')}`
  const { least = 0, most = 255 } = rules.protocol ?? {}
  if (protocol >= least && protocol <= most) return ''
  return `it speaks Serf protocol ${protocol}, not ${least} to ${most}`
}

function asked(ask: () => string | undefined): string {
  try {
    return ask() ?? ''
  } catch (error) {
    return `the module that judges threw: ${error instanceof Error ? error.message : String(error)}`
  }
}
