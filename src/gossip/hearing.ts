/** What comes in packets and on streams, message by message, to the machine that it is for. Malformed ones are counted and dropped. */
import type { Counters } from '../actors/counters.ts'
import { eachOverheard } from '../actors/packed.ts'
import { Claim, readAlive, readSuspect } from '../wire/claim.ts'
import { IntentCursor, readIntent } from '../wire/serf.ts'
import { MESSAGE, SERF } from '../wire/types.ts'
import type { Claims } from './claims.ts'
import type { Directed } from './directed.ts'
import type { Entrance } from './entrance.ts'
import type { UserEvents } from './events.ts'
import type { MemberTable } from './members.ts'
import type { Newcomers } from './newcomers.ts'
import type { Queries } from './queries.ts'
import type { Queues } from './queues.ts'
import type { Standing } from './standing.ts'
import type { Sync } from './sync.ts'

export interface HearingParts {
  claims: Claims
  newcomers: Newcomers
  table: MemberTable
  sync: Sync
  standing: Standing
  events: UserEvents
  queries: Queries
  directed: Directed
  queues: Queues
  counters: Counters
  entrance: Pick<Entrance, 'heard'>
}

const NOTHING = new Uint8Array(0)

export class Hearing {
  readonly #parts: HearingParts
  readonly #claim = new Claim()
  readonly #intent = new IntentCursor()

  constructor(parts: HearingParts) {
    this.#parts = parts
  }

  /** Messages that the detector gathered; packed by `packed.ts`. */
  packets(packed: Uint8Array, now: number): void {
    const { newcomers } = this.#parts
    eachOverheard(
      packed,
      (bytes, start, end) => this.heard(bytes, start, end, now),
      (ip) => {
        newcomers.source = ip
      },
    )
    newcomers.source = ''
    // What was read last is not kept alive until more comes: that may be a long time.
    this.#claim.reset(NOTHING)
    this.#intent.bytes = NOTHING
  }

  /** One message out of a packet, the type byte at `start`. */
  heard(bytes: Uint8Array, start: number, end: number, now: number): void {
    const claim = this.#claim
    if (bytes[start] !== MESSAGE.alive) this.#parts.entrance.heard(undefined)
    switch (bytes[start]) {
      case MESSAGE.user:
        this.userMessage(bytes, start, end, now)
        return
      case MESSAGE.alive:
        if (readAlive(claim, bytes, start + 1, end)) this.#alive(now)
        else this.#parts.counters.add('drop.alive')
        return
      case MESSAGE.suspect:
        if (readSuspect(claim, bytes, start + 1, end)) this.#parts.claims.suspect(claim, now)
        else this.#parts.counters.add('drop.suspect')
        return
      case MESSAGE.dead:
        if (readSuspect(claim, bytes, start + 1, end)) this.#parts.claims.dead(claim, now)
        else this.#parts.counters.add('drop.dead')
        return
      default:
        this.#parts.counters.add('drop.type')
    }
  }

  #alive(now: number): void {
    const { claims, table, sync } = this.#parts
    const before = table.listed
    this.#parts.entrance.heard(this.#claim)
    claims.alive(this.#claim, now)
    if (table.listed > before) sync.newcomer(now)
  }

  /** A stream carries the message without memberlist's type byte, which it needs for being passed on in packets. */
  streamMessage(payload: Uint8Array, now: number): void {
    const message = new Uint8Array(payload.length + 1)
    message[0] = MESSAGE.user
    message.set(payload, 1)
    this.userMessage(message, 0, message.length, now)
  }

  /** A message of the Serf layer: memberlist's type byte at `start`, Serf's behind it. */
  userMessage(bytes: Uint8Array, start: number, end: number, now: number): void {
    // One of no bytes is no message of that layer; the byte behind it is another's.
    if (end - start < 2) return this.#parts.counters.add('drop.serf-empty')
    this.#parts.counters.observe('serf.msgs.received', end - start - 1)
    switch (bytes[start + 1]) {
      case SERF.userEvent:
        this.#parts.events.heard(bytes, start, end)
        return
      case SERF.leave:
        this.#intentHeard('leave', bytes, start, end, now)
        return
      case SERF.join:
        this.#intentHeard('join', bytes, start, end, now)
        return
      case SERF.query:
        this.#parts.queries.heard(bytes, start, end)
        return
      case SERF.queryResponse:
        this.#parts.queries.answered(bytes, start, end, now)
        return
      case SERF.relay:
        this.#parts.directed.relay(bytes, start, end, now)
        return
      default:
        this.#parts.counters.add('drop.serf-type')
    }
  }

  #intentHeard(kind: 'join' | 'leave', bytes: Uint8Array, start: number, end: number, now: number): void {
    const intent = this.#intent
    if (!readIntent(intent, bytes, start + 2, end) || !this.#parts.standing.admits(intent.lamportTime)) {
      this.#parts.counters.add('drop.intent')
      return
    }
    const { nodeStart, nodeEnd, lamportTime } = intent
    const afterwards = intent.prune ? 'prune' : 'keep'
    const echo =
      kind === 'leave'
        ? this.#parts.standing.leaveIntent(intent.bytes, nodeStart, nodeEnd, lamportTime, now, afterwards)
        : this.#parts.standing.joinIntent(intent.bytes, nodeStart, nodeEnd, lamportTime, now)
    if (echo === 'rebroadcast') this.#parts.queues.add('intents', bytes.slice(start, end))
  }
}
