/**
 * Answers to accusations of ourselves (protocol page 1, section 7.13): an incarnation above the accuser's, spread as the newest word about us.
 * While a stalled host has us look dead nothing is answered; the highest accusation is kept, and answered when the host is back.
 */
import type { Outlet } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import type { ToDetector } from '../actors/mail.ts'
import type { MemberTable } from './members.ts'
import { FORBIDDEN_INCARNATION, refutingIncarnation } from './precedence.ts'
import type { Voice } from './voice.ts'

export interface RefutationParts {
  table: MemberTable
  counters: Counters
  detector: Outlet<ToDetector>
  voice: Voice
  listener: { changed(row: number): void }
}

export class Refutation {
  readonly #parts: RefutationParts
  #row = -1
  #isMute = false
  #unanswered = -1

  constructor(parts: RefutationParts) {
    this.#parts = parts
  }

  get isMute(): boolean {
    return this.#isMute
  }

  begin(selfRow: number): void {
    this.#row = selfRow
  }

  mute(): void {
    this.#isMute = true
  }

  unmute(): void {
    const accused = this.#unanswered
    this.#isMute = false
    this.#unanswered = -1
    if (accused >= 0) this.refute(accused)
  }

  refute(accused: number): void {
    if (this.#isMute) {
      this.#unanswered = Math.max(this.#unanswered, accused)
      return
    }
    const { table, counters, detector, voice, listener } = this.#parts
    const incarnation = refutingIncarnation(table.incarnation.get(this.#row), accused)
    if (incarnation >= FORBIDDEN_INCARNATION) {
      counters.add('drop.incarnation')
      return
    }
    table.incarnation.set(this.#row, incarnation)
    counters.add('folkmoot.refuted')
    detector.tell({ type: 'accused' })
    voice.alive(this.#row)
    listener.changed(this.#row)
  }
}
