/**
 * Version bytes of members, each distinct set once: nearly all members of a pool speak the same versions, so a row keeps a
 * number and the push/pull's version check looks at a handful of sets instead of at every member (protocol page 1, 7.12).
 */
import { HELD } from './precedence.ts'

/** Distinct sets that are kept; members with yet another one are refused. Honest pools have a handful. */
const MOST_SETS = 4096

interface VersionSet {
  /** pmin, pmax, pcur, dmin, dmax, dcur. */
  bytes: Uint8Array
  listed: number
  alive: number
}

export class VersionSets {
  // Number 0 stands for «no versions known yet».
  readonly #sets: VersionSet[] = [{ bytes: new Uint8Array(6), listed: 0, alive: 0 }]
  readonly #numbers = new Map<number, number>()
  /** The number that was asked for last. */
  #last = 0

  /** The number of the six bytes at `start`; 0 when no more sets are taken. */
  number(bytes: Uint8Array, start: number): number {
    // Nearly all members of a pool speak what the one before spoke.
    if (this.#isLast(bytes, start)) return this.#last
    let key = 0
    for (let i = 0; i < 6; i++) key = key * 256 + bytes[start + i]
    const known = this.#numbers.get(key)
    if (known !== undefined) {
      this.#last = known
      return known
    }
    if (this.#sets.length >= MOST_SETS) return 0
    this.#sets.push({ bytes: bytes.slice(start, start + 6), listed: 0, alive: 0 })
    this.#numbers.set(key, this.#sets.length - 1)
    return this.#sets.length - 1
  }

  #isLast(bytes: Uint8Array, start: number): boolean {
    if (this.#last === 0) return false
    const last = this.#sets[this.#last].bytes
    for (let i = 0; i < 6; i++) if (last[i] !== bytes[start + i]) return false
    return true
  }

  bytes(number: number): Uint8Array {
    return this.#sets[number].bytes
  }

  /** Counts a member that goes from one held state to another. */
  moved(number: number, from: number, to: number): void {
    const set = this.#sets[number]
    set.listed += Number(to !== HELD.unlisted) - Number(from !== HELD.unlisted)
    set.alive += Number(to === HELD.alive) - Number(from === HELD.alive)
  }

  /** Takes over the sets of another, numbers and counts and all. */
  copy(other: VersionSets): void {
    this.#sets.splice(0, this.#sets.length, ...other.#sets.map((set) => ({ ...set })))
    this.#numbers.clear()
    for (const [key, number] of other.#numbers) this.#numbers.set(key, number)
    this.#last = 0
  }

  /** Visits the sets that listed members have, and whether one of those members is alive. */
  each(visit: (versions: Uint8Array, aliveness: 'some alive' | 'none alive', number: number) => void): void {
    for (const [number, set] of this.#sets.entries()) {
      if (set.listed > 0) visit(set.bytes, set.alive > 0 ? 'some alive' : 'none alive', number)
    }
  }
}

/** What all alive members understand, and whether everybody speaks it. */
export class VersionRange {
  #lowest = [0, 0]
  #highest = [255, 255]
  /** memberlist * 256 + serf, and the first who speaks so: a name, or the number of a set of ours. */
  readonly #spoken = new Map<number, string | number>()

  /** Takes in what a member understands. Only alive members narrow the range. */
  understands(versions: Uint8Array, at: number): void {
    this.#lowest = [Math.max(this.#lowest[0], versions[at]), Math.max(this.#lowest[1], versions[at + 3])]
    this.#highest = [
      Math.min(this.#highest[0], versions[at + 1]),
      Math.min(this.#highest[1], versions[at + 4]),
    ]
  }

  /** Whether somebody is known to speak these two; only the first needs to be named. */
  hears(memberlist: number, serf: number): boolean {
    return this.#spoken.has(memberlist * 256 + serf)
  }

  /** Takes in what a member speaks, whatever its state. */
  speaks(memberlist: number, serf: number, who: string | number): void {
    if (!this.hears(memberlist, serf)) this.#spoken.set(memberlist * 256 + serf, who)
  }

  /** Empty when all is well, else who speaks what somebody alive does not understand; `nameOf` names a member that has this set. */
  complaint(nameOf: (set: number) => string): string {
    for (const [spoken, who] of this.#spoken) {
      const serf = spoken & 255
      const memberlist = spoken >> 8
      if (
        isWithin(memberlist, this.#lowest[0], this.#highest[0]) &&
        isWithin(serf, this.#lowest[1], this.#highest[1])
      )
        continue
      const name = typeof who === 'number' ? nameOf(who) : who
      return `${name} speaks memberlist ${memberlist} and serf ${serf}; all alive members understand memberlist ${this.#lowest[0]} to ${this.#highest[0]} and serf ${this.#lowest[1]} to ${this.#highest[1]}`
    }
    return ''
  }
}

function isWithin(value: number, low: number, high: number): boolean {
  return value >= low && value <= high
}
