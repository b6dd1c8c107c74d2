/** What the agent can do for whoever asks: RPC clients, its own start-up, its handlers. Errors are in the words of the original's answers. */

import type { HistoryEntry } from '../gossip/history.ts'
import type { EventKind } from './filters.ts'
import type { Level } from './log-book.ts'
import type { Finding, RotationOutcome } from './rpc/extra-records.ts'
import type { QueryRecord, QueryRequest, RpcCoordinate, RpcKeys, RpcMember, Stats } from './rpc/records.ts'
import type {
  EventRequest,
  ForceLeaveRequest,
  JoinRequest,
  MembersFilter,
  RotateRequest,
  TagsRequest,
} from './rpc/requests.ts'

/** Something happened in the pool, as streams and handlers are told. */
export type Happening =
  | { kind: Exclude<EventKind, 'user' | 'query'>; members: RpcMember[] }
  | { kind: 'user'; name: string; lTime: number; payload: Uint8Array | null; coalesce: boolean }
  | {
      kind: 'query'
      name: string
      lTime: number
      payload: Uint8Array | null
      /** Milliseconds of the desk's clock. */
      deadlineAt: number
      /** Answers once; rejects with why not, in the original's words. */
      respond(payload: Uint8Array): Promise<void>
    }

/** The outcome of a key command: an answer has its body even when it failed. */
export interface KeysOutcome {
  error: string
  keys: RpcKeys
}

export type KeyAction = 'install-key' | 'use-key' | 'remove-key'

/** A regular expression that does not compile: the original hangs up on its client without an answer. */
export class BadPattern extends Error {
  override readonly name = 'BadPattern'
}

export interface Desk {
  /** Milliseconds of a monotonic clock. */
  now(): number
  /** Calls back once after so many milliseconds; the returned function takes that back. */
  later(ms: number, call: () => void): () => void
  log(level: Level, text: string): void
  count(name: 'agent.ipc.accept' | 'agent.ipc.command'): void
  /** Whether a token is the configured one, in a time that does not tell how much of it is right. */
  isAuthKey(token: string): boolean
  /** Whether clients must show a token at all. */
  readonly needsAuth: boolean

  members(): RpcMember[]
  /** Throws BadPattern. */
  membersFiltered(filter: MembersFilter): RpcMember[]
  /** How many addresses answered, and the original's text where none did. */
  join(request: JoinRequest): Promise<{ joined: number; error: string }>
  event(request: EventRequest): Promise<void>
  forceLeave(request: ForceLeaveRequest): Promise<void>
  tags(request: TagsRequest): Promise<void>
  /** Leaves the pool. The process ends after the answer is out: see `left`. */
  leave(): Promise<void>
  /** The answer to `leave` is written. */
  left(): void
  /** Resolves when the query is on its way; records follow, the last of them `done`, at the deadline. The function gives it up. */
  query(request: QueryRequest, record: (record: QueryRecord) => void): Promise<() => void>
  key(action: KeyAction, key: string): Promise<KeysOutcome>
  listKeys(): Promise<KeysOutcome>
  stats(): Promise<Stats>
  /** Last transitions of a member, or of all for an empty name. */
  why(node: string): Promise<readonly HistoryEntry[]>
  doctor(): Promise<Finding[]>
  rotateKeys(request: RotateRequest): Promise<RotationOutcome>
  coordinate(node: string): Promise<RpcCoordinate | undefined>
  /** Hears everything that happens until the returned function is called. */
  subscribe(listener: (happening: Happening) => void): () => void
  /** Remembered log lines and new ones. */
  follow(level: Level, listener: (line: string) => void): () => void
}
