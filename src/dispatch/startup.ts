/**
 * The first thing a member does: reading what it knows from a life before. Nothing is bound yet, so that clocks and keys are in force
 * before the first packet can come. A file that is not there is no error where the options say what it would; one that says nothing we can
 * understand is, and then nothing is started and the file stays as it is.
 */
import type { Envelope } from '../actors/contract.ts'
import type { Restored } from '../actors/mail.ts'
import { FileUnreadable, type KeptFile } from '../errors/errors.ts'
import { toPlain } from '../errors/plain.ts'
import type { Settings } from '../options/options.ts'
import type { FileOutcome, Files } from './files.ts'
import { readKeyring } from './keyring-file.ts'
import type { Snapshot } from './snapshot.ts'
import { readTags } from './tags-file.ts'

/** What the files hold. Without a keyring file, or while it does not exist yet, `keys` is undefined. */
export interface Found {
  restored: Restored
  keys: Uint8Array[] | undefined
}

export interface StartupParts {
  files: Files
  snapshot: Snapshot | undefined
}

/** Reads one file after the other and calls back once. */
export function startUp(
  settings: Settings,
  parts: StartupParts,
  done: (envelope: Envelope<Found>) => void,
): void {
  const { files, snapshot } = parts
  const found: Found = {
    restored: { memberTime: 0, eventTime: 0, queryTime: 0, members: [] },
    keys: undefined,
  }
  const refuse = (file: KeptFile, path: string, reason: string) =>
    done({ ok: false, error: toPlain(new FileUnreadable(file, path, reason)) })

  const readTheTags = () => {
    const path = settings.tagsFile
    readIfThere(files, path, (outcome) => {
      if (!outcome.ok) return refuse('tags', path, outcome.message)
      const tags = outcome.bytes && readTags(outcome.bytes, settings.protocolVersion)
      if (typeof tags === 'string') return refuse('tags', path, tags)
      if (tags !== undefined) found.restored.tags = tags
      readTheKeys()
    })
  }
  const readTheKeys = () => {
    const path = settings.keyringFile
    readIfThere(files, path, (outcome) => {
      if (!outcome.ok) return refuse('keyring', path, outcome.message)
      const keys = outcome.bytes && readKeyring(outcome.bytes)
      if (typeof keys === 'string') return refuse('keyring', path, keys)
      found.keys = keys
      readTheSnapshot()
    })
  }
  const readTheSnapshot = () => {
    if (snapshot === undefined) return done({ ok: true, value: found, after: 0 })
    snapshot.restore((outcome) => {
      if (!outcome.ok) return refuse('snapshot', settings.snapshotPath, outcome.message)
      const { clocks, alive, failed } = outcome.remembered
      const members = [
        ...Array.from(alive, ([name, address]) => ({ name, address, status: 'alive' as const })),
        ...Array.from(failed, ([name, address]) => ({ name, address, status: 'failed' as const })),
      ]
      const { member: memberTime, event: eventTime, query: queryTime } = clocks
      Object.assign(found.restored, { memberTime, eventTime, queryTime, members })
      done({ ok: true, value: found, after: 0 })
    })
  }
  readTheTags()
}

type Read = { ok: true; bytes: Uint8Array | undefined } | Extract<FileOutcome, { ok: false }>

/** Without a path, or without a file, there are no bytes. */
function readIfThere(files: Files, path: string, done: (outcome: Read) => void): void {
  if (path === '') return done({ ok: true, bytes: undefined })
  files.read(path, (outcome) =>
    done(!outcome.ok && outcome.code === 'ENOENT' ? { ok: true, bytes: undefined } : outcome),
  )
}
