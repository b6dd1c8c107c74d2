/**
 * Facts on their way to the host wait here until the snapshot holds the times of the events in them: what a host has seen it must not see
 * again after a crash, and whatever is written survives the death of the process. Facts without new events wait only for those before them.
 *
 * A slow disk may hold events up for a moment, never for long: beyond `PATIENCE`, or with more bytes than `MOST_HELD`, all go on and it is
 * counted; a crash in such a moment may show the host an event twice.
 */
import type { Counters } from '../actors/counters.ts'
import type { ToDispatch } from '../actors/mail.ts'

type Facts = Extract<ToDispatch, { type: 'facts' }>

const PATIENCE = 250
const MOST_HELD = 8 * 1024 * 1024

interface Held {
  facts: Facts
  /** Line of the snapshot that must be written first. */
  line: number
  until: number
}

export class Ahead {
  readonly #pass: (facts: Facts) => void
  readonly #counters: Counters
  #held: Held[] = []
  #bytes = 0
  #written = 0

  constructor(pass: (facts: Facts) => void, counters: Counters) {
    this.#pass = pass
    this.#counters = counters
  }

  get wakeAt(): number {
    return this.#held[0]?.until ?? Number.POSITIVE_INFINITY
  }

  /** Takes facts that may go on when `line` of the snapshot is written. */
  take(facts: Facts, line: number, now: number): void {
    if (this.#held.length === 0 && line <= this.#written) return this.#pass(facts)
    this.#held.push({ facts, line, until: now + PATIENCE })
    this.#bytes += facts.bytes.length
    if (this.#bytes > MOST_HELD) this.#release(Number.POSITIVE_INFINITY)
  }

  /** The snapshot holds all lines up to this one, or has given them up. */
  written(line: number): void {
    this.#written = Math.max(this.#written, line)
    let ready = 0
    while (ready < this.#held.length && this.#held[ready].line <= this.#written) ready += 1
    this.#passOn(ready)
  }

  wake(now: number): void {
    if (now >= this.wakeAt) this.#release(now)
  }

  /** Lets go what has waited long enough. */
  #release(now: number): void {
    let ready = 0
    while (ready < this.#held.length && this.#held[ready].until <= now) ready += 1
    if (now === Number.POSITIVE_INFINITY) ready = this.#held.length
    this.#counters.add('folkmoot.snapshot.not-awaited', ready)
    this.#passOn(ready)
  }

  #passOn(count: number): void {
    for (const { facts } of this.#held.splice(0, count)) {
      this.#bytes -= facts.bytes.length
      this.#pass(facts)
    }
  }
}
