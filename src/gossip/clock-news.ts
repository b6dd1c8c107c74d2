/**
 * Tells dispatch how far the clock of members has come, for the snapshot: every half second when it has moved (protocol page 2,
 * section 4.11), and nothing where no snapshot is kept. The other two clocks it sees by the events themselves. A leave has moved it, so it is told
 * behind that at once: who is alone has left before the next half second. Of a member that is stopped without a leave, the last half second is lost,
 * as when it is killed; its pool tells it a later time with the first push/pull.
 */
import type { Outlet } from '../actors/contract.ts'
import type { ToDispatch } from '../actors/mail.ts'
import type { LamportClock } from './lamport.ts'

const INTERVAL = 500

export class ClockNews {
  readonly #clock: LamportClock
  readonly #dispatch: Outlet<ToDispatch>
  readonly #isWanted: boolean
  #told = 0
  wakeAt = Number.POSITIVE_INFINITY

  constructor(snapshotPath: string, clock: LamportClock, dispatch: Outlet<ToDispatch>) {
    this.#clock = clock
    this.#dispatch = dispatch
    this.#isWanted = snapshotPath !== ''
  }

  begin(now: number): void {
    if (this.#isWanted) this.wakeAt = now + INTERVAL
  }

  wake(now: number): void {
    if (now < this.wakeAt) return
    this.wakeAt = now + INTERVAL
    if (this.#clock.time === this.#told) return
    this.#told = this.#clock.time
    this.#dispatch.tell({ type: 'clock', memberTime: this.#told })
  }

  /** We leave: to be told before the leave has any effect. */
  leaving(): void {
    if (!this.#isWanted) return
    this.#dispatch.tell({ type: 'leaving' })
    this.wakeAt = Number.NEGATIVE_INFINITY
  }
}
