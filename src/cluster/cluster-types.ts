/** What a host says to a Cluster and hears from it: the shapes of events and options. */
import type {
  ConflictLost,
  ConflictUnresolved,
  ConnectionChange,
  DiskError,
  HostStall,
  Lagged,
  MemberEvent,
  MemberRefused,
  MemberRestart,
  NameConflict,
  QueryEvent,
  Restarted,
  UserEvent,
} from './events.ts'
import type { HandlerFailed, Invalid } from './host-events.ts'
import type { MemberStatus } from './member.ts'

/** Events of a Cluster and what their listeners get. */
export interface ClusterEvents {
  'member-join': [MemberEvent]
  'member-leave': [MemberEvent]
  'member-failed': [MemberEvent]
  'member-update': [MemberEvent]
  'member-reap': [MemberEvent]
  'user-event': [UserEvent]
  query: [QueryEvent]
  lagged: [Lagged]
  /** Two members claim one name, and both answer; perhaps our own. */
  'name-conflict': [NameConflict]
  /** A member was started again so fast that nobody missed it. */
  'member-restart': [MemberRestart]
  /** A member was not let in by `cidrsAllowed`, `validateNodeNames` or `admit`. */
  'member-refused': [MemberRefused]
  /** Whether we are in a pool has changed. */
  connection: [ConnectionChange]
  'host-stall': [HostStall]
  'host-recovered': [HostStall]
  /** We lost our name to another member, and have stopped. */
  'conflict-lost': [ConflictLost]
  /** Another member has our name, and nobody could say whose it is. */
  'conflict-unresolved': [ConflictUnresolved]
  /** The snapshot could not be read or written; it is tried again. */
  'disk-error': [DiskError]
  /** An actor ended unasked, and the member goes on. */
  restarted: [Restarted]
  /** A call of a handler of `handle` came to nothing. */
  'handler-failed': [HandlerFailed]
  /** What a peer sent does not fit a schema of `typed`. Heard by listeners alone. */
  invalid: [Invalid]
  /** An actor ended unasked, and was not started again: too often within a minute, or while we left. The cluster is closed, its peers will see a failure. */
  fatal: [Error]
}

/** Where this member stands: `left` still answers its peers, until `shutdown`. */
export type ClusterState = 'alive' | 'leaving' | 'left' | 'shutdown'

/** Which members are wanted; what is left out does not matter. */
export interface MemberFilter {
  /** Exactly this name. */
  name?: string
  status?: MemberStatus
  /** Tags that must have exactly these values. */
  tags?: Record<string, string>
}

export interface JoinOptions {
  /** Refuse user events from before the join, also later ones. Default false. */
  ignoreOldEvents?: boolean
  /** Gives the join up: dials under way are dropped. Members that were reached already stay known. */
  signal?: AbortSignal
}

export interface ForceLeaveOptions {
  /** Forget the member at once, instead of after `tombstoneTimeout`. Default false. */
  prune?: boolean
}

export interface UserEventOptions {
  /** Allow receivers to merge events of this name. Default false. */
  coalesce?: boolean
}
