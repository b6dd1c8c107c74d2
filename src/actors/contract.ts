/**
 * What every actor is, and what the world looks like to it.
 *
 * An actor is a plain state machine: mail comes in with the time of the turn, deadlines go out as a number, and
 * all it can do to the world is a call on an outlet. Outlets only enqueue: no call made in a turn runs another
 * actor inside it. The same actors therefore run in a worker thread, in the calling thread and in the simulator.
 */

/** A state machine that owns one part of a member. Times are milliseconds of a monotonic clock. */
export interface Actor<Mail> {
  /** Takes one mail. `now` is the time at the start of the turn. */
  receive(mail: Mail, now: number): void
  /** Does what is due at `now`. Called at or after `wakeAt`; an early call does no harm. */
  wake(now: number): void
  /** When `wake` wants to be called next; `Infinity` when nothing is planned, a past time to go on at once. */
  readonly wakeAt: number
}

/**
 * Two kinds of mail are counted at a door, so that a sender can see how much of it the receiver has not taken yet:
 * claims that members are alive, and all the rest.
 */
export type Lane = 'alive' | 'others'

/** One direction between two neighbours: bounded by the sender, who looks at `waiting` before it tells. */
export interface Outlet<Mail> {
  /** Puts mail in the receiver's mailbox, in order. Never runs the receiver. */
  tell(mail: Mail): void
  /** Weight of what was told in a lane and not yet taken by the receiver. Mail without `weight` counts 1. */
  waiting(lane: Lane): number
}

/** The only source of chance. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform whole number in [0, limit); 0 for limit 0. */
  below(limit: number): number
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Where an actor says what a person might want to read. Never waits, never on a path per packet. */
export type Log = (level: LogLevel, message: string) => void

/** The answer to a command. `after` is the number of the last fact that the command caused; 0 for none. */
export type Envelope<Value> = { ok: true; value: Value; after: number } | { ok: false; error: PlainError }

/** An error as it crosses threads: structured clone would lose its class, `code` and `cause`. */
export interface PlainError {
  name: string
  /** Empty for an error without one. */
  code: string
  message: string
  /** The further fields of the error class, such as `bytes` and `limit`. */
  details: Record<string, unknown>
  /** Of errors that are not ours: where the bug is. */
  stack?: string
  cause?: CarriedCause
  /** Those of an AggregateError. */
  errors?: CarriedCause[]
}

/** What stands behind an error: another one, or a simple value. */
export type CarriedCause = { error: PlainError } | { value: unknown }

export type ActorName = 'detector' | 'gossip' | 'dispatch'
