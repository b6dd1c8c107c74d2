/**
 * How the probes of each peer were answered: over UDP from itself, through a helper, over TCP alone, or not at all. A pool where UDP is
 * blocked between some of its members looks healthy, because the other ways save them; here it shows.
 *
 * Bound: one record per row of the member table, and it goes with the member.
 */

import type { Peer } from './ring.ts'

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

/** The same as it is told. */
export interface ToldPath extends Path {
  /** Whether packets of its own came lately although the last probe was not answered directly. */
  heard: 'heard' | 'unheard'
}

interface Entry extends Path {
  name: string
  instance: number
  /** `ip port` that was probed. */
  place: string
  /** When a packet came from there last, as long as it does not answer directly. */
  heardAt: number
}

/** How long a packet proves that a way is open: an idle member of a pool of a hundred pings us once in that time. */
const HEARD_FOR = 120_000

export class Paths {
  readonly #entries = new Map<number, Entry>()
  readonly #rows = new Map<string, number>()
  /** By place, those that did not answer the last probe directly: empty in a healthy pool, so that a packet costs nothing. */
  readonly #unwell = new Map<string, Entry>()

  get size(): number {
    return this.#entries.size
  }

  /** Peers whose last probe was answered, but not over UDP by themselves. */
  get impaired(): number {
    let count = 0
    for (const { last } of this.#entries.values()) if (last === 'indirect' || last === 'tcp') count += 1
    return count
  }

  /** Peers that did not answer directly and whose packets come all the same: of the two ways ours is closed. */
  oneWay(now: number): number {
    let count = 0
    for (const entry of this.#unwell.values()) if (isHeard(entry, now)) count += 1
    return count
  }

  /** `name` has one character per byte. */
  note({ row, instance, ip, port }: Probed, name: string, way: Way): void {
    let entry = this.#entries.get(row)
    if (entry === undefined || entry.instance !== instance) {
      this.settle(row, instance)
      const counts = { direct: 0, indirect: 0, tcp: 0, none: 0 }
      entry = { name, instance, ...counts, last: way, place: '', heardAt: Number.NEGATIVE_INFINITY }
      this.#entries.set(row, entry)
      this.#rows.set(name, row)
    }
    entry[way] += 1
    entry.last = way
    this.#move(entry, way === 'direct' ? '' : placeOf(ip, port))
  }

  /** A packet came from there, whatever was in it. */
  heard(ip: string, port: number, now: number): void {
    if (this.#unwell.size === 0) return
    const entry = this.#unwell.get(placeOf(ip, port))
    if (entry !== undefined) entry.heardAt = now
  }

  /** Whoever lives in this row now, if anybody: what is noted of anybody else is forgotten. */
  settle(row: number, instance: number | 'nobody'): void {
    const entry = this.#entries.get(row)
    if (entry === undefined || entry.instance === instance) return
    this.#move(entry, '')
    this.#entries.delete(row)
    if (this.#rows.get(entry.name) === row) this.#rows.delete(entry.name)
  }

  /** undefined as long as no probe of it has ended. */
  of(name: string, now: number): ToldPath | undefined {
    const row = this.#rows.get(name)
    const entry = row === undefined ? undefined : this.#entries.get(row)
    if (entry === undefined) return undefined
    const { direct, indirect, tcp, none, last } = entry
    return { direct, indirect, tcp, none, last, heard: isHeard(entry, now) ? 'heard' : 'unheard' }
  }

  /** Among the unwell at that place, or with an empty one no more. */
  #move(entry: Entry, place: string): void {
    if (entry.place === place) return
    if (this.#unwell.get(entry.place) === entry) this.#unwell.delete(entry.place)
    entry.place = place
    entry.heardAt = Number.NEGATIVE_INFINITY
    if (place !== '') this.#unwell.set(place, entry)
  }
}

type Probed = Pick<Peer, 'row' | 'instance' | 'ip' | 'port'>

function placeOf(ip: string, port: number): string {
  return `${ip} ${port}`
}

function isHeard({ heardAt }: Entry, now: number): boolean {
  return now - heardAt < HEARD_FOR
}
