/**
 * How the probes of each peer were answered: over UDP from itself, through a helper, over TCP alone, or not at all. A pool where UDP is
 * blocked between some of its members looks healthy, because the other ways save them; here it shows.
 *
 * Bound: one record per row of the member table, and it goes with the member.
 */

/** The way on which the last sign of life came; `none`: there was none. */
export type Way = 'direct' | 'indirect' | 'tcp' | 'none'

/** Probes of one peer since it is known, by how they ended. */
export interface Path {
  direct: number
  indirect: number
  tcp: number
  none: number
  last: Way
}

interface Entry extends Path {
  name: string
  instance: number
}

export class Paths {
  readonly #entries = new Map<number, Entry>()
  readonly #rows = new Map<string, number>()

  get size(): number {
    return this.#entries.size
  }

  /** Peers whose last probe was answered, but not over UDP by themselves. */
  get impaired(): number {
    let count = 0
    for (const { last } of this.#entries.values()) if (last === 'indirect' || last === 'tcp') count += 1
    return count
  }

  /** `name` has one character per byte. */
  note(row: number, instance: number, name: string, way: Way): void {
    let entry = this.#entries.get(row)
    if (entry === undefined || entry.instance !== instance) {
      this.settle(row, instance)
      entry = { name, instance, direct: 0, indirect: 0, tcp: 0, none: 0, last: way }
      this.#entries.set(row, entry)
      this.#rows.set(name, row)
    }
    entry[way] += 1
    entry.last = way
  }

  /** Whoever lives in this row now, if anybody: what is noted of anybody else is forgotten. */
  settle(row: number, instance: number | 'nobody'): void {
    const entry = this.#entries.get(row)
    if (entry === undefined || entry.instance === instance) return
    this.#entries.delete(row)
    if (this.#rows.get(entry.name) === row) this.#rows.delete(entry.name)
  }

  /** undefined as long as no probe of it has ended. */
  of(name: string): Path | undefined {
    const row = this.#rows.get(name)
    const entry = row === undefined ? undefined : this.#entries.get(row)
    if (entry === undefined) return undefined
    const { direct, indirect, tcp, none, last } = entry
    return { direct, indirect, tcp, none, last }
  }
}
