/** Virtual time: what will happen, in one heap ordered by (time, sequence), so that a run is the same whenever it is run. */

interface Planned {
  at: number
  sequence: number
  run: () => void
}

export class Schedule {
  readonly #heap: Planned[] = []
  #sequence = 0
  /** Milliseconds since the beginning of the run. */
  now = 0

  /** Plans something; of two things at one time the one planned first happens first. */
  at(at: number, run: () => void): void {
    this.#sequence += 1
    const planned = { at: Math.max(at, this.now), sequence: this.#sequence, run }
    this.#heap.push(planned)
    this.#rise(this.#heap.length - 1)
  }

  /** Lets the next thing happen if it is due by `until`; false when nothing is. Then it is `until`. */
  step(until: number): boolean {
    const next = this.#heap[0]
    if (next === undefined || next.at > until) {
      this.now = Math.max(this.now, until)
      return false
    }
    const last = this.#heap.pop()
    if (last !== undefined && this.#heap.length > 0) {
      this.#heap[0] = last
      this.#sink(0)
    }
    this.now = next.at
    next.run()
    return true
  }

  #rise(from: number): void {
    let child = from
    while (child > 0) {
      const parent = (child - 1) >> 1
      if (isBefore(this.#heap[parent], this.#heap[child])) return
      this.#swap(parent, child)
      child = parent
    }
  }

  #sink(from: number): void {
    for (let parent = from; ; ) {
      const left = 2 * parent + 1
      const right = left + 1
      if (left >= this.#heap.length) return
      const hasLesserRight = right < this.#heap.length && isBefore(this.#heap[right], this.#heap[left])
      const child = hasLesserRight ? right : left
      if (isBefore(this.#heap[parent], this.#heap[child])) return
      this.#swap(parent, child)
      parent = child
    }
  }

  #swap(a: number, b: number): void {
    const planned = this.#heap[a]
    this.#heap[a] = this.#heap[b]
    this.#heap[b] = planned
  }
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence)
}
