/**
 * Claims that cannot be judged by incarnations alone: a name that shows up at another address, and a dead member that shows up again without
 * having answered its death.
 *
 *     held                       claimed elsewhere
 *     left                       taken: a left name is free at once
 *     dead longer than reclaim   taken
 *     otherwise, reclaim on      the owner is asked over TCP: silent: taken; if both answer, it is a conflict
 *     otherwise, reclaim off     a conflict, as in the original
 *
 *     forgotten, but seen dead   claimed at the same address, no newer incarnation: believed if it answers
 *
 * What shows the place that a member has just moved away from is late, not a rival.
 */
import type { Counters } from '../actors/counters.ts'
import { toLatin } from '../actors/latin.ts'
import type { NameConflict } from '../actors/notices.ts'
import { formatIp } from '../wire/address.ts'
import { Claim, readAlive, writeAlive } from '../wire/claim.ts'
import { Writer } from '../wire/msgpack.ts'
import { addressStart } from './fitness.ts'
import type { MemberTable } from './members.ts'
import { HELD } from './precedence.ts'
import type { Presence, Verifier } from './verifier.ts'

/** What was found out about a claim: `vacant` that the owner of its name does not answer, `present` that who is claimed alive does. */
export type Proof = 'none' | 'vacant' | 'present'

export interface DisputeParts {
  table: MemberTable
  verifier: Verifier
  counters: Counters
  /** The time of the turn, for what is found out later. */
  now(): number
  /** Judges a claim once more, with what was found out. */
  judge(claim: Claim, proof: Proof): void
  /** Two members claim one name. */
  conflict(conflict: NameConflict): void
}

interface Place {
  ip: string
  port: number
}

interface Move extends Place {
  instance: number
  at: number
}

/** How long claims of the place before a move are late and nothing else, and how many moves are remembered. */
const LATE = 60_000
const MOST_MOVES = 1_024
/** A conflict over a name is told once in so many milliseconds. */
const TELL_AGAIN = 10_000
const MOST_TOLD = 1_024

export class Disputes {
  readonly #reclaimTime: number
  readonly #parts: DisputeParts
  readonly #moves = new Map<number, Move>()
  readonly #told = new Map<string, number>()
  readonly #writer = new Writer()
  /** Row of ourselves. */
  selfRow = -1

  /** `reclaimTime` in milliseconds; 0: a dead name stays with its address. */
  constructor(reclaimTime: number, parts: DisputeParts) {
    this.#reclaimTime = reclaimTime
    this.#parts = parts
  }

  /** A name is claimed at another address than we hold. Whether it is free for the taking; if not, it may be found out later. */
  isFree(row: number, claim: Claim, port: number, proof: Proof, now: number): boolean {
    const { table, counters } = this.#parts
    if (row !== this.selfRow && (table.held[row] === HELD.left || proof === 'vacant')) return true
    const claimed = { ip: formatIp(claim.bytes, addressStart(claim), claim.addressEnd), port }
    if (this.#isLate(row, claimed, now)) {
      counters.add('folkmoot.stale-address')
      return false
    }
    const { held } = table
    const isDeadLongEnough =
      held[row] === HELD.dead && this.#reclaimTime > 0 && now - table.goneAt(row) > this.#reclaimTime
    if (row !== this.selfRow && isDeadLongEnough) return true
    if (this.#reclaimTime > 0) this.#ask(row, claim, claimed, now)
    else this.#tell(row, claimed, now)
    return false
  }

  /** A member is about to move: its place until now is remembered. */
  moving(row: number, now: number): void {
    const { table } = this.#parts
    if (this.#moves.size >= MOST_MOVES) this.#moves.clear()
    const ip = formatIp(table.address(row))
    this.#moves.set(row, { ip, port: table.port[row], instance: table.instance.get(row), at: now })
  }

  /** Whether one that was seen dead is back is asked of itself; if it answers, the claim is judged again. */
  revived(claim: Claim, port: number, now: number): void {
    const { verifier, counters } = this.#parts
    const ip = formatIp(claim.bytes, addressStart(claim), claim.addressEnd)
    const words = this.#keep(claim, port)
    const name = claim.bytes.slice(claim.nodeStart, claim.nodeEnd)
    counters.add('folkmoot.revivals')
    verifier.ask(name, ip, port, now, (presence) => {
      if (presence === 'there') this.#judge(words, 'present')
      else counters.add('drop.revival')
    })
  }

  sweep(now: number): void {
    for (const [row, { at }] of this.#moves) {
      // Nobody is our rival for having known us where we were.
      if (row !== this.selfRow && now - at > LATE) this.#moves.delete(row)
    }
    for (const [name, toldAt] of this.#told) if (now - toldAt > TELL_AGAIN) this.#told.delete(name)
  }

  #isLate(row: number, claimed: Place, now: number): boolean {
    const move = this.#moves.get(row)
    return (
      move !== undefined &&
      move.instance === this.#parts.table.instance.get(row) &&
      (row === this.selfRow || now - move.at <= LATE) &&
      move.ip === claimed.ip &&
      move.port === claimed.port
    )
  }

  /** Who of the two answers? Of ourselves we know it. */
  #ask(row: number, claim: Claim, claimed: Place, now: number): void {
    const { table, verifier, counters, now: later } = this.#parts
    const name = table.name(row).slice()
    const instance = table.instance.get(row)
    const askRival = () =>
      verifier.ask(name, claimed.ip, claimed.port, later(), (presence: Presence) => {
        if (presence === 'silent') counters.add('folkmoot.stale-address')
        else if (table.isUsed(row) && table.instance.get(row) === instance) this.#tell(row, claimed, later())
      })
    if (row === this.selfRow) {
      askRival()
      return
    }
    const words = this.#keep(claim, claimed.port)
    verifier.ask(name, formatIp(table.address(row)), table.port[row], now, (presence) => {
      if (presence === 'silent') this.#judge(words, 'vacant')
      else askRival()
    })
  }

  #tell(row: number, other: Place, now: number): void {
    const { table, counters, conflict } = this.#parts
    counters.add('memberlist.conflict')
    const name = table.name(row)
    const key = toLatin(name)
    const toldAt = this.#told.get(key)
    if (toldAt !== undefined && now - toldAt < TELL_AGAIN) return
    if (this.#told.size >= MOST_TOLD) this.#told.clear()
    this.#told.set(key, now)
    const existing = { ip: formatIp(table.address(row)), port: table.port[row] }
    const about = row === this.selfRow ? 'self' : 'member'
    conflict({ type: 'name-conflict', about, name: new TextDecoder().decode(name), existing, other })
  }

  /** The claim as a message of our own: the packet it came in is gone when it is judged again. */
  #keep(claim: Claim, port: number): Uint8Array {
    const { bytes } = claim
    writeAlive(this.#writer.reset(), {
      incarnation: claim.incarnation,
      name: bytes.subarray(claim.nodeStart, claim.nodeEnd),
      address: bytes.subarray(addressStart(claim), claim.addressEnd),
      port,
      meta: bytes.subarray(claim.metaStart, claim.metaEnd),
      versions: bytes.subarray(claim.versionsStart, claim.versionsEnd),
    })
    return this.#writer.copy()
  }

  #judge(words: Uint8Array, proof: Proof): void {
    const claim = new Claim()
    if (readAlive(claim, words, 1, words.length)) this.#parts.judge(claim, proof)
  }
}
