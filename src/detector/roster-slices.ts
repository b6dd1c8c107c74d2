/**
 * The roster as it is taken in: slice by slice, so that a pool of thousands that comes at once holds up no ack. Between two slices the socket is
 * read. A cold process takes 4 ms of CPU for the first two thousand peers, and on a busy machine it loses the processor in the middle of it: then
 * pings waited ten times as long.
 *
 * Mail keeps its order, and a short one with nothing before it is taken in at once. Bound: none of its own. These are facts, which are never
 * dropped: gossip folds them per member, so that a turn of its own tells each once.
 */
import { type RosterEntry, readRosterEntries } from '../actors/roster.ts'

/** Peers in a slice: half a millisecond of a cold process, a twentieth of that later. */
export const SLICE = 256

export class RosterSlices {
  readonly #visit: (entry: RosterEntry) => void
  readonly #waiting: Uint8Array[] = []
  /** Where the next slice of the first one begins. */
  #at = 0
  /** At once while there is more; `Infinity` otherwise. */
  wakeAt = Number.POSITIVE_INFINITY

  constructor(visit: (entry: RosterEntry) => void) {
    this.#visit = visit
  }

  /** Takes in a packed roster: its first slice now, if nothing is before it. */
  add(bytes: Uint8Array, now: number): void {
    this.#waiting.push(bytes)
    if (this.#waiting.length === 1) this.#slice(now)
  }

  wake(now: number): void {
    if (this.#waiting.length > 0) this.#slice(now)
  }

  #slice(now: number): void {
    const [bytes] = this.#waiting
    this.#at = readRosterEntries(bytes, this.#at, SLICE, this.#visit)
    if (this.#at >= bytes.length) {
      this.#waiting.shift()
      this.#at = 0
    }
    // Not before now: what is due at once must not look like something that was slept through.
    this.wakeAt = this.#waiting.length > 0 ? now : Number.POSITIVE_INFINITY
  }
}
