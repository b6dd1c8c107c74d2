/**
 * Messages of the Serf layer for one address (protocol page 2, section 1.1): acks and answers of ours, and what others ask us to pass on to
 * a third (section 4.9). They go in one packet each, with nothing riding on it; one for ourselves stays in the house.
 *
 * A relay is a forwarder open to every member, so it has a limit: at most one packet out for one in, never to more than one host, and no
 * more of them in a second than any honest pool asks for.
 */
import type { Outlet } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import type { Self, ToDetector } from '../actors/mail.ts'
import { Pack, packDelivery } from '../actors/packed.ts'
import { isUnicast } from '../detector/destination.ts'
import { PacketTooLarge } from '../errors/errors.ts'
import { formatIp } from '../wire/address.ts'
import { RelayCursor, readRelay } from '../wire/query.ts'
import { MESSAGE, SERF } from '../wire/types.ts'

/** Relays in a second, and at once; beyond it they are dropped and counted. */
const MOST_RELAYS = 1_000
const SECOND = 1_000

export interface DirectedParts {
  detector: Outlet<ToDetector>
  counters: Counters
  /** Bytes of the longest message that a packet holds. */
  room: number
  /** Whether nothing is passed on to whoever bears no name (protocol page 1, section 7.20). */
  requireNodeNames: boolean
  /** Takes a message that is for ourselves, memberlist's type byte in front. */
  home(bytes: Uint8Array): void
}

export class Directed {
  readonly #parts: DirectedParts
  readonly #pack = new Pack()
  readonly #cursor = new RelayCursor()
  #self: Self | undefined
  #relays = MOST_RELAYS
  #countedAt = 0

  constructor(parts: DirectedParts) {
    this.#parts = parts
  }

  begin(self: Self): void {
    this.#self = self
  }

  /** Sends a message whose first byte is memberlist's type. One that no packet of ours holds is refused and goes nowhere. */
  send(ip: string, port: number, bytes: Uint8Array): PacketTooLarge | undefined {
    const { room, counters } = this.#parts
    if (bytes.length > room) {
      counters.add('drop.direct-too-large')
      return new PacketTooLarge(bytes.length, room)
    }
    counters.observe('serf.msgs.sent', bytes.length - 1)
    if (ip === this.#self?.ip && port === this.#self.port) {
      this.#parts.home(bytes)
      return undefined
    }
    // Without a checksum, which any version reads: the receiver may be no member that we know.
    packDelivery(this.#pack, bytes, ip, port, 'plain')
    this.#parts.detector.tell({ type: 'deliver', bytes: this.#pack.take() })
    return undefined
  }

  /** Sends one message to each of these; nothing where there is none any more. */
  sendToAll(places: readonly { ip: string; port: number }[], bytes: Uint8Array | undefined): void {
    if (bytes === undefined) return
    for (const { ip, port } of places) this.send(ip, port, bytes)
  }

  /** Passes on what a relay holds: memberlist's type byte at `start`, Serf's behind it. */
  relay(bytes: Uint8Array, start: number, end: number, now: number): void {
    const { counters } = this.#parts
    const cursor = this.#cursor
    if (!readRelay(cursor, bytes, start + 2, end) || cursor.innerStart >= end) {
      counters.add('drop.relay')
      return
    }
    const ip = formatIp(bytes, cursor.addressStart, cursor.addressEnd)
    const isHome = ip === this.#self?.ip && cursor.port === this.#self.port
    // One inside the other would run through us as often as there are layers.
    const isNested = isHome && bytes[cursor.innerStart] === SERF.relay
    if (cursor.port === 0 || !isUnicast(ip) || isNested) {
      counters.add('drop.relay-destination')
      return
    }
    if (this.#parts.requireNodeNames && cursor.nameStart === cursor.nameEnd) {
      counters.add('drop.nameless')
      return
    }
    if (!this.#mayRelay(now)) {
      counters.add('drop.relay-rate')
      return
    }
    counters.add('folkmoot.relayed')
    const message = new Uint8Array(1 + end - cursor.innerStart)
    message[0] = MESSAGE.user
    message.set(bytes.subarray(cursor.innerStart, end), 1)
    this.send(ip, cursor.port, message)
  }

  #mayRelay(now: number): boolean {
    const earned = ((now - this.#countedAt) * MOST_RELAYS) / SECOND
    this.#relays = Math.min(MOST_RELAYS, this.#relays + earned)
    this.#countedAt = now
    if (this.#relays < 1) return false
    this.#relays -= 1
    return true
  }
}
