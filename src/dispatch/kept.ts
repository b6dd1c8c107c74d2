/**
 * What a member keeps in files, put together: the reading at its start, the snapshot and what waits for it, the tags file. Without any of
 * these options all of it is as if it were not there.
 */
import type { Envelope } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import type { DispatchCommand, ToDispatch } from '../actors/mail.ts'
import type { Notice } from '../actors/notices.ts'
import { FileUnreadable, FileUnwritable, TagsTooLarge } from '../errors/errors.ts'
import { toPlain } from '../errors/plain.ts'
import type { Settings } from '../options/options.ts'
import { encodeTags, META_LIMIT } from '../wire/tags.ts'
import { Ahead } from './ahead.ts'
import type { Files } from './files.ts'
import type { KeyringKeeper } from './keyring-keeper.ts'
import { Snapshot } from './snapshot.ts'
import { type Found, startUp } from './startup.ts'
import { TAGS_MODE, writeTags } from './tags-file.ts'
import type { DispatchWorld } from './world.ts'

type Mail<Type extends ToDispatch['type']> = Extract<ToDispatch, { type: Type }>
/** Commands that are answered when a file says so. */
export type FileCommand = Extract<DispatchCommand, { type: 'restore' | 'sync' | 'keep-tags' | 'encrypt' }>

const FILE_COMMANDS: ReadonlySet<string> = new Set<FileCommand['type']>([
  'restore',
  'sync',
  'keep-tags',
  'encrypt',
])

export function isFileCommand(command: DispatchCommand): command is FileCommand {
  return FILE_COMMANDS.has(command.type)
}

type Reply = (envelope: Envelope<null>) => void

export interface KeptParts {
  world: DispatchWorld
  files: Files
  keeper: KeyringKeeper
  counters: Counters
  notice(notice: Notice): void
  /** Facts that may go on to the host. */
  pass(facts: Mail<'facts'>): void
}

export class Kept {
  readonly files: Files
  readonly #settings: Settings
  readonly #parts: KeptParts
  readonly #snapshot: Snapshot | undefined
  readonly #ahead: Ahead
  /** The host's tags, all of them: a member of protocol 2 shows its role alone. */
  tags: Readonly<Record<string, string>>
  #now = 0

  constructor(settings: Settings, parts: KeptParts) {
    const { world, counters } = parts
    const { snapshotPath, rejoinAfterLeave } = settings
    this.#settings = settings
    this.#parts = parts
    this.files = parts.files
    this.#ahead = new Ahead(parts.pass, counters)
    this.tags = settings.tags
    if (snapshotPath === '') return
    this.#snapshot = new Snapshot(snapshotPath, rejoinAfterLeave ? 'keep' : 'forget', {
      files: this.files,
      counters,
      now: () => this.#now,
      written: (line) => this.#ahead.written(line),
      trouble: ({ code, message }) => {
        world.log('warn', `the snapshot could not be kept: ${message}`)
        parts.notice({ type: 'disk-error', file: 'snapshot', path: snapshotPath, code, message })
      },
    })
  }

  get wakeAt(): number {
    return Math.min(this.#ahead.wakeAt, this.#snapshot?.wakeAt ?? Number.POSITIVE_INFINITY)
  }

  /** Time passes: to be told at the beginning of every turn. */
  enter(now: number): void {
    this.#now = now
  }

  wake(now: number): void {
    this.#ahead.wake(now)
    this.#snapshot?.wake(now)
  }

  /** Facts as they come. The line of the snapshot that must be written before the host sees them; 0: none. */
  heard(mail: Mail<'facts'>): number {
    return this.#snapshot?.facts(mail.bytes) ?? 0
  }

  /** The same facts, for the host as soon as that line is written. */
  passOn(mail: Mail<'facts'>, line: number): void {
    this.#ahead.take(mail, line, this.#now)
  }

  clock({ memberTime }: Mail<'clock'>): void {
    this.#snapshot?.memberTime(memberTime)
  }

  leaving(): void {
    this.#snapshot?.leaving()
  }

  command(id: number, command: FileCommand): void {
    const { world } = this.#parts
    switch (command.type) {
      case 'restore':
        return this.#restore((envelope) => world.reply(id, envelope))
      case 'keep-tags':
        return this.#keepTags(command.tags, (envelope) => world.reply(id, envelope))
      case 'encrypt':
        return this.#encrypt(command, (envelope) => world.reply(id, envelope))
      case 'sync': {
        const done = () => world.reply(id, { ok: true, value: null, after: 0 })
        if (this.#snapshot === undefined) done()
        else this.#snapshot.sync(done)
      }
    }
  }

  #restore(reply: (envelope: Envelope<unknown>) => void): void {
    startUp(this.#settings, { files: this.files, snapshot: this.#snapshot }, (envelope: Envelope<Found>) => {
      if (envelope.ok) this.#restoreKeys(envelope.value, reply)
      else reply(envelope)
    })
  }

  /** Answers only when the keys are in force: nothing is bound before. */
  #restoreKeys({ keys, restored }: Found, reply: (envelope: Envelope<unknown>) => void): void {
    const { keyringFile, encryptionKeys } = this.#settings
    const { keeper, world } = this.#parts
    this.tags = restored.tags ?? this.tags
    const done = () => reply({ ok: true, value: restored, after: 0 })
    if (keyringFile === '') return done()
    if (keys !== undefined) {
      if (encryptionKeys.length > 0)
        world.log('info', `keys are those of ${keyringFile}, not of encryptionKeys`)
      return keeper.begin(keys, done)
    }
    if (encryptionKeys.length === 0) {
      const reason = 'it does not exist, and encryptionKeys names no first key'
      return reply({ ok: false, error: toPlain(new FileUnreadable('keyring', keyringFile, reason)) })
    }
    keeper.found((error) => {
      if (error === '') done()
      else reply({ ok: false, error: toPlain(new FileUnwritable('keyring', keyringFile, error)) })
    })
  }

  #encrypt({ type: _, ...change }: FileCommand & { type: 'encrypt' }, reply: Reply): void {
    const path = this.#settings.keyringFile
    this.#parts.keeper.own(change, (error) => {
      if (error === '') reply({ ok: true, value: null, after: 0 })
      else reply({ ok: false, error: toPlain(new FileUnwritable('keyring', path, error)) })
    })
  }

  /** Tags that no peer could be told of must not stand in the file either. */
  #keepTags(tags: Record<string, string>, reply: Reply): void {
    const { tagsFile, protocolVersion } = this.#settings
    const kept = () => {
      this.tags = tags
      reply({ ok: true, value: null, after: 0 })
    }
    if (tagsFile === '') return kept()
    const { length } = encodeTags(tags, protocolVersion)
    if (length > META_LIMIT) {
      return reply({ ok: false, error: toPlain(new TagsTooLarge(length, META_LIMIT)) })
    }
    this.files.replace(tagsFile, writeTags(tags), TAGS_MODE, (outcome) => {
      if (outcome.ok) kept()
      else reply({ ok: false, error: toPlain(new FileUnwritable('tags', tagsFile, outcome.message)) })
    })
  }
}
