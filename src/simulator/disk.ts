/**
 * The disk of a simulated node: a string of bytes per file, which outlives the process. Operations take a while by chance, those on one path
 * in order. Faults are switched on from outside: a disk that is full or read-only, a crash that tears the write under way, a loss of power
 * that takes with it what was not synced.
 */
import type { SeededRandom } from '../actors/random.ts'
import type { FileOperation, FileOutcome } from '../dispatch/files.ts'
import type { Schedule } from './schedule.ts'

/** Longest that an operation takes while the disk is well. */
const LONGEST = 5
const NOTHING = new Uint8Array(0)

interface File {
  bytes: Uint8Array
  /** Bytes that a loss of power leaves. */
  synced: number
}

interface UnderWay {
  operation: FileOperation
  isLost: boolean
}

type Writing = Exclude<FileOperation, { type: 'read' }>

export class SimulatedDisk {
  readonly #schedule: Schedule
  /** Made when it is needed: a node without files draws as it did before there were any. */
  readonly #makeRandom: () => SeededRandom
  #made: SeededRandom | undefined
  readonly #files = new Map<string, File>()
  #underWay: UnderWay[] = []
  readonly #freeAt = new Map<string, number>()
  /** Bytes that all files together may have. A write that does not fit is written as far as it does, and fails. */
  capacity = Number.POSITIVE_INFINITY
  /** Whether files can be written, and whether new ones can be made beside them, which replacing one needs. */
  mode: 'writable' | 'no-new-files' | 'read-only' = 'writable'
  /** Added to the time of every operation. */
  delay = 0

  constructor(schedule: Schedule, makeRandom: () => SeededRandom) {
    this.#schedule = schedule
    this.#makeRandom = makeRandom
  }

  get #random(): SeededRandom {
    this.#made ??= this.#makeRandom()
    return this.#made
  }

  /** What stands in a file; undefined when there is none. */
  read(path: string): Uint8Array | undefined {
    return this.#files.get(path)?.bytes.slice()
  }

  /** Puts a file there, from outside. */
  write(path: string, bytes: Uint8Array): void {
    this.#files.set(path, { bytes: bytes.slice(), synced: bytes.length })
  }

  run(operation: FileOperation, finished: (number: number, outcome: FileOutcome) => void): void {
    const { path, number } = operation
    const startAt = Math.max(this.#schedule.now, this.#freeAt.get(path) ?? 0)
    const at = startAt + this.#random.next() * LONGEST + this.delay
    this.#freeAt.set(path, at)
    const underWay = { operation, isLost: false }
    this.#underWay.push(underWay)
    this.#schedule.at(at, () => {
      if (underWay.isLost) return
      this.#underWay = this.#underWay.filter((one) => one !== underWay)
      finished(number, this.#do(operation))
    })
  }

  /** The process died: what it was writing is written as far as chance will have it, a replacement wholly or not at all. */
  crash(): void {
    for (const underWay of this.#underWay) {
      underWay.isLost = true
      const { operation } = underWay
      // One after the other: behind one that did not happen none does.
      const share = this.#random.next()
      if (operation.type === 'append')
        this.#append(operation, Math.floor(share * (operation.bytes.length + 1)))
      else if (operation.type === 'replace' && share < 0.5) this.#do(operation)
      if (operation.type !== 'read') break
    }
    for (const underWay of this.#underWay) underWay.isLost = true
    this.#underWay = []
    this.#freeAt.clear()
  }

  /** The machine lost its power, the process with it: what was not synced is gone, or zeroed. */
  losePower(what: 'gone' | 'zeroed'): void {
    for (const file of this.#files.values()) {
      if (what === 'gone') file.bytes = file.bytes.slice(0, file.synced)
      else file.bytes.fill(0, file.synced)
    }
  }

  #do(operation: FileOperation): FileOutcome {
    if (operation.type !== 'read') return this.#write(operation)
    const file = this.#files.get(operation.path)
    if (file !== undefined) return { ok: true, bytes: file.bytes.slice() }
    return { ok: false, code: 'ENOENT', message: `no such file: ${operation.path}` }
  }

  #write(operation: Writing): FileOutcome {
    const { type, path, bytes } = operation
    const isNew = type === 'replace' || !this.#files.has(path)
    if (this.mode === 'read-only' || (this.mode === 'no-new-files' && isNew)) {
      return { ok: false, code: 'EROFS', message: `read-only: ${path}` }
    }
    // A replacement needs room for both for a moment.
    const used = [...this.#files.values()].reduce((sum, file) => sum + file.bytes.length, 0)
    const room = Math.max(0, this.capacity - used)
    if (bytes.length > room) {
      if (type === 'append') this.#append(operation, room)
      return { ok: false, code: 'ENOSPC', message: `no space left: ${path}` }
    }
    if (type === 'replace') this.write(path, bytes)
    else this.#append(operation, bytes.length)
    return { ok: true, bytes: NOTHING }
  }

  #append({ path, bytes, until }: Extract<FileOperation, { type: 'append' }>, count: number): void {
    const file = this.#files.get(path) ?? { bytes: NOTHING, synced: 0 }
    const longer = new Uint8Array(file.bytes.length + count)
    longer.set(file.bytes)
    longer.set(bytes.subarray(0, count), file.bytes.length)
    const synced = until === 'sync' && count === bytes.length ? longer.length : file.synced
    this.#files.set(path, { bytes: longer, synced })
  }
}
