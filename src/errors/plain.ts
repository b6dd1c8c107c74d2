/**
 * Errors on their way between threads: structured clone would keep neither class, `code` nor `cause`, so they go as plain objects and are built
 * again on the other side. Ours and those of the language are known by the name of their class; of any other class name, message, code and
 * stack are kept.
 */
import type { CarriedCause, PlainError } from '../actors/contract.ts'
import * as delivery from './delivery.ts'
import * as errors from './errors.ts'
import { FolkmootError, isFolkmootError } from './errors.ts'
import * as handlers from './handlers.ts'
import * as keys from './keys.ts'
import * as schemas from './schemas.ts'

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
/** Fields of ours that are not shown when an error is printed. */
const UNPRINTED = new Set(['key', 'result'])

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
  // One of ours comes without a stack: it says what did not happen, and not where.
  const isOurs = plain.stack === undefined && plain.code !== ''
  const error = isOurs ? ours(plain) : foreign(plain)
  const { cause } = plain
  if (cause !== undefined) {
    const value = 'value' in cause ? cause.value : fromPlain(cause.error)
    Object.defineProperty(error, 'cause', { value, configurable: true, writable: true, enumerable: false })
  }
  return error
}

/** An error of this package: its class, and the fields as they were. One whose class is not known here still is one of ours. */
function ours({ name, code, message, details }: PlainError): FolkmootError {
  const error = new FolkmootError(code, message)
  const Class = CLASSES.get(name)
  if (Class !== undefined) {
    Object.setPrototypeOf(error, Class.prototype)
    error.name = name
  }
  for (const [field, value] of Object.entries(details)) {
    if (UNPRINTED.has(field)) keys.unprinted(error, field, value)
    else Object.assign(error, { [field]: value })
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
  const fields = isOurs ? Object.getOwnPropertyNames(error) : Object.keys(error)
  return Object.fromEntries(
    fields
      .filter((field) => !OWN.has(field))
      .map((field): [string, unknown] => [field, Reflect.get(error, field)])
      .filter(([, value]) => isOurs || isSimple(value)),
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

/** All classes of ours that may cross, by their names. Those of simulations stay in the test that runs one. */
const CLASSES = new Map(
  [delivery, errors, handlers, keys, schemas]
    .flatMap((module) => Object.values<unknown>(module))
    .filter(isOurClass)
    .map((one) => [one.name, one]),
)

function isOurClass(value: unknown): value is typeof FolkmootError {
  return Object.prototype.isPrototypeOf.call(FolkmootError, Object(value))
}
