/** Events that arise on the host's own thread, about what it does with others. */

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
