/** What we may start over a stream: a push/pull, or a ping; and how long push/pulls take. */
import type { Counters } from '../actors/counters.ts'
import type { Refusal } from '../actors/mail.ts'
import type { Listing } from './own-listing.ts'
import type { Tasks } from './tasks.ts'

export type Reason = 'join' | 'sync'

/** Whether old events of this exchange are delivered; `unasked`: nobody here has asked for this exchange, or for old events. */
export type OldEvents = 'deliver' | 'ignore' | 'unasked'

/** What a push/pull told of ourselves: how the peer's state shows us, and why we are likely not wanted there. */
export interface Findings {
  listing?: Listing
  refusal?: Refusal
}

/** A push/pull that we start. `done` hears once why it failed, or an empty text, and what was found out. */
export interface Exchange {
  reason: Reason
  oldEvents: OldEvents
  done(error: string, findings: Findings): void
}

/** A ping of ours over TCP. `done` hears an empty text when a member of that name answered, or why not. */
export interface StreamPing {
  reason: 'ping'
  seqNo: number
  name: Uint8Array
  done(error: string): void
}

/** The same push/pull with its time taken, from now until it has failed or is merged (protocol page 1, section 11). One that is cancelled counts for nothing. */
export function timed(exchange: Exchange, counters: Counters, tasks: Tasks): Exchange {
  const startedAt = tasks.now
  const done = (error: string, findings: Findings) => {
    counters.observe('memberlist.pushPullNode', tasks.now - startedAt)
    exchange.done(error, findings)
  }
  return { ...exchange, done }
}
