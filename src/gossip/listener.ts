/** What Serf's layer hears from memberlist's about members. */
import type { Before } from '../actors/facts.ts'

export interface MemberListener {
  joined(row: number, now: number): void
  left(row: number, now: number): void
  /** A newer word of a member that is alive is about to be taken; `updated` or `changed` follow. */
  growing(row: number, now: number): void
  /** `before` is what its new meta replaced. */
  updated(row: number, before: Before): void
  /** Moves the mirror only: an incarnation or address without an event. */
  changed(row: number): void
  /** memberlist has forgotten it. */
  unlisted(row: number): void
}
