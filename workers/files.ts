/**
 * Files for dispatch, on the real file system. Nothing here waits in a turn: each path has a line of operations of its own, one is carried
 * out at a time, and its outcome goes back as mail. A file that is appended to stays open; before it is replaced it is closed, since
 * Windows renames nothing over an open one.
 */
import { access, type FileHandle, open, realpath, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FileOperation, FileOutcome } from '../src/dispatch/files.ts'

/** A file longer than this is none of ours: it is not read. */
const LONGEST_FILE = 256 * 1024 * 1024
/** Waits before a rename is tried again that Windows refused, since a virus scanner or an indexer held the file for a moment. */
const RENAME_WAITS = [10, 50, 200, 500]
const HELD_BY_OTHERS = ['EPERM', 'EACCES', 'EBUSY']
const NOTHING = new Uint8Array(0)

export class DiskFiles {
  readonly #finished: (number: number, outcome: FileOutcome) => void
  readonly #lines = new Map<string, Promise<void>>()
  readonly #open = new Map<string, FileHandle>()

  constructor(finished: (number: number, outcome: FileOutcome) => void) {
    this.#finished = finished
  }

  run(operation: FileOperation): void {
    const { path, number } = operation
    const before = this.#lines.get(path) ?? Promise.resolve()
    const line = before.then(async () => this.#finished(number, await outcomeOf(() => this.#do(operation))))
    this.#lines.set(path, line)
  }

  /** Waits for what was asked for and lets go of every file. */
  async close(): Promise<void> {
    await Promise.all(this.#lines.values())
    for (const path of [...this.#open.keys()]) await this.#letGo(path)
  }

  #do(operation: FileOperation): Promise<Uint8Array> {
    switch (operation.type) {
      case 'read':
        return read(operation.path)
      case 'append':
        return this.#append(operation)
      case 'replace':
        return this.#replace(operation)
    }
  }

  async #append(operation: Extract<FileOperation, { type: 'append' }>): Promise<Uint8Array> {
    const { path, bytes, mode, until } = operation
    const handle = this.#open.get(path) ?? (await open(path, 'a', mode))
    this.#open.set(path, handle)
    try {
      if (bytes.length > 0) await handle.appendFile(bytes)
      if (until === 'sync') await handle.sync()
    } catch (error) {
      // Whatever is wrong with it, the next attempt opens it anew.
      await this.#letGo(path)
      throw error
    }
    return NOTHING
  }

  async #replace({ path, bytes, mode }: Extract<FileOperation, { type: 'replace' }>): Promise<Uint8Array> {
    // The new file goes where the old one is, not where a link to it is.
    const target = await realpath(path).catch(() => path)
    const temporary = `${target}.new`
    await unlink(temporary).catch(() => undefined)
    try {
      // Made here and now: what somebody else may have put there is not written to.
      const handle = await open(temporary, 'wx', mode)
      try {
        await handle.writeFile(bytes)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await this.#letGo(path)
      await renamed(temporary, target)
    } catch (error) {
      await unlink(temporary).catch(() => undefined)
      throw error
    }
    await syncFolder(dirname(target))
    return NOTHING
  }

  async #letGo(path: string): Promise<void> {
    const handle = this.#open.get(path)
    this.#open.delete(path)
    await handle?.close().catch(() => undefined)
  }
}

/** A file that is not there may be made later; in a folder that is not there it never will be, and whoever named it is told so at once. */
async function opened(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (error) {
    const folder = dirname(path)
    if (await isThere(folder)) throw error
    throw Object.assign(new Error(`the folder ${folder} is not there`), { code: 'ENOTDIR' })
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

async function read(path: string): Promise<Uint8Array> {
  const handle = await opened(path)
  try {
    const { size } = await handle.stat()
    if (size > LONGEST_FILE) {
      throw Object.assign(new Error(`${path} has ${size} bytes, more than ${LONGEST_FILE}`), {
        code: 'EFBIG',
      })
    }
    const bytes = await handle.readFile()
    // Not out of a pool: the bytes go on to somebody else.
    return Uint8Array.from(bytes)
  } finally {
    await handle.close()
  }
}

async function renamed(from: string, to: string): Promise<void> {
  for (const wait of process.platform === 'win32' ? RENAME_WAITS : []) {
    const outcome = await outcomeOf(() => rename(from, to).then(() => NOTHING))
    if (outcome.ok) return
    if (!HELD_BY_OTHERS.includes(outcome.code)) break
    await sleep(wait)
  }
  await rename(from, to)
}

/** So that the new name survives a loss of power; not every system can, and the file itself is safe all the same. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined)
  await folder?.sync().catch(() => undefined)
  await folder?.close().catch(() => undefined)
}

async function outcomeOf(run: () => Promise<Uint8Array>): Promise<FileOutcome> {
  try {
    return { ok: true, bytes: await run() }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'EUNKNOWN'
    return { ok: false, code, message: error instanceof Error ? error.message : String(error) }
  }
}
