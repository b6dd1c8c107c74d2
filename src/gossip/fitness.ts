/**
 * Which alive claims are fit to be looked at (protocol page 1, sections 7.8 and 12.1), and the normal form in which their addresses are
 * compared.
 */
import { isMapped } from '../wire/address.ts'
import type { Claim } from '../wire/claim.ts'
import type { MemberTable } from './members.ts'
import { FORBIDDEN_INCARNATION } from './precedence.ts'

/** Longest name and meta that are taken from a peer: far above what is legal, far below what hurts. */
const LONGEST_NAME = 1024
const LONGEST_META = 16_384
const MAPPED_PREFIX = 12
const VERSION_BYTES = 6

/** Why an alive claim is not even looked up, as the name of its counter; empty when it is fit. */
export function unfit(claim: Claim): string {
  const addressLength = claim.addressEnd - claim.addressStart
  const { bytes, versionsStart } = claim
  if (claim.nodeEnd === claim.nodeStart) return 'drop.alive-no-name'
  if (claim.nodeEnd - claim.nodeStart > LONGEST_NAME) return 'drop.alive-long-name'
  if (claim.metaEnd - claim.metaStart > LONGEST_META) return 'drop.alive-long-meta'
  if (claim.incarnation === FORBIDDEN_INCARNATION) return 'drop.incarnation'
  if (addressLength !== 4 && addressLength !== 16) return 'drop.alive-address'
  // Short versions would be stored as zeros by the original and then break every push/pull of the pool.
  if (claim.versionsEnd - versionsStart < VERSION_BYTES) return 'drop.alive-versions'
  const [pmin, pmax] = [bytes[versionsStart], bytes[versionsStart + 1]]
  return pmin === 0 || pmax === 0 || pmin > pmax ? 'drop.alive-versions' : ''
}

/** Addresses are compared and kept in normal form: one node may show its IPv4 address as 4 or as 16 bytes. */
export function addressStart(claim: Claim): number {
  const { bytes, addressStart: start, addressEnd: end } = claim
  return end - start === 16 && isMapped(bytes, start) ? start + MAPPED_PREFIX : start
}

/** Whether a claim shows these versions. */
export function isSameVersions(versions: Uint8Array, claim: Claim): boolean {
  return versions.every((version, i) => claim.bytes[claim.versionsStart + i] === version)
}

/** Whether a claim says of the member in a row just what the table does, its address aside. */
export function isSameWord(table: MemberTable, row: number, claim: Claim): boolean {
  return (
    claim.incarnation === table.incarnation.get(row) &&
    table.hasMeta(row, claim.bytes, claim.metaStart, claim.metaEnd) &&
    isSameVersions(table.versions.bytes(table.versionSet.get(row)), claim)
  )
}
