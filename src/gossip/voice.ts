/**
 * What we say of members, in the words of the protocol: to everybody by way of the queue, or straight to one of them in a packet of its own.
 * The queue holds the newest word about each member; our own word about ourselves goes first.
 */
import type { Outlet } from '../actors/contract.ts'
import type { ToDetector } from '../actors/mail.ts'
import { Pack, packDelivery } from '../actors/packed.ts'
import { Slab } from '../actors/slab.ts'
import { formatIp } from '../wire/address.ts'
import { writeAlive, writeSuspect } from '../wire/claim.ts'
import { Writer } from '../wire/msgpack.ts'
import { MESSAGE } from '../wire/types.ts'
import type { MemberTable } from './members.ts'
import { HELD } from './precedence.ts'
import type { Queues } from './queues.ts'

/** Protocol maximum from which on a peer reads a checksum. */
const READS_CRC = 5

export interface VoiceParts {
  table: MemberTable
  queues: Queues
  detector: Outlet<ToDetector>
}

export type AccusationType = typeof MESSAGE.suspect | typeof MESSAGE.dead

export class Voice {
  readonly #parts: VoiceParts
  readonly #writer = new Writer()
  readonly #slab = new Slab()
  readonly #pack = new Pack()
  /** Row of ourselves. */
  selfRow = -1

  constructor(parts: VoiceParts) {
    this.#parts = parts
  }

  /** Tells everybody what we hold of a member that is alive; `finished` when the broadcast is done. */
  alive(row: number, finished?: () => void): void {
    writeAlive(this.#writer.reset(), this.#parts.table.fields(row))
    this.#queue(row, finished)
  }

  /** Tells everybody that `from` accuses a member. */
  accusation(
    type: AccusationType,
    row: number,
    incarnation: number,
    from: Uint8Array,
    finished?: () => void,
  ): void {
    const name = this.#parts.table.name(row)
    writeSuspect(this.#writer.reset(), type, { incarnation, name, from })
    this.#queue(row, finished)
  }

  /** Tells one member alone what we hold of another, or of ourselves. */
  aliveTo(row: number, to: number): void {
    writeAlive(this.#writer.reset(), this.#parts.table.fields(row))
    this.#send(to)
  }

  /** Tells a member to its face what it is held for, so that it can refute. One that left is told so in its own name. */
  accusationTo(row: number): void {
    const { table } = this.#parts
    const held = table.held[row]
    const type = held === HELD.suspect ? MESSAGE.suspect : MESSAGE.dead
    const from = table.name(held === HELD.left ? row : this.selfRow)
    this.accuseTo(row, type, table.incarnation.get(row), from)
  }

  /** Tells a member to its face that `from` accuses it. */
  accuseTo(row: number, type: AccusationType, incarnation: number, from: Uint8Array): void {
    writeSuspect(this.#writer.reset(), type, { incarnation, name: this.#parts.table.name(row), from })
    this.#send(row)
  }

  #queue(row: number, finished: (() => void) | undefined): void {
    const rank = row === this.selfRow ? 'first' : 'in turn'
    this.#parts.queues.add('membership', this.#slab.keep(this.#writer.view()), row, finished, rank)
  }

  #send(row: number): void {
    const { table, detector } = this.#parts
    const checksum = table.versions.bytes(table.versionSet.get(row))[1] >= READS_CRC ? 'crc' : 'plain'
    packDelivery(this.#pack, this.#writer.view(), formatIp(table.address(row)), table.port[row], checksum)
    detector.tell({ type: 'deliver', bytes: this.#pack.take() })
  }
}
