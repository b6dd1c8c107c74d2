/** What Serf's layer hears from memberlist's about members. */

export interface MemberListener {
  joined(row: number, now: number): void
  left(row: number, now: number): void
  updated(row: number): void
  /** Moves the mirror only: an incarnation or address without an event. */
  changed(row: number): void
  /** memberlist has forgotten it. */
  unlisted(row: number): void
}
