/**
 * Notices that wait for a slow host. Bound: 256, beyond which the oldest are dropped, since they are limited where they arise; changes of the
 * connection are folded into one, so that one of them is there and says where the host stands.
 */
import type { ConnectionChange, Notice } from '../actors/notices.ts'

const MOST_NOTICES = 256

export class WaitingNotices {
  #waiting: Notice[] = []

  get size(): number {
    return this.#waiting.length
  }

  add(notice: Notice): void {
    if (notice.type === 'connection') this.#addChange(notice)
    else this.#waiting.push(notice)
    if (this.#waiting.length > MOST_NOTICES) this.#dropOldest()
  }

  /** All of them, in order. */
  take(): Notice[] {
    const taken = this.#waiting
    this.#waiting = []
    return taken
  }

  /** Two changes are one, and a change and its opposite are none. */
  #addChange(change: ConnectionChange): void {
    const earlier = this.#waiting.find((notice) => notice.type === 'connection')
    if (earlier === undefined) {
      this.#waiting.push(change)
      return
    }
    this.#waiting = this.#waiting.filter((notice) => notice !== earlier)
    if (earlier.previous !== change.connection) this.#waiting.push({ ...change, previous: earlier.previous })
  }

  /** The one that says where the host stands is not among those that may go. */
  #dropOldest(): void {
    const at = this.#waiting.findIndex(({ type }) => type !== 'connection')
    this.#waiting.splice(at, 1)
  }
}
