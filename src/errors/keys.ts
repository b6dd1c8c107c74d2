/** Errors of operations on the keys of a pool. What they carry besides is not shown when they are printed, since it may hold keys. */
import { FolkmootError } from './errors.ts'

/** What became of one operation on the keys of all members. */
export interface KeyResult {
  /** Members that were alive or leaving when it began. */
  readonly numNodes: number
  readonly numResponses: number
  /** Members that answered with an error, or with nothing that can be understood. */
  readonly numErrors: number
  /** What members had to say: errors and remarks, by name. */
  readonly messages: Readonly<Record<string, string>>
  /** On how many members each key is, in base64; `list` alone. */
  readonly keys: Readonly<Record<string, number>>
  /** Of how many members each key is the primary one; `list` alone. */
  readonly primaryKeys: Readonly<Record<string, number>>
  /** Who did not answer, sorted. */
  readonly silent: readonly string[]
}

/** A field that nobody sees who prints the error, not even with its hidden fields: what is printed of a getter is that it is one. */
export function unprinted(error: FolkmootError, field: string, value: unknown): void {
  Object.defineProperty(error, field, { get: () => value, configurable: true, enumerable: false })
}

/** What one of the members had to say, for most say the same, such as that there are no keys at all. It is theirs: a bound, and a quotation. */
function saidFirst(messages: Readonly<Record<string, string>>): string {
  const [first] = Object.entries(messages)
  return first === undefined ? '' : ` (${first[0]}: ${JSON.stringify(first[1].slice(0, 120))})`
}

/** Not every member confirmed an operation on the keys. Those that did have done it. */
export class KeyOperationFailed extends FolkmootError {
  readonly operation: 'install' | 'use' | 'remove' | 'list'
  /** What became of it, member by member. */
  declare readonly result: KeyResult

  constructor(operation: 'install' | 'use' | 'remove' | 'list', result: KeyResult) {
    const { numErrors, numNodes, numResponses } = result
    const what =
      numErrors > 0
        ? `${numErrors}/${numNodes} nodes reported failure${saidFirst(result.messages)}`
        : `${numResponses}/${numNodes} nodes reported success`
    super('ERR_KEY_OPERATION_FAILED', `keys.${operation}: ${what}`)
    this.operation = operation
    unprinted(this, 'result', result)
  }
}

/**
 * A rotation of keys has stopped, since some members did not confirm a step: they are down, or refused. Everybody can still understand
 * everybody. It goes on when `rotate` is called again with `key`.
 */
export class RotationStopped extends FolkmootError {
  readonly step: 'install' | 'use' | 'remove'
  /** Who did not confirm the step. */
  readonly members: readonly string[]
  /** What some of them said, by name. */
  readonly messages: Readonly<Record<string, string>>
  /** The new key, to go on with. */
  declare readonly key: Uint8Array

  constructor(
    step: 'install' | 'use' | 'remove',
    members: readonly string[],
    messages: Readonly<Record<string, string>>,
    key: Uint8Array,
  ) {
    super(
      'ERR_ROTATION_STOPPED',
      `the rotation stopped at the step ${step}: no confirmation from ${members.join(', ')}${saidFirst(messages)}`,
    )
    this.step = step
    this.members = members
    this.messages = messages
    unprinted(this, 'key', key.slice())
  }
}
