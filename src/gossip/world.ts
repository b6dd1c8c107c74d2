/** What gossip can do to the world. Every method only enqueues. */
import type { Envelope, Log, Outlet, Random } from '../actors/contract.ts'
import type { ToDetector, ToDispatch } from '../actors/mail.ts'
import type { Records } from '../actors/records.ts'
import type { Vetoes } from './admission.ts'
import type { CrashMemory } from './crash-memory.ts'
import type { LeftOut } from './push-pull.ts'

export interface GossipWorld {
  random: Random
  /** Bytes that nobody can guess, for nonces. */
  fillRandom(bytes: Uint8Array): void
  /** Milliseconds of a clock that only goes forward: for measuring how long work takes, not for the protocol, whose time is that of the turn. */
  clock(): number
  detector: Outlet<ToDetector>
  dispatch: Outlet<ToDispatch>
  /** Dials a TCP connection to a literal address; `stream-connected` or `stream-closed` mail follows. `stream` is ours. */
  dial(stream: number, ip: string, port: number): void
  write(stream: number, bytes: Uint8Array): void
  /** Ends our side once everything written is out, then closes. No mail follows. */
  end(stream: number): void
  /** Drops the connection at once. No mail follows. */
  destroy(stream: number): void
  /** Resolves a host name, or an SRV name that begins with `_`; `resolved` mail follows. */
  resolve(lookup: number, host: string): void
  /** Looks up what our address is by now, which was `current`; `advertised` mail follows. Undefined where it cannot change. */
  advertise?(current: string): void
  reply(id: number, envelope: Envelope<unknown>): void
  log: Log
  /** What the host's module has to say about who is let in; undefined where there is none. */
  vetoes?(): Vetoes | undefined
  /** Where a supervisor reads after a crash; undefined where there is none. */
  memory?: CrashMemory
  /** In a simulated world without codec: which rows a state for the peer at an address may leave out, since it holds the same of them. */
  leavesOut?(ip: string): LeftOut | undefined
  /** Where names, addresses and meta are kept; undefined for a place of our own. */
  records?: Records | undefined
}
