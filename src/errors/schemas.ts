/** Errors of typed events, queries and tags. They arise on the host's own thread. */
import type { SchemaIssue } from '../cluster/standard-schema.ts'
import { FolkmootError } from './errors.ts'

/** A value of the host's own does not fit its schema, or cannot be encoded. It was sent to nobody. */
export class InvalidPayload extends FolkmootError {
  readonly issues: readonly SchemaIssue[]

  constructor(what: string, issues: readonly SchemaIssue[], reason: string) {
    super('ERR_INVALID_PAYLOAD', `${what} does not fit its schema: ${reason}`)
    this.issues = issues
  }
}
