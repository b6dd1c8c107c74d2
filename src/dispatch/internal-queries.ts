/**
 * Queries that members ask each other without their hosts (protocol page 2, section 4.10): names that begin with `_serf_`. Each has a
 * handler by its name; one that nobody handles is counted. None ever reaches the host.
 *
 * Handlers are put in by whoever owns the matter: `handle('_serf_list-keys', (query) => ...)`. They may answer later.
 */
import type { Counters } from '../actors/counters.ts'
import { Writer } from '../wire/msgpack.ts'
import { writeConflict } from '../wire/query.ts'
import { isEqual, type MemberView } from './view.ts'

export const INTERNAL = '_serf_'
export const PING = '_serf_ping'
export const CONFLICT = '_serf_conflict'

/** A query for a handler. */
export interface InternalQuery {
  readonly name: string
  readonly payload: Uint8Array
  /** Name of the member that asks. */
  readonly source: string
  /** Whether an answer with this payload is within the limit of answers. */
  fits(payload: Uint8Array): boolean
  /** Answers, once, now or in a later turn. Too late, too large or twice is counted and nothing more. */
  respond(payload: Uint8Array, now: number): void
}

export type InternalHandler = (query: InternalQuery, now: number) => void

export class InternalQueries {
  readonly #handlers = new Map<string, InternalHandler>()
  readonly #counters: Counters

  constructor(counters: Counters) {
    this.#counters = counters
  }

  /** Registers who answers queries of this name; a later one takes the place of an earlier one. */
  handle(name: string, handler: InternalHandler): void {
    this.#handlers.set(name, handler)
  }

  ask(query: InternalQuery, now: number): void {
    const handler = this.#handlers.get(query.name)
    if (handler === undefined) this.#counters.add('drop.query-internal-unknown')
    else handler(query, now)
  }
}

/** Answers what a member knows without asking anybody: whether it is there, and how it sees the owner of a name. */
export function answerFromView(internal: InternalQueries, ownName: Uint8Array, view: MemberView): void {
  // The ack that went out already is the whole answer.
  internal.handle(PING, () => undefined)
  internal.handle(CONFLICT, (query, now) => {
    // Who is asked about itself has no say in the vote.
    if (isEqual(query.payload, ownName)) return
    const writer = new Writer()
    writeConflict(writer, view.find(query.payload))
    query.respond(writer.copy(), now)
  })
}
