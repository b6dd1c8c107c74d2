/** Errors of handlers in threads of their own. They arise on the host's own thread. */
import { FolkmootError } from './errors.ts'

/** A handler ran longer than it may. Its thread was ended; what it did until then is done, and what it would have returned is lost. */
export class HandlerTimeout extends FolkmootError {
  /** Milliseconds that it had. */
  readonly timeout: number

  constructor(timeout: number) {
    super('ERR_HANDLER_TIMEOUT', `the handler did not end within ${timeout} ms`)
    this.timeout = timeout
  }
}

/** So many calls of a handler wait already. This one was not made. */
export class HandlerQueueFull extends FolkmootError {
  readonly limit: number

  constructor(limit: number) {
    super('ERR_HANDLER_QUEUE_FULL', `${limit} calls of the handler wait already`)
    this.limit = limit
  }
}

/** The package `piscina`, whose threads handlers run in, is not installed where this program runs: a bundle does not bring it along. Nothing is handled. */
export class HandlersUnavailable extends FolkmootError {
  constructor(cause: unknown) {
    super('ERR_HANDLERS_UNAVAILABLE', 'handle: the package piscina is not installed where this runs', {
      cause,
    })
  }
}
