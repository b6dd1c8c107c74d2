/**
 * Dispatch's own view of the members: the last picture of each, by row. It answers with it where gossip must not be asked: the
 * first filling of the mirror now, filters and internal queries in a later issue.
 */
import { FACT, FactReader } from '../actors/facts.ts'
import { Pictures } from '../pictures.ts'

export class MemberView {
  readonly #pictures = new Pictures()

  /** Takes the members of a fact buffer over. What stands in plain memory is copied, since the buffer goes on to the host. */
  apply(facts: Uint8Array): void {
    for (const reader = new FactReader(facts); !reader.atEnd; reader.next()) {
      if (!reader.isMember) continue
      if (reader.kind === FACT.memberReap) this.#pictures.drop(reader.row)
      else this.#pictures.put(reader)
    }
    this.#pictures.tidy()
  }

  /** Visits every member's picture. */
  each(visit: (picture: FactReader) => void): void {
    this.#pictures.each((_row, picture) => visit(picture))
  }

  get size(): number {
    return this.#pictures.size
  }
}
