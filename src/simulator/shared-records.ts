/**
 * Records of all members of a simulated world in one slab, equal ones once: what ten thousand members know of ten thousand others is mostly the same.
 * They stay as long as the world: a member that forgets another does not know who else remembers it.
 */
import { equal, hashOf, Records } from '../actors/records.ts'

const FIRST_SLOTS = 1024

/** So that all that ten thousand members know has numbers of 16 bits: three records of each, the longest twice as long. */
const UNIT = 32

export class SharedRecords extends Records {
  /** Open addressing by the hash of the whole record; a slot holds its number + 1, 0 is empty. At least half of them are. */
  #slots = new Uint32Array(FIRST_SLOTS)
  #count = 0

  constructor() {
    super(UNIT)
  }

  protected override kept(number: number, length: number): number {
    const { slab } = this
    const at = number * UNIT
    const mask = this.#slots.length - 1
    let slot = hashOf(0, slab, at, at + length) & mask
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const known = this.#slots[slot] - 1
      const knownAt = known * UNIT
      if (equal(slab, knownAt, knownAt + this.length(known), slab, at, at + length)) return known
    }
    this.#slots[slot] = number + 1
    this.#count += 1
    if (this.#count * 2 > this.#slots.length) this.#grow()
    return super.kept(number, length)
  }

  override drop(): void {
    // Others may have it too.
  }

  override tidy(): void {
    // Nothing is ever garbage.
  }

  #grow(): void {
    const before = this.#slots
    this.#slots = new Uint32Array(before.length * 2)
    const mask = this.#slots.length - 1
    for (const number of before) {
      if (number === 0) continue
      const at = (number - 1) * UNIT
      let slot = hashOf(0, this.slab, at, at + this.length(number - 1)) & mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
      this.#slots[slot] = number
    }
  }
}
