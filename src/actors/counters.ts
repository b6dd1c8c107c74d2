/** Counters by name: what an actor did, and what it dropped and why. Names follow memberlist where the meaning is the same. */
export class Counters {
  readonly #counts = new Map<string, number>()

  add(name: string, amount = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + amount)
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  /** A copy, by name. */
  snapshot(): Record<string, number> {
    return Object.fromEntries(this.#counts)
  }
}
