/**
 * Dispatch's own view of the members: the last picture of each, by row. It answers with it where gossip must not be asked: the
 * first filling of the mirror now, filters and internal queries in a later issue.
 */
import { FACT, FactReader } from '../actors/facts.ts'

interface Place {
  buffer: Uint8Array
  at: number
}

export class MemberView {
  readonly #rows: (Place | undefined)[] = []

  /**
   * Takes the members of a fact buffer over. Pictures in shared memory stay where they are; others are copied, since the buffer
   * goes on to the host.
   */
  apply(facts: Uint8Array): void {
    const isShared = facts.buffer instanceof SharedArrayBuffer
    for (const reader = new FactReader(facts); !reader.atEnd; reader.next()) {
      if (!reader.isMember) continue
      const { row, at, length } = reader
      if (reader.kind === FACT.memberReap) this.#rows[row] = undefined
      else
        this.#rows[row] = isShared ? { buffer: facts, at } : { buffer: facts.slice(at, at + length), at: 0 }
    }
  }

  /** Visits every member's picture. */
  each(visit: (picture: FactReader) => void): void {
    for (const place of this.#rows) if (place !== undefined) visit(new FactReader(place.buffer, place.at))
  }

  get size(): number {
    return this.#rows.reduce((count, place) => count + Number(place !== undefined), 0)
  }
}
