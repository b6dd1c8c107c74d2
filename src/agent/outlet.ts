/**
 * What an agent pushes to one client, behind a socket that may not take it: a queue for each stream and monitor, whose oldest entries are
 * dropped beyond its bound. The client is told how many it lost as soon as it reads again, and the agent's log says so once per spell.
 */

/** Where a client's bytes go. */
export interface Link {
  /** `ip:port` of the client, for the log. */
  readonly peer: string
  write(bytes: Uint8Array): void
  /** Bytes that were written and that the client has not taken yet. */
  waiting(): number
  /** No more is read until `resume`. */
  pause(): void
  resume(): void
  /** Closes once everything written is on its way. */
  close(): void
}

/** Entries that wait for a client that does not read: as many as the original keeps. */
const MOST_QUEUED = 512
/** Beyond so many unread bytes nothing is written, so that a silent client costs no more than this and its queues. */
const MOST_UNREAD = 256 * 1024

export class PushQueue<Item> {
  readonly #link: Link
  readonly #encode: (item: Item) => Uint8Array
  readonly #lost: (count: number) => Uint8Array
  readonly #onDrop: () => void
  #items: Item[] = []
  #dropped = 0

  /** `lost` makes the record that tells of lost entries; `onDrop` hears of the first entry that is dropped in a spell. */
  constructor(
    link: Link,
    encode: (item: Item) => Uint8Array,
    lost: (count: number) => Uint8Array,
    onDrop: () => void,
  ) {
    this.#link = link
    this.#encode = encode
    this.#lost = lost
    this.#onDrop = onDrop
  }

  push(item: Item): void {
    this.#items.push(item)
    if (this.#items.length > MOST_QUEUED) {
      this.#items.shift()
      this.#dropped += 1
      if (this.#dropped === 1) this.#onDrop()
    }
    this.drain()
  }

  /** Writes what the client has room for. */
  drain(): void {
    while (this.#items.length > 0 && this.#link.waiting() < MOST_UNREAD) {
      if (this.#dropped > 0) this.#link.write(this.#lost(this.#dropped))
      this.#dropped = 0
      const item = this.#items.shift()
      if (item !== undefined) this.#link.write(this.#encode(item))
    }
  }
}
