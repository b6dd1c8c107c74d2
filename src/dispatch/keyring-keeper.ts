/**
 * The keys of this member, in the hands of dispatch: it answers members that ask for a change (protocol page 2, section 4.10), keeps the
 * keyring file, and has detector and gossip use what it decides. A change is confirmed only when the file holds it and both have it; when the
 * file refuses, nothing has changed.
 *
 *     asked -> changed on a copy -> written -> told to gossip and the detector -> both have it -> answered
 *
 * One change at a time; those that come meanwhile wait their turn.
 */

import type { Outlet } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import type { ToGossip, Verification } from '../actors/mail.ts'
import { toBase64 } from '../options/coats.ts'
import { fingerprint } from '../wire/fingerprint.ts'
import { KEY_REFUSALS, Keyring } from '../wire/keyring.ts'
import { readKeyRequest, writeKeyAnswer } from '../wire/keys.ts'
import type { Files } from './files.ts'
import type { InternalQueries, InternalQuery } from './internal-queries.ts'
import { KEYRING_MODE, writeKeyring } from './keyring-file.ts'

export const KEY_QUERIES = {
  install: '_serf_install-key',
  use: '_serf_use-key',
  remove: '_serf_remove-key',
  list: '_serf_list-keys',
} as const
export type KeyChange = 'install' | 'use' | 'remove'

export interface KeeperRules {
  /** Empty where no file is kept. */
  keyringFile: string
  queryResponseSizeLimit: number
  /** Keys of the options, in force until others are told. */
  encryptionKeys: readonly Uint8Array[]
  verifyIncoming: boolean
  verifyOutgoing: boolean
}

export interface KeeperParts {
  files: Files
  gossip: Outlet<ToGossip>
  counters: Counters
  now(): number
}

/** Changes that may wait; beyond it one is answered with an error at once. */
const MOST_WAITING = 64
/** A list that is too long for an answer begins with so many keys: one for each 25 bytes of the limit. */
const BYTES_PER_KEY = 25
const TOO_MANY = 'too many changes of the keyring are under way'
const NO_KEYRING = 'Keyring is empty (encryption not enabled)'

/** A change that waits for its turn: a member's, or the host's own. */
type Change = (next: () => void) => void

/** Keys of this member alone, and what they are for; what is left out stays. */
export type OwnKeys = { keys?: Uint8Array[] } & Partial<Verification>

export class KeyringKeeper {
  readonly #path: string
  readonly #sizeLimit: number
  readonly #parts: KeeperParts
  #keyring: Keyring
  #verify: Verification
  #waiting: Change[] = []
  #isBusy = false
  #number = 0
  #set: { number: number; done: () => void } | undefined

  constructor(rules: KeeperRules, parts: KeeperParts) {
    this.#path = rules.keyringFile
    this.#sizeLimit = rules.queryResponseSizeLimit
    this.#keyring = ringOf(rules.encryptionKeys)
    this.#verify = {
      incoming: rules.verifyIncoming ? 'verified' : 'any',
      outgoing: rules.verifyOutgoing ? 'sealed' : 'plain',
    }
    this.#parts = parts
  }

  /** Of the keys in force, the primary first. */
  get fingerprints(): string[] {
    return this.#keyring.keys.map(fingerprint)
  }

  /** Takes over who answers queries about keys. */
  serve(internal: InternalQueries): void {
    for (const kind of ['install', 'use', 'remove'] as const) {
      internal.handle(KEY_QUERIES[kind], (query) => this.#asked(kind, query))
    }
    internal.handle(KEY_QUERIES.list, (query) => this.#list(query))
  }

  /** The keys out of the file at the start: calls back when everybody has them. */
  begin(keys: readonly Uint8Array[], done: () => void): void {
    this.#use(ringOf(keys), done)
  }

  /** Writes the keys of the options as the first ones of a new file. An error's text, or an empty one. */
  found(done: (error: string) => void): void {
    this.#persist(this.#keyring, done)
  }

  /** Mail: detector and gossip have the keys of this number. */
  isSet(number: number): void {
    if (this.#set === undefined || this.#set.number !== number) return
    const { done } = this.#set
    this.#set = undefined
    done()
  }

  /** The host's own change: it asks nobody else. Calls back with an error's text, or an empty one. */
  own({ keys, ...verify }: OwnKeys, done: (error: string) => void): void {
    // What is read at the next start must be a keyring.
    if (keys?.length === 0 && this.#path !== '') return done('it would contain no keys')
    const isQueued = this.#queue((next) => {
      const keyring = keys === undefined ? this.#keyring : ringOf(keys)
      const finish = (error: string) => {
        done(error)
        next()
      }
      this.#persist(keyring, (error) => {
        if (error !== '') return finish(error)
        this.#verify = { ...this.#verify, ...verify }
        this.#use(keyring, () => finish(''))
      })
    })
    if (!isQueued) done(TOO_MANY)
  }

  #asked(kind: KeyChange, query: InternalQuery): void {
    const isQueued = this.#queue((next) =>
      this.#make(kind, query, (error) => {
        this.#answer(query, error)
        next()
      }),
    )
    if (!isQueued) this.#answer(query, TOO_MANY)
  }

  /** Whether there is room for one more change. */
  #queue(change: Change): boolean {
    if (this.#waiting.length >= MOST_WAITING) {
      this.#parts.counters.add('drop.key-change')
      return false
    }
    this.#waiting.push(change)
    this.#next()
    return true
  }

  #next(): void {
    if (this.#isBusy) return
    const change = this.#waiting.shift()
    if (change === undefined) return
    this.#isBusy = true
    change(() => {
      this.#isBusy = false
      this.#next()
    })
  }

  /** Calls back with an error's text, an empty one when it is done, or undefined where Serf says nothing but no. */
  #make(kind: KeyChange, query: InternalQuery, done: (error: string | undefined) => void): void {
    const key = readKeyRequest(query.payload)
    if (key === undefined) return done(undefined)
    if (this.#keyring.size === 0) return done(KEY_REFUSALS.empty)
    const next = ringOf(this.#keyring.keys)
    const refusal = kind === 'install' ? next.add(key) : kind === 'use' ? next.use(key) : next.remove(key)
    if (refusal !== undefined) return done(KEY_REFUSALS[refusal])
    this.#persist(next, (error) => {
      if (error !== '') return done(error)
      this.#parts.counters.add(`folkmoot.keys.${kind}`)
      this.#use(next, () => done(''))
    })
  }

  #persist(keyring: Keyring, done: (error: string) => void): void {
    if (this.#path === '') return done('')
    this.#parts.files.replace(this.#path, writeKeyring(keyring.keys), KEYRING_MODE, (outcome) =>
      done(outcome.ok ? '' : `the keyring file could not be written: ${outcome.message}`),
    )
  }

  #use(keyring: Keyring, done: () => void): void {
    this.#keyring = keyring
    this.#number += 1
    this.#set = { number: this.#number, done }
    const [number, verify] = [this.#number, this.#verify]
    this.#parts.gossip.tell({ type: 'keyring', number, keys: keyring.keys, verify })
  }

  #answer(query: InternalQuery, error: string | undefined): void {
    const answer = { isDone: error === '', message: error ?? '', keys: [], primaryKey: '' }
    query.respond(writeKeyAnswer(answer), this.#parts.now())
  }

  #list(query: InternalQuery): void {
    const keys = this.#keyring.keys.map(toBase64)
    const now = this.#parts.now()
    if (keys.length === 0) return this.#answer(query, NO_KEYRING)
    const answer = (shown: number) =>
      writeKeyAnswer({
        isDone: true,
        message:
          shown === keys.length
            ? ''
            : `truncated key list response, showing first ${shown} of ${keys.length} keys`,
        keys: keys.slice(0, shown),
        primaryKey: keys[0],
      })
    if (query.fits(answer(keys.length))) return query.respond(answer(keys.length), now)
    // An answer without any key would be taken for a member that has none.
    const first = Math.min(keys.length, Math.floor(this.#sizeLimit / BYTES_PER_KEY))
    for (let shown = first; shown > 0; shown--) {
      if (query.fits(answer(shown))) return query.respond(answer(shown), now)
    }
    this.#parts.counters.add('drop.key-list-size')
  }
}

/** A ring that never seals: it needs no chance. */
function ringOf(keys: readonly Uint8Array[]): Keyring {
  return new Keyring(keys, () => undefined)
}
