/**
 * Whom we cannot understand: peers under another label or another key. A wrong configuration looks just so, and a person should hear of it,
 * but not with every packet, since anybody can send them.
 *
 * A label is told once per peer; of 256 peers at most, and again after an hour. Undecryptable messages are told every ten minutes. The
 * counters have them all.
 */
import type { Log } from './contract.ts'

const MOST_NAMED = 256
const FORGET_AFTER = 3_600_000
const WARN_EVERY = 600_000

export class Strangers {
  readonly #log: Log
  /** Ours, as text for people. */
  readonly #label: string
  readonly #named = new Set<string>()
  #namedSince = Number.NEGATIVE_INFINITY
  #warnedAt = Number.NEGATIVE_INFINITY

  constructor(log: Log, label: Uint8Array) {
    this.#log = log
    this.#label = labelText(label)
  }

  /** A message from `peer`, its address as text, has `label`; undefined where that is not known. */
  underLabel(what: 'packets' | 'streams', peer: string, label: Uint8Array | undefined, now: number): void {
    if (now - this.#namedSince > FORGET_AFTER) {
      this.#named.clear()
      this.#namedSince = now
    }
    if (this.#named.size === MOST_NAMED || this.#named.has(peer)) return
    this.#named.add(peer)
    const theirs = label === undefined ? 'another label' : labelText(label)
    this.#log('warn', `${what} from ${peer} come with ${theirs} and are dropped: ours is ${this.#label}`)
  }

  /** A message from `peer` was not sealed under a key of ours. */
  unreadable(what: 'packet' | 'stream', peer: string, now: number): void {
    if (now - this.#warnedAt < WARN_EVERY) return
    this.#warnedAt = now
    this.#log(
      'warn',
      `a ${what} from ${peer} was refused: it is not encrypted, or under none of our keys. Does everybody have the same keys?`,
    )
  }
}

function labelText(label: Uint8Array): string {
  // Quoted as JSON, so that what a stranger chose cannot write lines of its own.
  return label.length === 0 ? 'no label' : `label ${JSON.stringify(new TextDecoder().decode(label))}`
}
