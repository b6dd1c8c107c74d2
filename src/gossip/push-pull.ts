/**
 * The state that two members exchange: writing ours, merging theirs (protocol page 1, 5.4, 7.11, 7.12; page 2, 4.14).
 * Both are long for large pools, so both are tasks in slices.
 */
import type { Counters } from '../actors/counters.ts'
import { STATUS } from '../actors/facts.ts'
import { fromLatin, toLatin } from '../actors/latin.ts'
import type { Refusal } from '../actors/mail.ts'
import { Claim, readPushPullNode, writePushPullHeader, writePushPullNode } from '../wire/claim.ts'
import { Malformed, Reader, Writer } from '../wire/msgpack.ts'
import { eachSlotEvent, indexPushPullState, type StateIndex, writePushPullState } from '../wire/serf.ts'
import { SERF, STATE } from '../wire/types.ts'
import { type Admission, type Candidate, candidate } from './admission.ts'
import type { Echo } from './claim-parts.ts'
import type { Claims } from './claims.ts'
import type { UserEvents } from './events.ts'
import type { Findings, OldEvents, Reason } from './exchange.ts'
import type { LamportClock } from './lamport.ts'
import type { MemberTable } from './members.ts'
import type { Newcomers } from './newcomers.ts'
import type { Outbox } from './outbox.ts'
import { ABSENT, type OwnListing } from './own-listing.ts'
import { HELD } from './precedence.ts'
import type { SeenEvent } from './seen.ts'
import type { Standing } from './standing.ts'
import type { Tasks } from './tasks.ts'
import { VersionRange } from './versions.ts'

export interface PushPullParts {
  table: MemberTable
  claims: Claims
  own: OwnListing
  admission: Admission
  newcomers: Newcomers
  standing: Standing
  events: UserEvents
  outbox: Outbox
  counters: Counters
  tasks: Tasks
  memberClock: LamportClock
  eventClock: LamportClock
  queryClock: LamportClock
  /**
   * Whether a join is under way that ignores old events. Then nobody's are taken: a peer that knows us from before may push its state sooner
   * than the one that we asked.
   */
  ignoresOldEvents(): boolean
  /** Rows that need not be told to the peer at an address; undefined where all are. */
  leavesOut?(ip: string): LeftOut | undefined
}

/** Whether the peer holds just what we do of the member in a row. */
export type LeftOut = (row: number) => boolean

/** A peer's state as it came: node maps from `nodesStart` on, then the user state. */
export interface RemoteState {
  bytes: Uint8Array
  nodes: number
  nodesStart: number
  userStateLength: number
}

/** What became of a peer's state: merged as a whole, or why not. */
export interface Merged extends Findings {
  /** Why nothing was merged; empty when all was. */
  complaint: string
  /** The row of who opened a join alone, where we hold it as it said; -1 otherwise. */
  newcomer: number
}

/** Members per slice: about 5 ms of work. */
const SLICE = 2048
/** Members from which on a pool is large. */
const LARGE_POOL = 512
const VERSION_BYTES = 6
/** Room for what our state may have grown by since it was written last. */
const SPARE = 256
const NOTHING = new Uint8Array(0)

export class PushPull {
  readonly #parts: PushPullParts
  readonly #claim = new Claim()
  readonly #reader = new Reader()
  /** Bytes of our state when it was written last: the next is about as long. */
  #written = 0
  /** Bytes of the names, addresses and meta in the state that was checked last. */
  #factBytes = 0
  /** Whether a state was merged before. */
  #hasMet = false

  constructor(parts: PushPullParts) {
    this.#parts = parts
  }

  /** Our state as one message, for the peer at this address. */
  *write(reason: Reason, ip: string): Generator<void, Uint8Array> {
    const { table } = this.#parts
    const isLeftOut = reason === 'sync' ? this.#parts.leavesOut?.(ip) : undefined
    // Members and what Serf says behind them, in one writer that fits; a state is long, so no writer is kept.
    const body = new Writer(this.#written + SPARE)
    let count = 0
    for (let row = 0; row < table.rowCount; row++) {
      if (row % SLICE === SLICE - 1) yield
      if (!table.isUsed(row) || table.held[row] === HELD.unlisted || isLeftOut?.(row)) continue
      writePushPullNode(body, table.fields(row))
      count += 1
    }
    const nodesLength = body.length
    this.#writeUserState(body, isLeftOut)
    this.#written = body.length
    const head = new Writer()
    const userStateLength = body.length - nodesLength
    writePushPullHeader(head, { join: reason === 'join', nodes: count, userStateLength })
    const message = new Uint8Array(head.length + body.length)
    message.set(head.view())
    message.set(body.view(), head.length)
    this.#parts.counters.set('memberlist.size.local', message.length)
    return message
  }

  /**
   * Merges a peer's state, all of it or nothing. A join asks the host's rules first. `source`: the address of a peer that came unasked.
   */
  *merge(state: RemoteState, oldEvents: OldEvents, reason: Reason, source = ''): Generator<void, Merged> {
    const refused = (yield* this.#check(state)) ?? (reason === 'join' ? yield* this.#judge(state) : undefined)
    if (refused !== undefined) return refused
    const { claims, own, newcomers, tasks, outbox } = this.#parts
    const echo = this.#echoOf(state)
    const reader = new Reader().reset(state.bytes, state.nodesStart)
    let listing = ABSENT
    this.#reserve(state.nodes)
    for (let i = 0; i < state.nodes; i++) {
      if (i % SLICE === SLICE - 1) yield
      readPushPullNode(this.#claim, reader)
      if (own.isAboutUs(this.#claim)) listing = own.listing(this.#claim)
      // Other turns come between two slices.
      newcomers.source = source
      outbox.joins = 'held'
      this.#mergeNode(claims, tasks.now, echo)
      outbox.joins = 'told'
      newcomers.source = ''
    }
    const newcomer = reason === 'join' && state.nodes === 1 ? own.holder(this.#claim) : -1
    // Who reads next brings bytes of its own; until then a state of megabytes would stay.
    this.#claim.reset(NOTHING)
    yield* this.#mergeRest(state, reader.at, oldEvents)
    while (outbox.releaseJoins(SLICE)) yield
    this.#reader.release()
    return { complaint: '', listing, newcomer }
  }

  /** Room in the table for members that it does not hold yet: all were read once, so that they are as many as was said. */
  #reserve(nodes: number): void {
    const { table, outbox } = this.#parts
    if (nodes < LARGE_POOL || table.size * 2 > nodes) return
    table.reserve(nodes - table.size, this.#factBytes)
    outbox.expected = nodes
  }

  /** What Serf says behind the members; malformed it is counted, and the members stay. */
  *#mergeRest(state: RemoteState, at: number, oldEvents: OldEvents): Generator<void, void> {
    if (state.userStateLength === 0) return
    const { counters } = this.#parts
    const index = indexUserState(state, at)
    if (index === undefined) {
      counters.add('drop.push-pull-state')
      return
    }
    try {
      yield* this.#mergeUserState(state.bytes, index, this.#settleOldEvents(oldEvents, index))
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      counters.add('drop.push-pull-state')
    }
  }

  /**
   * A pool may push its state before the host has joined it, and said whether it wants old events (B8): what the pool had seen by then is held off,
   * and comes with a join that wants it. Who remembers a life before needs no such guard.
   */
  #settleOldEvents(oldEvents: OldEvents, { eventTime }: StateIndex): 'deliver' | 'ignore' {
    const { events, eventClock, ignoresOldEvents } = this.#parts
    const isFirst = !this.#hasMet
    this.#hasMet = true
    if (oldEvents === 'ignore' || ignoresOldEvents()) return 'ignore'
    if (oldEvents === 'deliver') events.release()
    else if (isFirst && eventClock.admits(eventTime)) events.holdBefore(eventTime)
    return 'deliver'
  }

  /**
   * Whoever enters a large pool alone learns nothing that this pool does not know already: passing all of it on would fill our queue, and
   * the packets of everybody, for hours. In small pools it is harmless, and helps when many join at once.
   */
  #echoOf(state: RemoteState): Echo {
    return this.#parts.table.listed === 1 && state.nodes >= LARGE_POOL ? 'stop' : 'rebroadcast'
  }

  #writeUserState(writer: Writer, isLeftOut: LeftOut | undefined): void {
    const { table, events, memberClock, eventClock, queryClock } = this.#parts
    const known: number[] = []
    const left: Uint8Array[] = []
    for (let row = 0; row < table.rowCount; row++) {
      if (!table.isUsed(row) || table.status[row] === STATUS.none || isLeftOut?.(row)) continue
      known.push(row)
      if (table.status[row] === STATUS.left) left.push(table.name(row))
    }
    writePushPullState(writer, {
      lamportTime: memberClock.time,
      eventTime: eventClock.time,
      queryTime: queryClock.time,
      left,
      statuses: {
        count: known.length,
        each: (visit) => {
          for (const row of known) visit(table.name(row), table.statusTime(row))
        },
      },
      slots: events.seen.slots.map((slot) =>
        slot === undefined
          ? undefined
          : { lamportTime: slot.lamportTime, events: slot.events.map(asWritten) },
      ),
    })
  }

  /** Reads everything once and merges nothing: whether it is whole, and whether everybody speaks what all understand. */
  *#check(state: RemoteState): Generator<void, Merged | undefined> {
    const { table } = this.#parts
    const reader = new Reader().reset(state.bytes, state.nodesStart)
    const claim = this.#claim
    const range = new VersionRange()
    this.#factBytes = 0
    for (let i = 0; i < state.nodes; i++) {
      if (i % SLICE === SLICE - 1) yield
      if (!readPushPullNode(claim, reader))
        return refusal(`member ${i} of ${state.nodes} is malformed`, 'other')
      const { bytes, versionsStart: at } = claim
      this.#factBytes += factBytesOf(claim)
      if (claim.versionsEnd - at < VERSION_BYTES)
        return refusal(`${nameIn(claim)} has no versions`, 'version')
      if (claim.state === STATE.alive) range.understands(bytes, at)
      if (!range.hears(bytes[at + 2], bytes[at + 5]))
        range.speaks(bytes[at + 2], bytes[at + 5], nameIn(claim))
    }
    if (reader.at + state.userStateLength > state.bytes.length)
      return refusal('user state is cut short', 'other')
    table.versions.each((versions, aliveness, number) => {
      if (aliveness === 'some alive') range.understands(versions, 0)
      range.speaks(versions[2], versions[5], number)
    })
    return refusal(
      range.complaint((number) => this.#whoSpeaks(number)),
      'version',
    )
  }

  /** The first member of ours with this set of versions. */
  #whoSpeaks(versionSet: number): string {
    const { table } = this.#parts
    for (let row = 0; row < table.rowCount; row++) {
      if (!table.isUsed(row) || table.held[row] === HELD.unlisted || table.versionSet.get(row) !== versionSet)
        continue
      return `${new TextDecoder().decode(table.name(row))}, whom we know,`
    }
    return 'a member known here'
  }

  /** What the host has against joining these, by its rules about each or its module's word about all; empty for nothing. */
  *#judge(state: RemoteState): Generator<void, Merged | undefined> {
    const { admission, claims, table } = this.#parts
    if (!admission.judgesPools) return undefined
    const claim = this.#claim
    const reader = new Reader().reset(state.bytes, state.nodesStart)
    const members: Candidate[] = []
    for (let i = 0; i < state.nodes; i++) {
      if (i % SLICE === SLICE - 1) yield
      readPushPullNode(claim, reader)
      const isSelf = table.find(claim.bytes, claim.nodeStart, claim.nodeEnd) === claims.selfRow
      if (claim.state !== STATE.alive || isSelf) continue
      const complaint = admission.complaint(claim)
      if (complaint !== '') return refusal(`refused by a rule: ${complaint}`, 'rule')
      members.push(candidate(claim))
    }
    const veto = admission.poolVeto(members)
    return refusal(veto === '' ? '' : `refused: ${veto}`, 'rule')
  }

  #mergeNode(claims: Claims, now: number, echo: Echo): void {
    const claim = this.#claim
    if (claim.state === STATE.alive) claims.alive(claim, now, echo)
    else if (claim.state === STATE.left) claims.left(claim, now)
    else if (claim.state === STATE.dead || claim.state === STATE.suspect) claims.doubted(claim, now)
  }

  *#mergeUserState(
    bytes: Uint8Array,
    index: StateIndex,
    oldEvents: 'deliver' | 'ignore',
  ): Generator<void, void> {
    const { memberClock, eventClock, queryClock, events, counters, outbox } = this.#parts
    for (const [clock, time] of [
      [memberClock, index.lamportTime],
      [eventClock, index.eventTime],
      [queryClock, index.queryTime],
    ] as const) {
      if (!clock.admits(time)) counters.add('drop.lamport-time')
      else if (time > 0) clock.witness(time - 1)
    }
    yield* this.#mergeIntents(bytes, index)
    // Before the events.
    while (outbox.releaseJoins(SLICE)) yield
    if (oldEvents === 'ignore') {
      // A peer whose clock cannot be followed does not say which of its events are old: none of them is taken.
      if (!eventClock.admits(index.eventTime)) return
      events.ignoreBefore(index.eventTime)
    }
    this.#mergeEvents(bytes, index)
  }

  *#mergeIntents(bytes: Uint8Array, index: StateIndex): Generator<void, void> {
    const { standing, tasks, counters, memberClock } = this.#parts
    const left = namesAt(bytes, index.leftAt, index.leftCount)
    const reader = new Reader().reset(bytes, Math.max(0, index.statusAt))
    for (let i = 0; i < index.statusCount; i++) {
      if (i % SLICE === SLICE - 1) yield
      reader.raw()
      const { rawBytes, rawStart, rawEnd } = reader
      const time = reader.lamportOrEndless()
      const name = left.size === 0 ? '' : toLatin(rawBytes, rawStart, rawEnd)
      if (!memberClock.admits(time)) counters.add('drop.lamport-time')
      // The exact time of the leave is not known here, and it must beat that of the join: hence one more.
      else if (left.delete(name)) standing.saidToHaveLeft(rawBytes, rawStart, rawEnd, time + 1, tasks.now)
      else standing.joinIntent(rawBytes, rawStart, rawEnd, time, tasks.now, 'state')
    }
    for (const name of left) {
      const raw = fromLatin(name)
      standing.saidToHaveLeft(raw, 0, raw.length, 1, tasks.now)
    }
  }

  /** The ring of the peer, in the order of time and not of slots: a host hears what happened in the order it happened. */
  #mergeEvents(bytes: Uint8Array, index: StateIndex): void {
    const { events } = this.#parts
    const found: { lamportTime: number; event: SeenEvent }[] = []
    const reader = this.#reader.reset(bytes, Math.max(0, index.eventsAt))
    for (let i = 0; i < index.eventsCount; i++) {
      eachSlotEvent(reader, (lamportTime, nameStart, nameEnd, payloadStart, payloadEnd, payloadNil) => {
        const event = { bytes, nameStart, nameEnd, payloadStart, payloadEnd, payloadNil }
        found.push({ lamportTime, event })
      })
    }
    found.sort((a, b) => a.lamportTime - b.lamportTime)
    for (const { lamportTime, event } of found) events.merged(lamportTime, event)
  }
}

function refusal(complaint: string, reason: Refusal): Merged | undefined {
  return complaint === '' ? undefined : { complaint, refusal: reason, newcomer: -1 }
}

function factBytesOf(claim: Claim): number {
  const { nodeStart, nodeEnd, addressStart, addressEnd, metaStart, metaEnd } = claim
  return nodeEnd - nodeStart + addressEnd - addressStart + metaEnd - metaStart
}

function indexUserState(state: RemoteState, start: number): StateIndex | undefined {
  if (state.bytes[start] !== SERF.pushPull) return undefined
  return indexPushPullState(state.bytes, start + 1, start + state.userStateLength)
}

function namesAt(bytes: Uint8Array, at: number, count: number): Set<string> {
  const names = new Set<string>()
  const reader = new Reader().reset(bytes, Math.max(0, at))
  for (let i = 0; i < count; i++) {
    reader.raw()
    names.add(toLatin(reader.rawBytes, reader.rawStart, reader.rawEnd))
  }
  return names
}

function asWritten(event: SeenEvent): { name: Uint8Array; payload: Uint8Array | null } {
  return {
    name: event.bytes.subarray(event.nameStart, event.nameEnd),
    payload: event.payloadNil ? null : event.bytes.subarray(event.payloadStart, event.payloadEnd),
  }
}

function nameIn(claim: Claim): string {
  return toLatin(claim.bytes, claim.nodeStart, claim.nodeEnd)
}
