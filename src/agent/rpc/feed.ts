/** What an agent pushes, until somebody reads it: an async iterator with a bound, beyond which the oldest are dropped and counted. */

/** Records that wait for a slow reader: as many as the agent itself keeps for a slow client. */
const MOST_WAITING = 512

export class Feed<Item> implements AsyncIterableIterator<Item> {
  readonly #waiting: ((result: IteratorResult<Item>) => void)[] = []
  readonly #items: Item[] = []
  readonly #ended: () => void
  #isOver = false
  /** Records that were dropped because nobody read them. */
  dropped = 0

  /** `ended` hears when the reader wants no more. */
  constructor(ended: () => void) {
    this.#ended = ended
  }

  push(item: Item): void {
    const reader = this.#waiting.shift()
    if (reader !== undefined) return reader({ done: false, value: item })
    if (this.#isOver) return
    this.#items.push(item)
    if (this.#items.length <= MOST_WAITING) return
    this.#items.shift()
    this.dropped += 1
  }

  /** Nothing comes after what is there already. */
  end(): void {
    this.#isOver = true
    for (const reader of this.#waiting.splice(0)) reader({ done: true, value: undefined })
  }

  next(): Promise<IteratorResult<Item>> {
    const item = this.#items.shift()
    if (item !== undefined) return Promise.resolve({ done: false, value: item })
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  return(): Promise<IteratorResult<Item>> {
    this.#items.length = 0
    this.end()
    this.#ended()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
