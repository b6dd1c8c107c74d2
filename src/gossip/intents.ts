/**
 * Intents about members we do not know yet (protocol page 2, section 4.2): the intent may arrive before the member does.
 * One per name, the one with the highest Lamport time; used when memberlist announces the member, and forgotten after a
 * while.
 */

export interface Intent {
  kind: 'join' | 'leave'
  lamportTime: number
  heardAt: number
}

/** Names kept at most; beyond that a new name is refused, since only made-up names get there. */
const MOST_NAMES = 65_536
/** Longest name that is kept, which is also the longest that a member may have here: an intent of a stream may hold one of megabytes. */
const LONGEST_NAME = 1024

/** Which intent counts of two with one time: see `Standing.joinIntent`. */
export type Ties = 'to the first' | 'to the join'

export class RecentIntents {
  readonly #byName = new Map<string, Intent>()

  get size(): number {
    return this.#byName.size
  }

  /** Keeps the intent if nothing as new is known; whether it was kept (and is worth passing on). */
  keep(name: string, intent: Intent, ties: Ties = 'to the first'): boolean {
    const known = this.#byName.get(name)
    const isRefused = this.#byName.size >= MOST_NAMES || name.length > LONGEST_NAME
    if (known === undefined && isRefused) return false
    if (known !== undefined && intent.lamportTime <= known.lamportTime) {
      const isJoinOfATie =
        intent.lamportTime === known.lamportTime && known.kind === 'leave' && ties === 'to the join'
      if (!isJoinOfATie) return false
    }
    this.#byName.set(name, intent)
    return true
  }

  /**
   * Keeps the time of the last intent about a member that is erased now, so that an older one, come late, means nothing. It is kept as a
   * join: whoever comes back is alive.
   */
  entomb(name: string, lamportTime: number, now: number): void {
    this.#byName.delete(name)
    this.keep(name, { kind: 'join', lamportTime, heardAt: now })
  }

  get(name: string): Intent | undefined {
    return this.#byName.get(name)
  }

  /** Forgets what was heard before `instant`. */
  forgetBefore(instant: number): void {
    for (const [name, intent] of this.#byName) if (intent.heardAt < instant) this.#byName.delete(name)
  }
}
