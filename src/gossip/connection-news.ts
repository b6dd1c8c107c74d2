/**
 * Tells dispatch, for the host, when it has changed whether we are in a pool. Looked at once at the end of every turn, so that what comes and
 * goes within one is not told; nothing is told before we have begun, nor once we leave.
 */
import type { Outlet } from '../actors/contract.ts'
import type { Crash, ToDispatch } from '../actors/mail.ts'
import type { Connection } from '../actors/notices.ts'

export class ConnectionNews {
  readonly #dispatch: Outlet<ToDispatch>
  readonly #connection: () => Connection | undefined
  /** What the host knows; undefined before we have begun. */
  #told: Connection | undefined

  constructor(dispatch: Outlet<ToDispatch>, connection: () => Connection | undefined) {
    this.#dispatch = dispatch
    this.#connection = connection
  }

  /** A host begins with `isolated`; after a crash of the actors it knows what the members that live again say. */
  begin(crash: Crash | undefined): void {
    this.#told = crash === undefined ? 'isolated' : this.#connection()
  }

  /** To be called at the end of every turn. */
  look(): void {
    const previous = this.#told
    const connection = this.#connection()
    if (previous === undefined || connection === undefined || connection === previous) return
    this.#told = connection
    this.#dispatch.tell({ type: 'connection', change: { type: 'connection', connection, previous } })
  }
}
