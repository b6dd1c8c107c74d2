/** What all bodies share: what a place gives them, replies to commands, and how a binding of sockets went. */
import type { Envelope, Log } from '../src/actors/contract.ts'
import type { Transport } from '../src/cluster/transport.ts'
import type { CrashMemory } from '../src/gossip/crash-memory.ts'

/** What every body needs from its place. */
export interface Place {
  log: Log
  /** Mail that waits for the actor, by sender. */
  mailboxes(): Record<string, number>
  /** The pulse of the host's main thread. */
  beats(): number
  /** The host's main thread was found stalled, or turns again. */
  stalled(state: 'stalled' | 'recovered', stalledFor: number): void
  /** The actor threw: nothing of it goes on. */
  crashed(error: unknown): void
  /** What outlives a crash. */
  memory?: CrashMemory
  /** The host's own transport; undefined for UDP and TCP. Rejects with the code BAD_TRANSPORT. */
  transport?(): Promise<Transport | undefined>
}

/** Commands that wait for their reply. An actor replies to each exactly once. */
export class Replies {
  readonly #waiting = new Map<number, (envelope: Envelope<unknown>) => void>()
  #last = 0

  /** Takes a number for a command; the promise resolves with its reply. */
  expect(send: (id: number) => void): Promise<Envelope<unknown>> {
    this.#last += 1
    const id = this.#last
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      send(id)
    })
  }

  reply(id: number, envelope: Envelope<unknown>): void {
    this.#waiting.get(id)?.(envelope)
    this.#waiting.delete(id)
  }
}

/** Whether a socket could be bound: errors of the system go as their text and code. */
export type Bound = { ok: true; port: number } | { ok: false; code: string; message: string }

/** Binds, and says how it went. */
export async function bound(bind: () => Promise<number>): Promise<Bound> {
  try {
    return { ok: true, port: await bind() }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    return { ok: false, code, message: error instanceof Error ? error.message : String(error) }
  }
}
