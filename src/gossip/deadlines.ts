/**
 * Many deadlines, of which only the next matters: a binary heap of (instant, key). A deadline is never cancelled; the
 * owner looks at what the key stands for when it comes up and puts it back if the matter now ends later.
 */
export class Deadlines {
  readonly #at: number[] = []
  readonly #keys: number[] = []

  /** The next instant; `Infinity` when there is none. */
  get next(): number {
    return this.#at.length === 0 ? Number.POSITIVE_INFINITY : this.#at[0]
  }

  get size(): number {
    return this.#at.length
  }

  add(at: number, key: number): void {
    let child = this.#at.length
    this.#at.push(at)
    this.#keys.push(key)
    while (child > 0) {
      const parent = (child - 1) >> 1
      if (this.#at[parent] <= at) break
      this.#move(parent, child)
      child = parent
    }
    this.#put(child, at, key)
  }

  /** Removes the next deadline and returns its key; -1 when none is due at `now`. */
  due(now: number): number {
    if (this.#at.length === 0 || this.#at[0] > now) return -1
    const key = this.#keys[0]
    const at = this.#at.pop()
    const last = this.#keys.pop()
    if (at !== undefined && last !== undefined && this.#at.length > 0) this.#sink(at, last)
    return key
  }

  #sink(at: number, key: number): void {
    const size = this.#at.length
    let hole = 0
    for (;;) {
      let child = 2 * hole + 1
      if (child >= size) break
      if (child + 1 < size && this.#at[child + 1] < this.#at[child]) child += 1
      if (this.#at[child] >= at) break
      this.#move(child, hole)
      hole = child
    }
    this.#put(hole, at, key)
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#at[from], this.#keys[from])
  }

  #put(to: number, at: number, key: number): void {
    this.#at[to] = at
    this.#keys[to] = key
  }
}
