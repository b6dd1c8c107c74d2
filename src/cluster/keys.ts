/**
 * Keys of the whole pool, as a host changes them (protocol page 2, section 4.10): one query to all members, one outcome per member. And
 * the rotation that is made of these: the new key everywhere, then in use everywhere, then the old ones away, and no step before everyone
 * has confirmed the one before it.
 *
 * Keys stand in no message of an error and in no property that is shown.
 */
import type { QueryAnswer, QueryWish, Verification } from '../actors/mail.ts'
import { KEY_QUERIES, type KeyChange } from '../dispatch/keyring-keeper.ts'
import { InvalidArgument, InvalidOption } from '../errors/errors.ts'
import { KeyOperationFailed, type KeyResult, RotationStopped } from '../errors/keys.ts'
import { settleKey, settleKeys, toBase64 } from '../options/coats.ts'
import { readKeyAnswer, writeKeyRequest } from '../wire/keys.ts'
import type { Ask } from './ask.ts'
import type { Member } from './member.ts'
import type { QueryHandle } from './queries.ts'
import { isNothing, isTexts } from './replies.ts'

export interface KeyOptions {
  /** Over how many other members each answer shall come as well, against loss. Default 0. */
  relayFactor?: number
  signal?: AbortSignal | undefined
}

export interface RotationOptions {
  signal?: AbortSignal | undefined
  /** Between the last confirmation that the new key is in use and the removal of the old ones, in milliseconds: what is on its way sealed with an old key must arrive. Default 10,000. */
  grace?: number
  /** Members that may stay behind: they will understand nobody any more. Default none. */
  except?: readonly string[]
}

/** Keys of one member and what they are for, under the names that they have in the options; what is left out stays as it is. */
export interface LocalKeys {
  /** The first one encrypts, all of them decrypt; none: no encryption. */
  encryptionKeys?: readonly (string | Uint8Array)[]
  /** Whether what comes must be encrypted when there are keys. */
  verifyIncoming?: boolean
  /** Whether what we send is encrypted when there are keys. */
  verifyOutgoing?: boolean
}

export interface Rotated {
  /** How many old keys were removed. */
  readonly removed: number
}

export interface KeyWorld {
  query(wish: QueryWish, signal: AbortSignal | undefined): QueryHandle
  ask: Pick<Ask, 'dispatch'>
  members(): readonly Member[]
  /** Rejects when the signal aborts. */
  sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void>
  randomKey(): Uint8Array
}

/** How a member answered. */
interface Outcome {
  result: KeyResult
  /** Who confirmed. */
  done: Set<string>
  /** Keys of a member, the primary first, as far as they fit into its answer. */
  primary: Map<string, string>
}

type Operation = KeyChange | 'list'

const GRACE = 10_000
/** Attempts to have a step confirmed by all: answers get lost. */
const ATTEMPTS = 4
/** A list shows about 17 keys at a time. */
const MOST_LISTS = 32

export class Keys {
  readonly #world: KeyWorld
  /** Changes happen one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  /** @internal */
  constructor(world: KeyWorld) {
    this.#world = world
  }

  /** Adds a key to the keyring of every member. Rejects with KeyOperationFailed, which has the partial result, unless all confirmed. */
  install(key: string | Uint8Array, options: KeyOptions = {}): Promise<KeyResult> {
    return this.#change('install', key, options)
  }

  /** Makes a key that is installed the one that every member encrypts with. Rejects as `install` does. */
  use(key: string | Uint8Array, options: KeyOptions = {}): Promise<KeyResult> {
    return this.#change('use', key, options)
  }

  /** Removes a key, which must not be in use, from every member. Rejects as `install` does. */
  remove(key: string | Uint8Array, options: KeyOptions = {}): Promise<KeyResult> {
    return this.#change('remove', key, options)
  }

  /** All keys of all members. Rejects as `install` does. */
  async list(options: KeyOptions = {}): Promise<KeyResult> {
    return checked('list', await this.#ask('list', undefined, [], options))
  }

  /**
   * Which keys this member itself holds, the primary first, as eight hex digits each: the same key has the same ones everywhere, and they can be shown
   * and logged. Empty without encryption.
   */
  fingerprints(): Promise<readonly string[]> {
    return this.#world.ask.dispatch('keys.fingerprints', { type: 'fingerprints' }, isTexts)
  }

  /**
   * Replaces all keys by a new one (a random one of 32 bytes, unless given), with no moment in which two members do not understand each other. Every
   * member that is alive or failed must confirm each step. Rejects with RotationStopped, which names those that did not and the step;
   * called again with its `key` the rotation goes on from there.
   */
  rotate(newKey?: string | Uint8Array, options: RotationOptions = {}): Promise<Rotated> {
    const key = newKey === undefined ? this.#world.randomKey() : settleKey('newKey', newKey)
    return this.#exclusive(async () => {
      const { grace = GRACE, signal } = options
      await this.#confirm('install', key, key, options)
      await this.#confirm('use', key, key, options)
      await this.#world.sleep(grace, signal)
      return { removed: await this.#removeOthers(key, options) }
    })
  }

  /**
   * Changes the keys of this member alone, and what they are for, while it runs: how a live pool is switched to encryption and back, one member after
   * the other, see the README. Resolves when all that is sent and read from now on follows it. Rejects with InvalidOption, and with FileUnwritable when
   * the keyring file cannot hold it: then nothing has changed. Only the keys stand in that file.
   */
  setLocal(change: LocalKeys): Promise<void> {
    const command = localChange(change)
    return this.#exclusive(async () => {
      await this.#world.ask.dispatch('keys.setLocal', { type: 'encrypt', ...command }, isNothing)
    })
  }

  #change(operation: KeyChange, key: string | Uint8Array, options: KeyOptions): Promise<KeyResult> {
    const bytes = settleKey('key', key)
    return this.#exclusive(async () => checked(operation, await this.#ask(operation, bytes, [], options)))
  }

  #exclusive<Value>(run: () => Promise<Value>): Promise<Value> {
    const result = this.#last.then(run)
    this.#last = result.catch(() => undefined)
    return result
  }

  /** One step, until everyone has confirmed it. `newKey` is for whoever wants to go on later. */
  async #confirm(
    step: KeyChange,
    key: Uint8Array,
    newKey: Uint8Array,
    { signal, except = [] }: RotationOptions,
  ): Promise<void> {
    const confirmed = new Set<string>()
    let messages: Readonly<Record<string, string>> = {}
    const missing = () => this.#needed(except).filter((name) => !confirmed.has(name))
    for (let attempt = 1; attempt <= ATTEMPTS && missing().length > 0; attempt++) {
      const nodes = attempt === 1 ? [] : missing()
      // Whoever came after the first step has not got the key yet.
      if (step === 'use' && attempt > 1) await this.#ask('install', key, nodes, { signal })
      const { done, result } = await this.#ask(step, key, nodes, { signal })
      for (const name of done) confirmed.add(name)
      messages = result.messages
    }
    if (missing().length > 0) throw new RotationStopped(step, missing(), messages, newKey)
  }

  /** Removes all keys but this one, once everybody says that it is the one it uses. */
  async #removeOthers(key: Uint8Array, options: RotationOptions): Promise<number> {
    const text = toBase64(key)
    const removed = new Set<string>()
    for (let round = 0; round < MOST_LISTS; round++) {
      const { primary, keys } = await this.#listAll(options)
      const behind = this.#needed(options.except ?? []).filter((name) => primary.get(name) !== text)
      if (behind.length > 0) throw new RotationStopped('remove', behind, {}, key)
      const others = Object.keys(keys).filter((other) => other !== text)
      if (others.length === 0) break
      for (const other of others) {
        await this.#confirm('remove', settleKey('key', other), key, options)
        removed.add(other)
      }
    }
    return removed.size
  }

  /** Who uses which key, from everybody that answers within a few attempts. */
  async #listAll({ signal, except = [] }: RotationOptions) {
    const primary = new Map<string, string>()
    const keys: Record<string, number> = {}
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const missing = this.#needed(except).filter((name) => !primary.has(name))
      if (missing.length === 0) break
      const outcome = await this.#ask('list', undefined, attempt === 1 ? [] : missing, { signal })
      for (const [name, used] of outcome.primary) primary.set(name, used)
      Object.assign(keys, outcome.result.keys)
    }
    return { primary, keys }
  }

  /** Whose confirmation is needed: all who are in the pool, or may come back to it. */
  #needed(except: readonly string[]): string[] {
    return this.#world
      .members()
      .filter(({ name, status }) => status !== 'left' && !except.includes(name))
      .map(({ name }) => name)
  }

  async #ask(
    operation: Operation,
    key: Uint8Array | undefined,
    nodes: readonly string[],
    { relayFactor = 0, signal }: KeyOptions,
  ): Promise<Outcome> {
    signal?.throwIfAborted()
    const isAsked = ({ name, status }: Member) =>
      nodes.length > 0 ? nodes.includes(name) : status === 'alive' || status === 'leaving'
    const numNodes = this.#world.members().filter(isAsked).length
    const wish: QueryWish = {
      name: KEY_QUERIES[operation],
      payload: writeKeyRequest(key ?? new Uint8Array(0)),
      nodes,
      tags: {},
      requestAck: false,
      relayFactor,
      timeout: 0,
    }
    const { answers, silent } = await this.#world.query(wish, signal).finished
    return outcomeOf(operation, numNodes, answers, silent)
  }
}

function outcomeOf(
  operation: Operation,
  numNodes: number,
  answers: readonly QueryAnswer[],
  silent: readonly string[],
): Outcome {
  const done = new Set<string>()
  const primary = new Map<string, string>()
  const messages = new Map<string, string>()
  const counts = { keys: new Map<string, number>(), primaryKeys: new Map<string, number>() }
  for (const { from, payload } of answers) {
    const answer = readKeyAnswer(payload)
    if (answer === undefined) {
      messages.set(from, 'the answer could not be read')
      continue
    }
    if (answer.message !== '') messages.set(from, answer.message)
    if (!answer.isDone) continue
    done.add(from)
    if (operation !== 'list') continue
    primary.set(from, answer.primaryKey)
    for (const key of answer.keys) count(counts.keys, key)
    count(counts.primaryKeys, answer.primaryKey)
  }
  const result: KeyResult = {
    numNodes,
    numResponses: answers.length,
    numErrors: answers.length - done.size,
    messages: Object.fromEntries(messages),
    keys: Object.fromEntries(counts.keys),
    primaryKeys: Object.fromEntries(counts.primaryKeys),
    silent,
  }
  return { result, done, primary }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function checked(operation: Operation, { result }: Outcome): KeyResult {
  const { numErrors, numNodes, numResponses } = result
  if (numErrors > 0 || numResponses < numNodes) throw new KeyOperationFailed(operation, result)
  return result
}

/** A change of our own keys, checked, as dispatch is told it. */
function localChange(change: LocalKeys): { keys?: Uint8Array[] } & Partial<Verification> {
  if (typeof change !== 'object' || change === null)
    throw new InvalidArgument('keys.setLocal: the change must be an object')
  const { encryptionKeys, verifyIncoming, verifyOutgoing, ...rest } = change
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined)
    throw new InvalidArgument(`keys.setLocal: there is nothing named ${JSON.stringify(unknown)} to change`)
  refuseNoFlag('verifyIncoming', verifyIncoming)
  refuseNoFlag('verifyOutgoing', verifyOutgoing)
  return {
    ...(encryptionKeys !== undefined && { keys: settleKeys('encryptionKeys', encryptionKeys) }),
    ...(verifyIncoming !== undefined && { incoming: verifyIncoming ? 'verified' : 'any' }),
    ...(verifyOutgoing !== undefined && { outgoing: verifyOutgoing ? 'sealed' : 'plain' }),
  }
}

function refuseNoFlag(option: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean')
    throw new InvalidOption(option, value, 'true or false')
}
