/**
 * What gossip tells its neighbours at the end of a turn, gathered: facts for dispatch, roster changes for the detector.
 *
 * The first fact of a burst goes at once; what follows within 5 ms goes in one buffer. Facts of a large merge go in shared
 * memory, which dispatch and the facade keep and read in place; all others in a buffer that is handed over.
 */
import { longer } from '../actors/columns.ts'
import type { Outlet } from '../actors/contract.ts'
import {
  type Before,
  FACT,
  MEMBER_FIXED,
  type MemberFact,
  type MemberNumbers,
  packNumbers,
  packUserEvent,
  STATUS,
} from '../actors/facts.ts'
import type { ToDetector, ToDispatch } from '../actors/mail.ts'
import { Pack, packOverheard } from '../actors/packed.ts'
import { packQuery } from '../actors/query-facts.ts'
import { packRosterEntry, type RosterStanding } from '../actors/roster.ts'
import type { QueryCursor } from '../wire/query.ts'
import type { UserEventCursor } from '../wire/serf.ts'
import { HeldJoins } from './held-joins.ts'
import type { MemberTable } from './members.ts'
import { HELD } from './precedence.ts'

const GATHER = 5
/** A buffer this long is sent without waiting: it is worth a hop of its own. */
const LONG_ENOUGH = 256 * 1024
/**
 * Weight that dispatch may have waiting; beyond it new user events are dropped and counted. A fact weighs 1 for every 256 bytes begun, so that the
 * bound holds memory too: 16 MiB. Dispatch takes millions a second. Member facts are never dropped: they are as many as members change.
 */
const MOST_WAITING = 65_536
const WEIGHT_SHIFT = 8
/** Member facts of one turn from which on they go in shared memory. */
const SHARE_FROM = 512

export class Outbox {
  readonly #table: MemberTable
  readonly #detector: Outlet<ToDetector>
  readonly #dispatch: Outlet<ToDispatch>
  readonly #facts = new Pack()
  #weight = 0
  readonly #answers = new Pack()
  #answerWeight = 0
  #hasEvents = false
  #sentAt = Number.NEGATIVE_INFINITY
  #dirty: number[] = []
  #isDirty = new Uint8Array(0)
  readonly #roster = new Pack()
  /** Row of ourselves, whom nobody probes. */
  selfRow = -1
  /** Whether joins are told as they come, or held until something else is known of the member, or until `releaseJoins`. */
  joins: 'told' | 'held' = 'told'
  readonly #held = new HeldJoins()
  /** So many members are there likely to be soon, as a large merge begins: who grows by and by leaves garbage behind. */
  expected = 0
  /** Number of the last fact that moves the mirror. */
  through = 0
  /** When the gathered facts want to go; `Infinity` when there are none. */
  flushAt = Number.POSITIVE_INFINITY

  constructor(table: MemberTable, detector: Outlet<ToDetector>, dispatch: Outlet<ToDispatch>) {
    this.#table = table
    this.#detector = detector
    this.#dispatch = dispatch
  }

  /** Something happened to a member. */
  member(kind: MemberFact, row: number, before?: Before): void {
    if (kind === FACT.memberJoin && this.joins === 'held') return this.#held.hold(row)
    if (!this.#held.take(row)) return this.#tellMember(kind, row, this.#table.status[row], before)
    // What changed since the join is in its picture; only an end comes behind it, and that of somebody who was alive.
    if (kind === FACT.memberChange || kind === FACT.memberUpdate)
      return this.#tellMember(FACT.memberJoin, row, this.#table.status[row])
    this.#tellMember(FACT.memberJoin, row, STATUS.alive)
    this.#tellMember(kind, row, this.#table.status[row], before)
  }

  /** Tells so many of the joins that are still held; whether there are more. */
  releaseJoins(most: number): boolean {
    let row = this.#held.next(0)
    for (let left = most; row >= 0 && left > 0; left--) {
      this.member(FACT.memberChange, row)
      row = this.#held.next(row)
    }
    return row >= 0
  }

  /** A user event for the host; false when dispatch is too far behind to take it. */
  userEvent(event: UserEventCursor): boolean {
    if (this.#dispatch.waiting('others') + this.#weight > MOST_WAITING) return false
    this.#weight +=
      1 + ((event.nameEnd - event.nameStart + event.payloadEnd - event.payloadStart) >> WEIGHT_SHIFT)
    this.#hasEvents = true
    packUserEvent(
      this.#facts,
      event.lamportTime,
      event.coalesce ? 'coalesce' : 'single',
      event.bytes,
      event.nameStart,
      event.nameEnd,
      event.payloadStart,
      event.payloadEnd,
    )
    return true
  }

  /** A query for dispatch; false when dispatch is too far behind to take it. */
  query(query: QueryCursor): boolean {
    if (this.#dispatch.waiting('others') + this.#weight > MOST_WAITING) return false
    this.#weight += 1 + (query.bytes.length >> WEIGHT_SHIFT)
    this.#hasEvents = true
    packQuery(this.#facts, query)
    return true
  }

  /** An answer to a query of ours, whole as it came; false when dispatch is too far behind to take it. */
  answer(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#dispatch.waiting('others') + this.#answerWeight > MOST_WAITING) return false
    this.#answerWeight += 1 + ((end - start) >> WEIGHT_SHIFT)
    packOverheard(this.#answers, bytes, start, end)
    return true
  }

  /** The detector must hear what became of this row. Folded: told once, as it stands when the turn ends. */
  touch(row: number): void {
    if (row === this.selfRow) return
    if (row >= this.#isDirty.length) {
      // As long as the table's columns: rows do not come one by one.
      this.#isDirty = longer(this.#isDirty, new Uint8Array(Math.max(row + 1, this.#table.held.length)))
    }
    if (this.#isDirty[row] === 1) return
    this.#isDirty[row] = 1
    this.#dirty.push(row)
  }

  /** To be called at the end of every turn. */
  flush(now: number): void {
    if (this.#dirty.length > 0) this.#tellRoster()
    if (!this.#answers.isEmpty) this.#tellAnswers()
    if (this.#facts.isEmpty) return
    // Compared as `flushAt` is computed: a difference may round to less than what was added.
    if (now >= this.#sentAt + GATHER || this.#facts.length >= LONG_ENOUGH) this.#tellFacts(now)
    else this.flushAt = this.#sentAt + GATHER
  }

  #tellMember(kind: MemberFact, row: number, status: number, before?: Before): void {
    this.through += 1
    this.#weight += 1
    const table = this.#table
    const at = packNumbers(this.#facts, kind, this.#numbers(row, status), table.factLengths(row), before)
    table.copyFacts(row, this.#facts.bytes, at + MEMBER_FIXED)
  }

  #tellRoster(): void {
    const table = this.#table
    for (const row of this.#dirty) {
      this.#isDirty[row] = 0
      packRosterEntry(this.#roster, {
        row,
        instance: table.instance.get(row),
        incarnation: table.incarnation.get(row),
        port: table.port[row],
        standing: standingOf(table, row),
        protocolMax: table.versions.bytes(table.versionSet.get(row))[1],
        address: table.address(row),
        name: table.name(row),
      })
    }
    this.#dirty = []
    this.#detector.tell({ type: 'roster', bytes: this.#roster.take(), expected: this.expected })
  }

  /** Somebody waits for them: at once. */
  #tellAnswers(): void {
    const weight = this.#answerWeight
    this.#answerWeight = 0
    this.#dispatch.tell({ type: 'answers', weight, bytes: this.#answers.take() })
  }

  #tellFacts(now: number): void {
    const weight = this.#weight
    // Bytes of events end up with listeners, who must own them: never in shared memory.
    const isShared = !this.#hasEvents && weight >= SHARE_FROM
    const bytes = isShared ? this.#facts.takeShared() : this.#facts.take()
    this.#weight = 0
    this.#hasEvents = false
    this.#sentAt = now
    this.flushAt = Number.POSITIVE_INFINITY
    this.#dispatch.tell({ type: 'facts', weight, bytes, through: this.through })
  }

  #numbers(row: number, status: number): MemberNumbers {
    const table = this.#table
    return {
      status,
      row,
      instance: table.instance.get(row),
      incarnation: table.incarnation.get(row),
      statusTime: table.statusTime(row),
      port: table.port[row],
      versions: table.versions.bytes(table.versionSet.get(row)),
    }
  }
}

function standingOf(table: MemberTable, row: number): RosterStanding {
  if (!table.isUsed(row)) return 'erased'
  if (table.held[row] === HELD.alive) return 'alive'
  return table.held[row] === HELD.suspect ? 'suspect' : 'gone'
}
