/**
 * Notices: what a host should know although nothing changed for it: two members claim one name, a member was not let in. Rare, limited
 * where they arise, and small: plain objects all the way to the host.
 */
import type { ActorName } from './contract.ts'

/** An address on the wire. */
export interface NoticePlace {
  readonly ip: string
  readonly port: number
}

/** Two members claim one name, and both answer. Nothing was changed: who was there first stays. */
export interface NameConflict {
  readonly type: 'name-conflict'
  /** `self`: it is our own name. */
  readonly about: 'self' | 'member'
  readonly name: string
  /** Where we hold the name to be. */
  readonly existing: NoticePlace
  /** Who claims it as well. */
  readonly other: NoticePlace
}

/**
 * A member was started again so fast that nobody missed it: as far as we know it never failed, but it has forgotten what it knew. Its incarnation
 * grew, and it announced a join once more; a member that changes its tags and joins again within five seconds looks the same.
 */
export interface MemberRestart {
  readonly type: 'member-restart'
  readonly name: string
  readonly ip: string
  readonly port: number
  readonly incarnation: number
  /** Where it was, and at which incarnation. */
  readonly previous: NoticePlace & { readonly incarnation: number }
}

/** A rule or a module of this host refused a member. It is not in the list of members. */
export interface MemberRefused {
  readonly type: 'member-refused'
  readonly name: string
  readonly ip: string
  readonly port: number
  readonly reason: string
}

/** A file of this member could not be read or written. The member goes on, and tries again. */
export interface DiskError {
  readonly type: 'disk-error'
  readonly file: 'snapshot'
  readonly path: string
  /** The system's, such as ENOSPC. */
  readonly code: string
  readonly message: string
}

/** A vote of the others gave our name to somebody else. This member has stopped being one: the cluster is closed, without a leave. */
export interface ConflictLost {
  readonly type: 'conflict-lost'
  readonly name: string
  /** Where the other one is. */
  readonly address: string
  readonly port: number
  /** Answers that counted, and those of them that saw the name at our address. */
  readonly votes: number
  readonly votesForUs: number
}

/** Somebody else has our name, and nobody answered when all were asked whose it is. We stay. */
export interface ConflictUnresolved {
  readonly type: 'conflict-unresolved'
  readonly name: string
  readonly address: string
  readonly port: number
}

/**
 * An actor ended unasked, a bug of ours, and all three were started again with the members, clocks, tags and keys that were known. Calls and
 * queries under way were rejected with ERR_ACTOR_EXITED, and user events under way at that moment may be lost; `members()` is whole again.
 */
export interface Restarted {
  readonly type: 'restarted'
  readonly actor: ActorName
  /** What it threw, or what ended its thread; undefined when the thread ended without a word. */
  readonly error: unknown
}

/**
 * Whether we are in a pool. `joined`: another member is alive. `joining`: alone, never with anybody yet, and there are seeds or
 * remembered members that are tried. `isolated`: alone again, or with nobody to try.
 */
export type Connection = 'joining' | 'joined' | 'isolated'

/** Whether we are in a pool has changed. Changes that a slow host did not hear of in time are told as one. */
export interface ConnectionChange {
  readonly type: 'connection'
  readonly connection: Connection
  readonly previous: Connection
}

export type Notice =
  | Restarted
  | NameConflict
  | MemberRestart
  | MemberRefused
  | DiskError
  | ConflictLost
  | ConflictUnresolved
  | ConnectionChange
