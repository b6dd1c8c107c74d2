/**
 * Dispatch's files, by mail: an operation is asked for in one turn and its outcome comes as mail in another, since no actor ever waits.
 * Operations on one path are carried out in the order in which they were asked for. What the world does with them: `FileOperation`.
 */

/** What can be done to a file. `number` comes back with the outcome. */
export type FileOperation =
  /** The whole file. A file that is not there is an outcome too: code ENOENT. */
  | { type: 'read'; number: number; path: string }
  /** Adds bytes at the end; makes the file when there is none. `sync` waits for the disk, `buffer` for the system. */
  | {
      type: 'append'
      number: number
      path: string
      bytes: Uint8Array
      mode: number
      until: 'sync' | 'buffer'
    }
  /** Puts a new file in the place of the old one, whole or not at all, and waits for the disk. */
  | { type: 'replace'; number: number; path: string; bytes: Uint8Array; mode: number }

/** What became of an operation. `bytes` are a read's; `code` is the system's, such as ENOSPC. */
export type FileOutcome = { ok: true; bytes: Uint8Array } | { ok: false; code: string; message: string }

/** A failed one. */
export type FileTrouble = Extract<FileOutcome, { ok: false }>

type Done = (outcome: FileOutcome) => void

/**
 * Operations under way at most, of all files together; beyond it one is refused with EBUSY and nothing was done. Whoever writes asks
 * for one operation at a time, so this is never reached but by a host that sets tags or keys without waiting.
 */
const MOST_OPERATIONS = 64

export class Files {
  readonly #start: (operation: FileOperation) => void
  readonly #underWay = new Map<number, Done>()
  #last = 0

  /** `start` hands an operation to the world; its outcome comes back by `finished`. */
  constructor(start: (operation: FileOperation) => void) {
    this.#start = start
  }

  /** Operations whose outcome is not known yet. */
  get underWay(): number {
    return this.#underWay.size
  }

  read(path: string, done: Done): void {
    this.#run({ type: 'read', number: this.#next(), path }, done)
  }

  append(path: string, bytes: Uint8Array, mode: number, until: 'sync' | 'buffer', done: Done): void {
    this.#run({ type: 'append', number: this.#next(), path, bytes, mode, until }, done)
  }

  replace(path: string, bytes: Uint8Array, mode: number, done: Done): void {
    this.#run({ type: 'replace', number: this.#next(), path, bytes, mode }, done)
  }

  /** Mail from the world: an operation is over. */
  finished(number: number, outcome: FileOutcome): void {
    const done = this.#underWay.get(number)
    this.#underWay.delete(number)
    done?.(outcome)
  }

  #next(): number {
    this.#last += 1
    return this.#last
  }

  #run(operation: FileOperation, done: Done): void {
    if (this.#underWay.size >= MOST_OPERATIONS) {
      done({ ok: false, code: 'EBUSY', message: `${MOST_OPERATIONS} operations on files are under way` })
      return
    }
    this.#underWay.set(operation.number, done)
    this.#start(operation)
  }
}
