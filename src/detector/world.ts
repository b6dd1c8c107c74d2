/** What the detector can do to the world. Every method only enqueues. */
import type { Envelope, Log, Outlet, Random } from '../actors/contract.ts'
import type { ToGossip } from '../actors/mail.ts'
import type { Records } from '../actors/records.ts'

export interface DetectorWorld {
  random: Random
  /** Bytes that nobody can guess, for nonces. */
  fillRandom(bytes: Uint8Array): void
  gossip: Outlet<ToGossip>
  /**
   * Sends one datagram to a literal address. `seqNo` is the ping inside, or 0: when the operating system refuses
   * a datagram that carries a ping, `unsent` mail follows.
   */
  send(packet: Uint8Array, ip: string, port: number, seqNo: number): void
  /**
   * Dials a TCP connection, writes `request` and mails what comes back as `ping-stream-data`, cumulated and at most
   * 64 KiB; `ping-stream-failed` when it breaks or ends.
   */
  dialPing(seqNo: number, ip: string, port: number, request: Uint8Array): void
  /** Destroys the connection of `dialPing`. Unknown numbers are ignored; no mail follows. */
  closePing(seqNo: number): void
  /** The host's main thread. */
  host: {
    /** A counter that it bumps as long as it turns. */
    beats(): number
    /** It was found stalled, or turns again. */
    changed(state: 'stalled' | 'recovered', stalledFor: number): void
  }
  reply(id: number, envelope: Envelope<unknown>): void
  log: Log
  /** Where names and addresses are kept; undefined for a place of our own. */
  records?: Records | undefined
}
