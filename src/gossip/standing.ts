/**
 * Serf's view of the members: statuses and intents (protocol page 2, sections 4.1 and 4.2). memberlist says who answers;
 * whether somebody who no longer answers left or failed is decided by its leave intent, or by its own word.
 *
 *     status     memberlist: alive   memberlist: gone   newer leave intent   newer join intent
 *     unknown    alive, join         (nothing)          kept for later       kept for later
 *     alive      alive, join         failed (1)         leaving              (time only)
 *     leaving    alive, join         left, leave        (time only)          alive
 *     failed     alive, join         (nothing)          left, leave          (time only)
 *     left       alive, join         (nothing)          (time only)          (time only)
 *
 * (1) left, when it is gone by its own word: then the intent was only missed.
 */
import type { Log, Outlet } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import { type Before, FACT, STATUS } from '../actors/facts.ts'
import { toLatin } from '../actors/latin.ts'
import type { ToDispatch } from '../actors/mail.ts'
import { Writer } from '../wire/msgpack.ts'
import { writeJoin, writeLeave } from '../wire/serf.ts'
import { MESSAGE } from '../wire/types.ts'
import type { Echo } from './claim-parts.ts'
import type { Afterwards, ForcedStatus } from './force-leave.ts'
import { type Intent, RecentIntents, type Ties } from './intents.ts'
import type { LamportClock } from './lamport.ts'
import type { MemberListener } from './listener.ts'
import type { MemberTable } from './members.ts'
import type { Outbox } from './outbox.ts'
import { HELD, isActive } from './precedence.ts'
import type { Queues } from './queues.ts'
import { Reaper, type ReaperRules } from './reaper.ts'
import { Rebirths } from './rebirths.ts'

const STATUS_NAMES: readonly ForcedStatus[] = ['erased', 'alive', 'leaving', 'left', 'failed']

export interface StandingRules extends ReaperRules {
  flapTimeout: number
}

export interface StandingParts {
  table: MemberTable
  outbox: Outbox
  queues: Queues
  counters: Counters
  log: Log
  clock: LamportClock
  dispatch: Outlet<ToDispatch>
}

export class Standing implements MemberListener {
  readonly #flapTimeout: number
  readonly #parts: StandingParts
  readonly #recent = new RecentIntents()
  readonly reaper: Reaper
  readonly #rebirths: Rebirths
  readonly #writer = new Writer()
  /** While true a leave intent about ourselves is refuted. */
  #isStaying = true
  selfRow = -1
  /** Lamport time of the join that we announced last. */
  #announcing = -1

  constructor(rules: StandingRules, parts: StandingParts) {
    this.#flapTimeout = rules.flapTimeout
    this.#parts = parts
    this.#rebirths = new Rebirths(parts.table, (restart) => parts.dispatch.tell({ type: 'restart', restart }))
    this.reaper = new Reaper(rules, { ...parts, recent: this.#recent })
  }

  joined(row: number, now: number): void {
    const { table, outbox, counters } = this.#parts
    const isNew = table.status[row] === STATUS.none
    const isFlap = table.status[row] === STATUS.failed && now - table.leftAt(row) < this.#flapTimeout
    if (isFlap) counters.add('serf.member.flap')
    table.status[row] = STATUS.alive
    table.setLeftAt(row, undefined)
    if (isNew && this.#recent.size > 0) this.#applyRecent(row)
    counters.add('serf.member.join')
    outbox.member(FACT.memberJoin, row)
  }

  /** After a crash: a member that the host knows already, as it was. */
  known(row: number, status: number, statusTime: number, now: number): void {
    const { table, outbox } = this.#parts
    table.status[row] = status
    table.setStatusTime(row, statusTime)
    if (status === STATUS.failed || status === STATUS.left) table.setLeftAt(row, now)
    outbox.member(FACT.memberKnown, row)
  }

  left(row: number, now: number): void {
    const { table, outbox, counters } = this.#parts
    const { status, held } = table
    // Serf says failed where it missed the intent, even of somebody who died by its own word: but only a graceful leave says that word.
    if (status[row] === STATUS.leaving || (status[row] === STATUS.alive && held[row] === HELD.left)) {
      table.status[row] = STATUS.left
      counters.add('serf.member.left')
      outbox.member(FACT.memberLeave, row)
    } else if (table.status[row] === STATUS.alive) {
      table.status[row] = STATUS.failed
      counters.add('serf.member.failed')
      outbox.member(FACT.memberFailed, row)
    } else return
    table.setLeftAt(row, now)
  }

  growing(row: number, now: number): void {
    this.#rebirths.growing(row, now)
  }

  updated(row: number, before: Before): void {
    this.#rebirths.grown(row)
    this.#parts.counters.add('serf.member.update')
    this.#parts.outbox.member(FACT.memberUpdate, row, before)
  }

  changed(row: number): void {
    this.#rebirths.grown(row)
    this.#parts.outbox.member(FACT.memberChange, row)
  }

  begin(selfRow: number, now: number): void {
    this.selfRow = selfRow
    this.reaper.begin(selfRow, now)
  }

  unlisted(row: number): void {
    if (this.#parts.table.status[row] === STATUS.none) this.reaper.release(row)
  }

  /** Whether an intent of this time may be true. */
  admits(lamportTime: number): boolean {
    return this.#parts.clock.admits(lamportTime)
  }

  /** Row of the member that Serf knows by this name, or -1. */
  find(name: Uint8Array): number {
    const { table } = this.#parts
    const row = table.find(name, 0, name.length)
    return row >= 0 && table.status[row] !== STATUS.none ? row : -1
  }

  /** What became of a member that was made to leave. */
  statusOf(name: Uint8Array): ForcedStatus {
    const row = this.find(name)
    return row < 0 ? 'erased' : STATUS_NAMES[this.#parts.table.status[row]]
  }

  /** A leave intent, heard, merged or our own. */
  leaveIntent(
    bytes: Uint8Array,
    start: number,
    end: number,
    lamportTime: number,
    now: number,
    afterwards: Afterwards = 'keep',
  ): Echo {
    const { table, outbox, clock } = this.#parts
    clock.witness(lamportTime)
    const row = table.find(bytes, start, end)
    if (row < 0 || table.status[row] === STATUS.none) {
      return this.#remember(toLatin(bytes, start, end), { kind: 'leave', lamportTime, heardAt: now })
    }
    // Of the same time as our own join it counts as well: those who heard the leave first do not take a join of that time.
    if (row === this.selfRow && this.#isStaying && lamportTime >= table.statusTime(row)) {
      this.announceJoin(now)
      return 'stop'
    }
    if (lamportTime <= table.statusTime(row)) return 'stop'
    // The time is stored even where the status stays: else two nodes would pass each other's leaves on for ever.
    table.setStatusTime(row, lamportTime)
    if (table.status[row] === STATUS.alive) {
      table.status[row] = STATUS.leaving
      outbox.member(FACT.memberChange, row)
    } else if (table.status[row] === STATUS.failed) {
      table.status[row] = STATUS.left
      outbox.member(FACT.memberLeave, row)
    } else outbox.member(FACT.memberChange, row)
    if (afterwards === 'prune') this.reaper.prune(row, now)
    return 'rebroadcast'
  }

  /**
   * A peer's state lists a member among those that left. Whoever missed its return may hold the time of the newer join and still call it left: one
   * that memberlist holds alive, after the peer's word there was heard, is not made to leave by that. The original does so, and shows it as
   * leaving for as long as it lives, since nobody passes that on and it cannot contradict. If it does die, the next exchange says that it left.
   */
  saidToHaveLeft(bytes: Uint8Array, start: number, end: number, lamportTime: number, now: number): void {
    const { table, clock, counters } = this.#parts
    const row = table.find(bytes, start, end)
    const isUnknown = row < 0 || table.status[row] === STATUS.none
    const isRumour = row >= 0 && row !== this.selfRow && isActive(table.held[row])
    if (!isUnknown && !isRumour) this.leaveIntent(bytes, start, end, lamportTime, now)
    else {
      clock.witness(lamportTime)
      counters.add('folkmoot.left-by-rumour')
      // One more than the peer's time is a guess, and may be the very time of the join with which a member returns: it must not beat that.
      const known = { kind: 'join', lamportTime: lamportTime - 1, heardAt: now } as const
      if (isUnknown) this.#remember(toLatin(bytes, start, end), known)
    }
  }

  /**
   * A join intent, heard or our own, or the time that a peer's `state` has of a member. A leave and a join of one time can only be a forced leave and the
   * member's own word that it is here: the join counts, in whatever order they come. In the original the first one does, and who was made to
   * leave behind a partition may be shown as leaving by its author for ever. A state does not tell whether its time is that of a leave.
   */
  joinIntent(
    bytes: Uint8Array,
    start: number,
    end: number,
    lamportTime: number,
    now: number,
    source: 'message' | 'state' = 'message',
  ): Echo {
    const { table, outbox, clock } = this.#parts
    clock.witness(lamportTime)
    const row = table.find(bytes, start, end)
    if (row < 0 || table.status[row] === STATUS.none) {
      const ties = source === 'message' ? 'to the join' : 'to the first'
      return this.#remember(toLatin(bytes, start, end), { kind: 'join', lamportTime, heardAt: now }, ties)
    }
    const isTie = lamportTime === table.statusTime(row) && source === 'message'
    const isContradicted = isTie && table.status[row] === STATUS.leaving
    if (lamportTime <= table.statusTime(row) && !isContradicted) return 'stop'
    if (row === this.selfRow && this.#isStaying && lamportTime !== this.#announcing) {
      // Not ours. A peer's state does not tell which intent it had this time from: a leave that we missed would be contradicted by nobody.
      this.announceJoin(now)
      return 'stop'
    }
    if (row !== this.selfRow && table.statusTime(row) > 0 && table.status[row] === STATUS.alive)
      this.#rebirths.announced(row, now)
    table.setStatusTime(row, lamportTime)
    if (table.status[row] === STATUS.leaving) table.status[row] = STATUS.alive
    // The host sees the time too.
    outbox.member(FACT.memberChange, row)
    return 'rebroadcast'
  }

  /** Tells everybody that we are here to stay: after a join, and against a leave intent about us. */
  announceJoin(now: number): void {
    const { clock, queues } = this.#parts
    const name = this.#ownName()
    const lamportTime = clock.time
    this.#announcing = lamportTime
    this.joinIntent(name, 0, name.length, lamportTime, now)
    this.#writer.reset().byte(MESSAGE.user)
    writeJoin(this.#writer, { lamportTime, name })
    queues.add('intents', this.#writer.copy())
  }

  /** Takes back that we stay, and tells it; `finished` when the broadcast is done. Returns the message. */
  announceLeave(now: number, finished: () => void): Uint8Array {
    this.#isStaying = false
    return this.forceLeave(this.selfRow, 'keep', now, finished)
  }

  /** Tells everybody that a member left, whoever it is; `finished` when the broadcast is done. Returns the message. */
  forceLeave(row: number, afterwards: Afterwards, now: number, finished: () => void): Uint8Array {
    const { clock, queues, table } = this.#parts
    const name = table.name(row).slice()
    const lamportTime = clock.time
    clock.increment()
    this.leaveIntent(name, 0, name.length, lamportTime, now, afterwards)
    const message = this.#writtenLeave(name, lamportTime, afterwards)
    const rank = row === this.selfRow ? 'first' : 'in turn'
    queues.add('intents', message, -1, finished, rank)
    return message
  }

  /** A leave intent of a new time, for its member alone: whoever stays contradicts it. What is held of the member here stays as it is. */
  question(row: number): Uint8Array {
    const { clock, table, counters } = this.#parts
    const lamportTime = clock.time
    clock.increment()
    counters.add('folkmoot.leaving.asked')
    return this.#writtenLeave(table.name(row), lamportTime, 'keep')
  }

  #writtenLeave(name: Uint8Array, lamportTime: number, afterwards: Afterwards): Uint8Array {
    this.#writer.reset().byte(MESSAGE.user)
    writeLeave(this.#writer, { lamportTime, name, prune: afterwards === 'prune' })
    return this.#writer.copy()
  }

  /** Forgets intents that nobody claimed since `instant`. */
  forgetBefore(instant: number): void {
    this.#recent.forgetBefore(instant)
  }

  /** How many members are in each status, ourselves included. */
  census(): { failed: number; left: number; known: number; othersAlive: number } {
    const { table } = this.#parts
    const census = { failed: 0, left: 0, known: 0, othersAlive: 0 }
    for (let row = 0; row < table.rowCount; row++) {
      if (!table.isUsed(row)) continue
      const status = table.status[row]
      census.known += Number(status !== STATUS.none)
      census.failed += Number(status === STATUS.failed)
      census.left += Number(status === STATUS.left)
      census.othersAlive += Number(status === STATUS.alive && row !== this.selfRow)
    }
    return census
  }

  #ownName(): Uint8Array {
    return this.#parts.table.name(this.selfRow).slice()
  }

  #remember(name: string, intent: Intent, ties: Ties = 'to the first'): Echo {
    return this.#recent.keep(name, intent, ties) ? 'rebroadcast' : 'stop'
  }

  #applyRecent(row: number): void {
    const { table } = this.#parts
    const name = table.name(row)
    const intent = this.#recent.get(toLatin(name, 0, name.length))
    if (intent === undefined) return
    table.setStatusTime(row, intent.lamportTime)
    if (intent.kind === 'leave') table.status[row] = STATUS.leaving
  }
}
