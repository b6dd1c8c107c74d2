/**
 * The errors that a host can catch. Each has a stable `code` and says what did not happen. They cross threads as plain objects
 * and are rebuilt by their code, since structured clone would keep neither class nor code.
 */
import { inspect } from 'node:util'
import type { ActorName, Refusal, SeedOutcome } from '../actors/mail.ts'

const BRAND = Symbol.for('folkmoot.error')

/**
 * Base of all errors of this package. Errors of another copy of the package are recognised too, by `isFolkmootError` and by
 * `instanceof` with any of these classes: a host and its library may well depend on two copies.
 */
export class FolkmootError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.name = new.target.name
  }

  get [BRAND](): true {
    return true
  }

  static override [Symbol.hasInstance](error: unknown): boolean {
    // biome-ignore-start lint/complexity/noThisInStatic: `this` is the class that was asked about, which may be any below this one
    if (Function.prototype[Symbol.hasInstance].call(this, error)) return true
    return isFolkmootError(error) && (this === FolkmootError || this.name === error.name)
    // biome-ignore-end lint/complexity/noThisInStatic: as above
  }
}

/** Whether an error is one of this package's, whichever copy of the package made it. */
export function isFolkmootError(error: unknown): error is FolkmootError {
  return typeof error === 'object' && error !== null && BRAND in error
}

/** An option is not what it may be. Nothing was started. */
export class InvalidOption extends FolkmootError {
  readonly option: string
  readonly value: unknown
  /** What would have been right. */
  readonly bound: string

  constructor(option: string, value: unknown, bound: string) {
    super('ERR_INVALID_OPTION', `option ${option} is ${shown(value)}, but must be ${bound}`)
    this.option = option
    this.value = value
    this.bound = bound
  }
}

/** An argument of a call is not what it may be. The call did nothing. */
export class InvalidArgument extends FolkmootError {
  constructor(message: string) {
    super('ERR_INVALID_ARGUMENT', message)
  }
}

/** The sockets could not be bound. Nothing was started and nothing is left open. */
export class BindFailed extends FolkmootError {
  readonly address: string

  constructor(address: string, cause: unknown) {
    super('ERR_BIND_FAILED', `cannot bind ${address}: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    })
    this.address = address
  }
}

/** An actor ended unasked, and the cluster with it. Whether the call was carried out is not known. */
export class ActorExited extends FolkmootError {
  readonly actor: ActorName

  constructor(actor: ActorName, cause?: unknown) {
    const why = cause instanceof Error ? `: ${cause.message}` : ''
    // What Node says when the file itself of a thread is not there: in a bundle that was made without them.
    const isFileMissing = cause instanceof Error && 'code' in cause && cause.code === 'MODULE_NOT_FOUND'
    const hint = isFileMissing
      ? '; a bundle has to bring its threads along, or name them in the option workers'
      : ''
    super('ERR_ACTOR_EXITED', `the ${actor} actor ended${why}${hint}`, { cause })
    this.actor = actor
  }
}

/**
 * The cluster was shut down. A call made afterwards did nothing; one that was under way is given up, and whether it was carried out is
 * not known.
 */
export class ClusterClosed extends FolkmootError {
  constructor(call: string) {
    super('ERR_CLUSTER_CLOSED', `${call}: the cluster was shut down`)
  }
}

/** We have left or are leaving the pool. The call did nothing. */
export class ClusterLeft extends FolkmootError {
  constructor(call: string) {
    super('ERR_CLUSTER_LEFT', `${call}: this member has left the pool`)
  }
}

/** Nobody was reached by a join. We are the member we were before. */
export class JoinFailed extends FolkmootError {
  /** What became of each seed. */
  readonly outcomes: readonly SeedOutcome[]

  constructor(outcomes: readonly SeedOutcome[]) {
    const reasons = outcomes.map(({ seed, error }) => `${seed} (${error})`).join(', ')
    super('ERR_JOIN_FAILED', `no member was reached: ${reasons}`)
    this.outcomes = outcomes
  }
}

/**
 * Members are there, and will have nothing to do with us, or we with them: `reason` is the likely one. Where somebody was reached (`reached` in
 * `outcomes`) we know their members now, although they do not know us.
 */
export class JoinRefused extends FolkmootError {
  readonly reason: Refusal
  /** The reason in words. */
  readonly detail: string
  /** What became of each seed. */
  readonly outcomes: readonly SeedOutcome[]

  constructor(reason: Refusal, detail: string, outcomes: readonly SeedOutcome[]) {
    super('ERR_JOIN_REFUSED', `the join was refused (${REFUSALS[reason]}): ${detail}`)
    this.reason = reason
    this.detail = detail
    this.outcomes = outcomes
  }
}

const REFUSALS: Record<Refusal, string> = {
  label: 'likely another label',
  key: 'likely other keys',
  version: 'protocol versions do not go together',
  rule: 'a rule about who is let in',
  name: 'the name is taken',
  other: 'the reason is theirs',
}

/** Why a join is in doubt: no packet came back (`firewall`), or the member did not answer a second time or holds us for gone (`silent`). */
export type Doubt = 'firewall' | 'silent'

/**
 * Somebody was reached, and nobody was seen to hold us within two probe intervals. Nothing is undone: we may well be a member, or become one as
 * soon as what is in the way is gone.
 */
export class JoinUnconfirmed extends FolkmootError {
  readonly reason: Doubt
  /** The reason in words. */
  readonly detail: string
  /** What became of each seed. */
  readonly outcomes: readonly SeedOutcome[]

  constructor(reason: Doubt, detail: string, outcomes: readonly SeedOutcome[]) {
    super('ERR_JOIN_UNCONFIRMED', `the join is not confirmed (${reason}): ${detail}`)
    this.reason = reason
    this.detail = detail
    this.outcomes = outcomes
  }
}

/** Which size of an event is limited: of name and payload, of both encoded, or of what fits into a packet beside its coats. */
export type SizeLimit = 'before encoding' | 'after encoding' | 'in a packet'

/** A user event is too long for its limit or for a packet. It was sent to nobody. */
export class EventTooLarge extends FolkmootError {
  /** Size of what is too large. */
  readonly bytes: number
  readonly limit: number
  readonly where: SizeLimit

  constructor(bytes: number, limit: number, where: SizeLimit = 'before encoding') {
    super('ERR_EVENT_TOO_LARGE', `user event of ${bytes} bytes exceeds the limit of ${limit} bytes ${where}`)
    this.bytes = bytes
    this.limit = limit
    this.where = where
  }
}

/** A query is too long when encoded, for its limit or for a packet. It was sent to nobody. */
export class QueryTooLarge extends FolkmootError {
  readonly bytes: number
  readonly limit: number

  constructor(bytes: number, limit: number) {
    super('ERR_QUERY_TOO_LARGE', `query of ${bytes} bytes when encoded exceeds the limit of ${limit} bytes`)
    this.bytes = bytes
    this.limit = limit
  }
}

/**
 * A message for one member does not fit into a packet, all coats counted in. It was sent to nobody: cutting it up is the host's matter, since
 * a packet above `udpBufferSize` would be cut on the way, and lost as a whole with any of its pieces.
 */
export class PacketTooLarge extends FolkmootError {
  /** Size of the message with its encoding. */
  readonly bytes: number
  /** What a packet holds beside label, encryption and checksum. */
  readonly limit: number

  constructor(bytes: number, limit: number) {
    super('ERR_PACKET_TOO_LARGE', `message of ${bytes} bytes exceeds the ${limit} bytes that a packet holds`)
    this.bytes = bytes
    this.limit = limit
  }
}

/** An answer to a query is too long when encoded. It was sent to nobody; a shorter one still can be. */
export class ResponseTooLarge extends FolkmootError {
  readonly bytes: number
  readonly limit: number

  constructor(bytes: number, limit: number) {
    super(
      'ERR_RESPONSE_TOO_LARGE',
      `response of ${bytes} bytes when encoded exceeds the limit of ${limit} bytes`,
    )
    this.bytes = bytes
    this.limit = limit
  }
}

/** An answer to a query was sent to its origin, but not over other members: wrapped for them it is too long. */
export class RelayTooLarge extends FolkmootError {
  readonly bytes: number
  readonly limit: number

  constructor(bytes: number, limit: number) {
    super('ERR_RELAY_TOO_LARGE', `relayed response of ${bytes} bytes exceeds the limit of ${limit} bytes`)
    this.bytes = bytes
    this.limit = limit
  }
}

/** A query was answered before. This answer was not sent. */
export class QueryAnswered extends FolkmootError {
  constructor() {
    super('ERR_QUERY_ANSWERED', 'respond: a response was sent already')
  }
}

/** The deadline of a query has passed. The answer was not sent, since nobody waits for it. */
export class QueryExpired extends FolkmootError {
  constructor() {
    super('ERR_QUERY_EXPIRED', 'respond: the deadline of the query has passed')
  }
}

/** The origin of a query bears no name, and `requireNodeNames` is on. The answer was not sent. */
export class OriginUnnamed extends FolkmootError {
  constructor() {
    super(
      'ERR_ORIGIN_UNNAMED',
      'respond: the origin of the query bears no name, which requireNodeNames demands',
    )
  }
}

/** As many queries of ours as may be under way are under way. This one was not sent. */
export class TooManyQueries extends FolkmootError {
  readonly limit: number

  constructor(limit: number) {
    super('ERR_TOO_MANY_QUERIES', `query: ${limit} queries are under way already`)
    this.limit = limit
  }
}

/** The protocol version that this member speaks does not have this. The call did nothing. */
export class FeatureNotSupported extends FolkmootError {
  constructor(message: string) {
    super('ERR_FEATURE_NOT_SUPPORTED', message)
  }
}

/** Tags are too long when encoded. The old ones stay. */
export class TagsTooLarge extends FolkmootError {
  readonly bytes: number
  readonly limit: number

  constructor(bytes: number, limit: number) {
    super('ERR_TAGS_TOO_LARGE', `tags of ${bytes} bytes when encoded exceed the limit of ${limit} bytes`)
    this.bytes = bytes
    this.limit = limit
  }
}

/** There is no member of this name, in any status. Nobody was told anything. */
export class UnknownMember extends FolkmootError {
  readonly member: string

  constructor(member: string) {
    super('ERR_UNKNOWN_MEMBER', `there is no member named ${JSON.stringify(member)}`)
    this.member = member
  }
}

/** Too many prunes wait for their turn already. Nobody was told of this one. */
export class TooManyPrunes extends FolkmootError {
  readonly limit: number

  constructor(limit: number) {
    super('ERR_TOO_MANY_PRUNES', `${limit} prunes wait already: they are sent one a second`)
    this.limit = limit
  }
}

/** News of ours was not sent as often as it should be in time. It is in force and goes on spreading. */
export class BroadcastTimeout extends FolkmootError {
  constructor(what: string) {
    super('ERR_BROADCAST_TIMEOUT', `the broadcast of ${what} was not finished in time`)
  }
}

/** A member did not answer a ping in time. Nothing is concluded from it: it is neither suspected nor is our health in doubt. */
export class NoResponse extends FolkmootError {
  readonly member: string

  constructor(member: string, reason: string) {
    super('ERR_NO_RESPONSE', `no response from ${member}: ${reason}`)
    this.member = member
  }
}

/** Coordinates are switched off by the option `coordinates`: there are none to ask for. */
export class CoordinatesDisabled extends FolkmootError {
  constructor(call: string) {
    super('ERR_COORDINATES_DISABLED', `${call}: coordinates are disabled`)
  }
}

/** Files that a member keeps. */
export type KeptFile = 'snapshot' | 'tags' | 'keyring'

/** A file of ours cannot be read, or says nothing that we understand. Nothing was started; the file is as it was. */
export class FileUnreadable extends FolkmootError {
  readonly file: KeptFile
  readonly path: string

  constructor(file: KeptFile, path: string, reason: string) {
    super('ERR_FILE_UNREADABLE', `the ${file} file ${path} cannot be used: ${reason}`)
    this.file = file
    this.path = path
  }
}

/** A file of ours could not be written. It is as it was, and so is what it was to keep. */
export class FileUnwritable extends FolkmootError {
  readonly file: KeptFile
  readonly path: string

  constructor(file: KeptFile, path: string, reason: string) {
    super('ERR_FILE_UNWRITABLE', `the ${file} file ${path} could not be written: ${reason}`)
    this.file = file
    this.path = path
  }
}

/** A value on one line, whatever it is: not everything becomes a text when asked to. */
function shown(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value)
    : inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 64 })
}
