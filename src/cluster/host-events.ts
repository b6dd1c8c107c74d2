/** Events that arise on the host's own thread, about what it does with others. */
import type { SchemaIssue } from './standard-schema.ts'

export type HandledKind = 'query' | 'user-event'

/**
 * A call of a handler came to nothing. `threw`: it did, or its module, or its thread ended. `timeout`: it took too long, or its turn
 * came after the query's deadline. `queue-full`: it was not called. `unanswered`: what it returned did not go out as an answer.
 */
export interface HandlerFailed {
  readonly type: 'handler-failed'
  readonly kind: HandledKind
  /** Of the query or user event. */
  readonly name: string
  /** Of the query or user event; undefined where a thread failed between two calls. */
  readonly lamportTime: number | undefined
  readonly reason: 'threw' | 'timeout' | 'queue-full' | 'unanswered'
  readonly error: unknown
}

/** What a peer sent does not fit the schema that `typed` was given for it. Nobody was told of it otherwise. */
export interface Invalid {
  readonly type: 'invalid'
  readonly what: 'tags' | 'user-event' | 'query' | 'answer'
  /** Of the user event or query; of the member, for tags. */
  readonly name: string
  /** Whose it is; undefined for user events, which do not say it. */
  readonly member: string | undefined
  readonly issues: readonly SchemaIssue[]
}
