/** What we may start over a stream: a push/pull, or a ping; and how long push/pulls take. */
import type { Counters } from '../actors/counters.ts'
import type { OldEvents, Reason } from './push-pull.ts'
import type { Tasks } from './tasks.ts'

/** A push/pull that we start. `done` hears once why it failed, or an empty text. */
export interface Exchange {
  reason: Reason
  oldEvents: OldEvents
  done(error: string): void
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
  const done = (error: string) => {
    counters.observe('memberlist.pushPullNode', tasks.now - startedAt)
    exchange.done(error)
  }
  return { ...exchange, done }
}
