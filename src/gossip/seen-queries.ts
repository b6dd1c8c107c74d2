/**
 * The ring of queries seen (protocol page 2, section 4.9): a slot per Lamport time modulo its length, with the ids that were heard of that
 * time. The original scans a slot's list; here an id is found by hash, so that a flood with one Lamport time costs no more than any other.
 */

interface Slot {
  lamportTime: number
  ids: Set<number>
}

/** Queries per slot on average that are remembered at most; beyond, a new query is refused: only a flood gets there. */
const MOST_PER_SLOT = 64

export type QueryNovelty = 'new' | 'seen' | 'old' | 'full'

export class SeenQueries {
  readonly #length: number
  /** As long as the highest slot in use demands: most rings are never filled. */
  readonly #slots: (Slot | undefined)[] = []
  #held = 0
  /** Queries below this time are refused: raised by snapshots. */
  minTime = 0

  constructor(length: number) {
    this.#length = length
  }

  /** Whether this query is to be handled, and remembers it if so. `clock` is the query clock after it witnessed `lamportTime`. */
  note(lamportTime: number, clock: number, id: number): QueryNovelty {
    const length = this.#length
    if (lamportTime < this.minTime) return 'old'
    if (clock > length && lamportTime < clock - length) return 'old'
    const slot = this.#slots[lamportTime % length]
    const isTheirs = slot !== undefined && slot.lamportTime === lamportTime
    if (isTheirs && slot.ids.has(id)) return 'seen'
    if (this.#held >= MOST_PER_SLOT * length && isTheirs) return 'full'
    this.#held += 1
    if (isTheirs) slot.ids.add(id)
    else {
      this.#held -= slot?.ids.size ?? 0
      while (this.#slots.length < lamportTime % length) this.#slots.push(undefined)
      this.#slots[lamportTime % length] = { lamportTime, ids: new Set([id]) }
    }
    return 'new'
  }
}
