/**
 * Dispatch's own view of the members: the last picture of each, by row. It answers with it where gossip must not be asked: the
 * first filling of the mirror, who is expected to answer a query, who passes answers on, internal queries.
 */
import type { Random } from '../actors/contract.ts'
import { FACT, FactReader, STATUS } from '../actors/facts.ts'
import { type MemberPictures, Pictures } from '../cluster/pictures.ts'
import { decodeTags } from '../wire/tags.ts'

export class MemberView {
  readonly #pictures: MemberPictures
  readonly #ownName: Uint8Array
  #ownRow = -1

  constructor(ownName: Uint8Array, pictures: MemberPictures = new Pictures()) {
    this.#ownName = ownName
    this.#pictures = pictures
  }

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

  /** The member of this name, in any status. A search through all: for rare questions. */
  find(name: Uint8Array): FactReader | undefined {
    let found: FactReader | undefined
    this.each((picture) => {
      if (found === undefined && isEqual(picture.name, name)) found = picture
    })
    return found
  }

  /** Our own tags as they are now. */
  ownTags(): Readonly<Record<string, string>> {
    // Our row is the first that gossip gives and is never taken by another, but to look costs nothing.
    const kept = this.#pictures.at(this.#ownRow)
    const own = kept !== undefined && isEqual(kept.name, this.#ownName) ? kept : this.find(this.#ownName)
    if (own === undefined) return {}
    this.#ownRow = own.row
    return decodeTags(own.meta.slice())
  }

  /** Members that take part: alive or on their way out, ourselves included. */
  get live(): number {
    let live = 0
    this.each(({ status }) => {
      if (isLive(status)) live += 1
    })
    return live
  }

  /**
   * Up to `count` eligible members by chance, without repeats. Small pools are gone through, so that nobody eligible is missed there; in
   * large ones a bounded number of draws finds them nearly always.
   */
  choose(count: number, random: Random, isEligible: (picture: FactReader) => boolean): FactReader[] {
    const { rows } = this.#pictures
    const chosen = new Map<number, FactReader>()
    if (rows <= LARGE) return this.#shuffled(random, isEligible).slice(0, count)
    for (let draws = 3 * rows; draws > 0 && chosen.size < count; draws--) {
      const picture = this.#pictures.at(random.below(rows))
      if (picture !== undefined && isEligible(picture)) chosen.set(picture.row, picture)
    }
    return [...chosen.values()]
  }

  #shuffled(random: Random, isEligible: (picture: FactReader) => boolean): FactReader[] {
    const eligible: FactReader[] = []
    this.each((picture) => {
      if (!isEligible(picture)) return
      const place = random.below(eligible.length + 1)
      eligible.push(eligible[place] ?? picture)
      eligible[place] = picture
    })
    return eligible
  }
}

/** Rows up to which all are gone through to choose some. */
const LARGE = 256

/** Whether a member in this status still hears and answers. */
export function isLive(status: number): boolean {
  return status === STATUS.alive || status === STATUS.leaving
}

export function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
