/** The one error of the codec. */

/** Bytes are not what they must be. One instance per reason and no stack: a flood of junk must stay cheap. */
export class Malformed extends Error {
  readonly reason: string

  constructor(reason: string) {
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    super(`malformed: ${reason}`)
    Error.stackTraceLimit = limit
    this.reason = reason
  }
}

/** The reason of running out of bytes, for readers of streams: there more may come. */
export const UNFINISHED = 'bytes end too soon'
