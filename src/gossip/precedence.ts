/**
 * Who wins between a claim about a member and what we hold (protocol page 1, sections 7.8 to 7.10; SWIM paper 4.2).
 * One table for everybody else; what a claim about ourselves does is `refutes`.
 *
 *     claim        held alive    held suspect   held dead     held left
 *     alive    i   i > held      i > held       i > held      i > held
 *     suspect  i   i >= held     (confirms)     never         never
 *     dead     i   i >= held     i >= held      never         never
 */

/** What we hold of a member: memberlist's states, and `unlisted` when memberlist has forgotten it. */
export const HELD = { alive: 0, suspect: 1, dead: 2, left: 3, unlisted: 4 } as const
export type Held = (typeof HELD)[keyof typeof HELD]

/** An incarnation no claim may have: refuting it would wrap the number around (known since the original does so). */
export const FORBIDDEN_INCARNATION = 0xffff_ffff

export function aliveOverrules(claimed: number, heldIncarnation: number): boolean {
  return claimed > heldIncarnation
}

export function suspectOverrules(claimed: number, held: number, heldIncarnation: number): boolean {
  return held === HELD.alive && claimed >= heldIncarnation
}

export function deadOverrules(claimed: number, held: number, heldIncarnation: number): boolean {
  return isActive(held) && claimed >= heldIncarnation
}

/** Counted as a member of the pool by memberlist: a suspect still is. */
export function isActive(held: number): boolean {
  return held === HELD.alive || held === HELD.suspect
}

/** The incarnation that answers an accusation: above ours and above the accuser's (section 7.13). */
export function refutingIncarnation(own: number, accused: number): number {
  return Math.max(own, accused) + 1
}
