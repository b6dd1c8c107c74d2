/**
 * Errors on their way between threads: structured clone would keep neither class, `code` nor `cause`, so they go as plain objects and are built
 * again on the other side. Ours are known by their code, those of the language by their name; of any other class name, message, code and
 * stack are kept.
 */
import type { CarriedCause, PlainError } from '../actors/contract.ts'
import type { ActorName, Refusal } from '../actors/mail.ts'
import {
  ActorExited,
  BindFailed,
  BroadcastTimeout,
  ClusterClosed,
  ClusterLeft,
  CoordinatesDisabled,
  type Doubt,
  EventTooLarge,
  FeatureNotSupported,
  FileUnreadable,
  FileUnwritable,
  FolkmootError,
  InvalidArgument,
  InvalidOption,
  isFolkmootError,
  JoinFailed,
  JoinRefused,
  JoinUnconfirmed,
  type KeptFile,
  NoResponse,
  OriginUnnamed,
  PacketTooLarge,
  QueryAnswered,
  QueryExpired,
  QueryTooLarge,
  RelayTooLarge,
  ResponseTooLarge,
  type SizeLimit,
  TagsTooLarge,
  TooManyPrunes,
  TooManyQueries,
  UnknownMember,
} from './errors.ts'

/** Causes of causes, and errors inside of errors, that are kept: beyond it a chain is cut. It may be endless. */
const DEEPEST = 8

/** Classes of the language, whose errors stay what they are. */
const LANGUAGE: Record<string, new (message?: string) => Error> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
}

/** Fields that go by themselves. */
const OWN = new Set(['name', 'message', 'code', 'stack', 'cause', 'errors'])

/** An error as it goes to another thread. What was thrown may be anything. */
export function toPlain(error: unknown, depth = 0): PlainError {
  if (!(error instanceof Error)) return { name: 'Error', code: '', message: textOf(error), details: {} }
  const { name, message, stack } = error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const plain: PlainError = { name, code, message, details: detailsOf(error) }
  if (!isFolkmootError(error) && stack !== undefined) plain.stack = stack
  if (depth >= DEEPEST) return plain
  if (error.cause !== undefined) plain.cause = causeToPlain(error.cause, depth)
  if (error instanceof AggregateError)
    plain.errors = [...error.errors].map((one: unknown) => causeToPlain(one, depth))
  return plain
}

/** The error again, with its class, as it came from another thread. */
export function fromPlain(plain: PlainError): Error {
  const { code, message, details } = plain
  const rebuild = CLASSES[code]
  const error = rebuild === undefined ? foreign(plain) : rebuild(details, message)
  error.message = message
  const { cause } = plain
  if (cause !== undefined) {
    const value = 'value' in cause ? cause.value : fromPlain(cause.error)
    Object.defineProperty(error, 'cause', { value, configurable: true, writable: true, enumerable: false })
  }
  return error
}

/** A cause that is no error goes as its text, unless it is a simple value. */
function causeToPlain(cause: unknown, depth: number): CarriedCause {
  if (cause instanceof Error) return { error: toPlain(cause, depth + 1) }
  return { value: isSimple(cause) ? cause : textOf(cause) }
}

/** An error of the language, or of somebody else. */
function foreign({ name, code, message, details, stack, errors }: PlainError): Error {
  // One of ours that is not in the list still is one of ours.
  if (stack === undefined && code !== '') return Object.assign(new FolkmootError(code, message), details)
  const inside = errors?.map((one) => ('value' in one ? one.value : fromPlain(one.error)))
  const Class = LANGUAGE[name] ?? Error
  const error = inside === undefined ? new Class(message) : new AggregateError(inside, message)
  if (error.name !== name) Object.defineProperty(error, 'name', hidden(name))
  if (stack !== undefined) Object.defineProperty(error, 'stack', hidden(stack))
  Object.assign(error, details)
  return code === '' ? error : Object.assign(error, { code })
}

function hidden(value: string): PropertyDescriptor {
  return { value, configurable: true, writable: true, enumerable: false }
}

/** The further fields: of ours all, which are data; of others those that are simple, such as `errno` and `syscall`. */
function detailsOf(error: Error): Record<string, unknown> {
  const isOurs = isFolkmootError(error)
  return Object.fromEntries(
    Object.entries(error).filter(([field, value]) => !OWN.has(field) && (isOurs || isSimple(value))),
  )
}

function isSimple(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean', 'bigint'].includes(typeof value)
}

function textOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}

const CLASSES: Record<string, (details: Record<string, unknown>, message: string) => FolkmootError> = {
  ERR_INVALID_OPTION: ({ option, value, bound }) => new InvalidOption(String(option), value, String(bound)),
  ERR_INVALID_ARGUMENT: (_, message) => new InvalidArgument(message),
  ERR_BIND_FAILED: ({ address }, message) => new BindFailed(String(address), message),
  ERR_ACTOR_EXITED: ({ actor }) => new ActorExited(isActor(actor) ? actor : 'dispatch'),
  ERR_CLUSTER_CLOSED: (_, message) => new ClusterClosed(message),
  ERR_CLUSTER_LEFT: (_, message) => new ClusterLeft(message),
  ERR_JOIN_FAILED: ({ outcomes }) => new JoinFailed(Array.isArray(outcomes) ? outcomes : []),
  ERR_JOIN_REFUSED: ({ reason, detail, outcomes }) =>
    new JoinRefused(refusalOf(reason), String(detail), Array.isArray(outcomes) ? outcomes : []),
  ERR_JOIN_UNCONFIRMED: ({ reason, detail, outcomes }) =>
    new JoinUnconfirmed(doubtOf(reason), String(detail), Array.isArray(outcomes) ? outcomes : []),
  ERR_EVENT_TOO_LARGE: ({ bytes, limit, where }) =>
    new EventTooLarge(
      Number(bytes),
      Number(limit),
      SIZE_LIMITS.find((one) => one === where),
    ),
  ERR_QUERY_TOO_LARGE: ({ bytes, limit }) => new QueryTooLarge(Number(bytes), Number(limit)),
  ERR_RESPONSE_TOO_LARGE: ({ bytes, limit }) => new ResponseTooLarge(Number(bytes), Number(limit)),
  ERR_RELAY_TOO_LARGE: ({ bytes, limit }) => new RelayTooLarge(Number(bytes), Number(limit)),
  ERR_QUERY_ANSWERED: () => new QueryAnswered(),
  ERR_QUERY_EXPIRED: () => new QueryExpired(),
  ERR_ORIGIN_UNNAMED: () => new OriginUnnamed(),
  ERR_TOO_MANY_QUERIES: ({ limit }) => new TooManyQueries(Number(limit)),
  ERR_FEATURE_NOT_SUPPORTED: (_, message) => new FeatureNotSupported(message),
  ERR_PACKET_TOO_LARGE: ({ bytes, limit }) => new PacketTooLarge(Number(bytes), Number(limit)),
  ERR_TAGS_TOO_LARGE: ({ bytes, limit }) => new TagsTooLarge(Number(bytes), Number(limit)),
  ERR_UNKNOWN_MEMBER: ({ member }) => new UnknownMember(String(member)),
  ERR_TOO_MANY_PRUNES: ({ limit }) => new TooManyPrunes(Number(limit)),
  ERR_BROADCAST_TIMEOUT: (_, message) => new BroadcastTimeout(message),
  ERR_NO_RESPONSE: ({ member }, message) => new NoResponse(String(member), message),
  ERR_COORDINATES_DISABLED: (_, message) => new CoordinatesDisabled(message),
  ERR_FILE_UNREADABLE: ({ file, path }, message) => new FileUnreadable(keptFile(file), String(path), message),
  ERR_FILE_UNWRITABLE: ({ file, path }, message) => new FileUnwritable(keptFile(file), String(path), message),
}

const REFUSALS: readonly Refusal[] = ['label', 'key', 'version', 'rule', 'name']

function refusalOf(reason: unknown): Refusal {
  return REFUSALS.find((one) => one === reason) ?? 'other'
}

function doubtOf(reason: unknown): Doubt {
  return reason === 'firewall' ? 'firewall' : 'silent'
}

function keptFile(file: unknown): KeptFile {
  return file === 'tags' || file === 'keyring' ? file : 'snapshot'
}

const SIZE_LIMITS: readonly SizeLimit[] = ['before encoding', 'after encoding', 'in a packet']

function isActor(name: unknown): name is ActorName {
  return name === 'detector' || name === 'gossip' || name === 'dispatch'
}
