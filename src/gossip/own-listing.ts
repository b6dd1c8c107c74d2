/** How others show ourselves, and we them, in the words of the protocol: what tells a join whether a peer holds us. */
import { formatIp, formatPlace } from '../wire/address.ts'
import type { Claim } from '../wire/claim.ts'
import { STATE } from '../wire/types.ts'
import type { Claims } from './claims.ts'
import { addressStart, isSameWord } from './fitness.ts'
import type { MemberTable } from './members.ts'
import { HELD } from './precedence.ts'

/**
 * `held`: alive at our address, by our newest word. `older`: alive or suspect at our address, by another word of ours. `gone`: dead or left.
 * `elsewhere`: somebody else bears our name. `absent`: not in it.
 */
export type Standing = 'held' | 'older' | 'gone' | 'elsewhere' | 'absent'

export interface Listing {
  standing: Standing
  /** Where our name is shown, as `ip:port`; empty where it is not. */
  place: string
}

export const ABSENT: Listing = { standing: 'absent', place: '' }

export class OwnListing {
  readonly #table: MemberTable
  readonly #claims: Pick<Claims, 'selfRow' | 'self'>

  constructor(table: MemberTable, claims: Pick<Claims, 'selfRow' | 'self'>) {
    this.#table = table
    this.#claims = claims
  }

  /** Whether a claim is about ourselves. */
  isAboutUs({ bytes, nodeStart, nodeEnd }: Claim): boolean {
    const { selfRow } = this.#claims
    return selfRow >= 0 && this.#table.hasName(selfRow, bytes, nodeStart, nodeEnd)
  }

  /** Whether a message that we are alive is our own newest word. */
  isOurWord(claim: Claim): boolean {
    const { selfRow } = this.#claims
    return this.isAboutUs(claim) && this.#isAt(selfRow, claim) && isSameWord(this.#table, selfRow, claim)
  }

  /** What an entry of a peer's state about us says. */
  listing(claim: Claim): Listing {
    const { selfRow } = this.#claims
    const place = formatPlace(
      formatIp(claim.bytes, addressStart(claim), claim.addressEnd),
      this.#portOf(claim),
    )
    if (claim.state !== STATE.alive && claim.state !== STATE.suspect) return { standing: 'gone', place }
    if (!this.#isAt(selfRow, claim)) return { standing: 'elsewhere', place }
    const isNewest = claim.state === STATE.alive && isSameWord(this.#table, selfRow, claim)
    return { standing: isNewest ? 'held' : 'older', place }
  }

  /** The row of another member, where we hold it alive at the address that a claim shows; or -1. */
  holder(claim: Claim): number {
    const row = this.#table.find(claim.bytes, claim.nodeStart, claim.nodeEnd)
    const isHeld = row >= 0 && row !== this.#claims.selfRow && this.#table.held[row] === HELD.alive
    return isHeld && this.#isAt(row, claim) ? row : -1
  }

  #isAt(row: number, claim: Claim): boolean {
    return this.#table.hasAddress(
      row,
      claim.bytes,
      addressStart(claim),
      claim.addressEnd,
      this.#portOf(claim),
    )
  }

  #portOf(claim: Claim): number {
    return claim.port === 0 ? this.#claims.self.bindPort : claim.port
  }
}
