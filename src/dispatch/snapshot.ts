/**
 * The snapshot: a file that remembers, across restarts, who was in the pool and how far the Lamport clocks had come (protocol page 2,
 * section 4.11). It has a feed of its own, before anything is thinned for a slow host, and never loses a fact: what is true stands in
 * memory, and the file can be written anew from it at any time. So lines that cannot be written are let go, and the file is replaced
 * as soon as the disk takes it again.
 *
 *     a line to write         appended at once, or with all others as soon as the append before it is over
 *     the file is long        replaced by a short one, whole or not at all; where that fails, tried again after 30 s
 *     the file is damaged,    replaced; where that fails, everything is appended behind a `leave`, which makes a reader forget what
 *     or lines were let go    stands before it; where that fails too, all is tried again after 30 s
 */
import type { Counters } from '../actors/counters.ts'
import { FACT, FactReader, STATUS } from '../actors/facts.ts'
import { fromLatin, toLatin } from '../actors/latin.ts'
import { LAMPORT_LIMIT } from '../gossip/lamport.ts'
import { formatIp, formatPlace } from '../wire/address.ts'
import type { FileOutcome, Files, FileTrouble } from './files.ts'
import { aliveLine, failedLines, goneLine, Remembered } from './remembered.ts'

/** Length from which on the file is replaced: this, or so much for each member it remembers. Serf's numbers. */
const LONG = 131_072
const LONG_PER_MEMBER = 256
/** Between two attempts to write while the disk refuses. */
const RETRY_AFTER = 30_000
/** What a loss of power may cost at most while lines are written; the death of the process costs nothing. */
const SYNC_EVERY = 5_000
/** Bytes of lines that wait while the disk is busy; beyond it they are let go and the file is replaced instead. */
const MOST_PENDING = 1_048_576
/** Snapshots are for everybody to read, as Serf's are. */
const MODE = 0o644
const LINE_FEED = 10
const CLOCK_OF: Partial<Record<number, 'event' | 'query'>> = {
  [FACT.userEvent]: 'event',
  [FACT.query]: 'query',
}
/** Ends a line that was cut off: no clock and no member can be read out of it then. */
const CUT_OFF = ' (cut off)\n'

/** Reading fails so when it is not the disk's fault but that of whoever named the file. */
const MISTAKES = ['EACCES', 'EPERM', 'EISDIR', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG']

export interface SnapshotParts {
  files: Files
  counters: Counters
  now(): number
  /** The file could not be read or written. */
  trouble(trouble: FileTrouble): void
  /** The file holds all lines up to this number, or it cannot and nobody must wait for it. */
  written(line: number): void
}

type Callback = () => void
/** Milliseconds that the disk took, under Serf's names. */
const TIMERS = { append: 'serf.snapshot.appendLine', replace: 'serf.snapshot.compact' } as const

export class Snapshot {
  readonly #path: string
  readonly #parts: SnapshotParts
  readonly #leaves: 'forget' | 'keep'
  #remembered: Remembered
  #pending = ''
  /** Lines told so far, written or not. */
  #lines = 0
  #size = 0
  #isBusy = false
  /** Whether the file and what is pending together say what is true. */
  #isWhole = true
  /** Whether the file may end within a line. */
  #isCutOff = false
  /** From then on an append waits for the disk: the system's own memory is lost with the power. */
  #syncAt = Number.NEGATIVE_INFINITY
  #replaceAt = Number.NEGATIVE_INFINITY
  #isLeaving = false
  #syncs: Callback[] = []
  /** While the disk refuses: when it is tried again; `Infinity` while all is well. */
  wakeAt = Number.POSITIVE_INFINITY

  constructor(path: string, leaves: 'forget' | 'keep', parts: SnapshotParts) {
    this.#path = path
    this.#leaves = leaves
    this.#parts = parts
    this.#remembered = new Remembered(leaves)
  }

  /**
   * Reads what was remembered. Called once, before any fact. A file that is missing, damaged or unreadable for the disk costs what was
   * in it; one that we may not read, or that is none, is the mistake of whoever named it.
   */
  restore(done: (outcome: { ok: true; remembered: Remembered } | FileTrouble) => void): void {
    this.#parts.files.read(this.#path, (outcome) => {
      if (outcome.ok) this.#recover(outcome.bytes)
      else if (MISTAKES.includes(outcome.code)) return done(outcome)
      else if (outcome.code !== 'ENOENT') {
        this.#isWhole = false
        this.#report(outcome)
      }
      done({ ok: true, remembered: this.#remembered })
      this.#pump()
    })
  }

  /**
   * Takes facts in. The number that comes back is that of the last line about an event in them, 0 for none: a host must not see those
   * events before that line is written, or it would see them again after a crash.
   */
  facts(bytes: Uint8Array): number {
    if (this.#isLeaving) return 0
    let last = 0
    for (const reader = new FactReader(bytes); !reader.atEnd; reader.next()) {
      if (reader.isMember) this.#member(reader)
      const clock = CLOCK_OF[reader.kind]
      if (clock !== undefined && this.#time(clock, reader.lamportTime)) last = this.#lines
    }
    this.#pump()
    return last
  }

  /** How far the clock of members has come: its next time. */
  memberTime(next: number): void {
    this.#time('member', next - 1)
    this.#pump()
  }

  /** We leave: from now on only the clock of members is written. */
  leaving(): void {
    if (this.#isLeaving) return
    this.#isLeaving = true
    if (this.#leaves === 'forget') this.#remembered.forget()
    this.#add('leave\n')
    this.sync(() => undefined)
  }

  /** Calls back once the disk holds all that was told so far, or has refused it. */
  sync(done: Callback): void {
    this.#syncs.push(done)
    this.#pump()
  }

  wake(now: number): void {
    if (now < this.wakeAt) return
    this.wakeAt = Number.POSITIVE_INFINITY
    this.#pump()
  }

  #recover(file: Uint8Array): void {
    const { remembered, damaged } = Remembered.read(file, this.#leaves)
    this.#remembered = remembered
    this.#size = file.length
    if (damaged === 0) return
    this.#parts.counters.add('folkmoot.snapshot.damaged-lines', damaged)
    this.#isWhole = false
    this.#isCutOff = file.at(-1) !== LINE_FEED
  }

  #member(reader: FactReader): void {
    const name = toLatin(reader.name)
    const ip = formatIp(reader.address)
    const address = formatPlace(ip, reader.port)
    // Neither can be rejoined, nor written.
    if (name === '' || ip === '') return
    const { alive, failed } = this.#remembered
    switch (reader.kind) {
      case FACT.memberJoin:
        return this.#joined(name, address)
      case FACT.memberKnown:
        if (reader.status === STATUS.alive && alive.get(name) !== address) this.#joined(name, address)
        return
      case FACT.memberUpdate:
        if (alive.has(name) && alive.get(name) !== address) this.#joined(name, address)
        return
      case FACT.memberFailed:
        this.#remembered.died(name, address)
        return this.#add(failedLines(name, address))
      case FACT.memberReap:
        if (!alive.has(name) && !failed.has(name)) return
        this.#remembered.gone(name)
        return this.#add(goneLine(name))
      case FACT.memberLeave:
        this.#remembered.gone(name)
        return this.#add(goneLine(name))
    }
  }

  #joined(name: string, address: string): void {
    this.#remembered.joined(name, address)
    this.#add(aliveLine(name, address))
  }

  /** Whether the time is new. */
  #time(clock: 'member' | 'event' | 'query', time: number): boolean {
    if (time <= this.#remembered.clocks[clock] || time > LAMPORT_LIMIT) return false
    this.#remembered.clocks[clock] = time
    this.#add(`${clock === 'member' ? '' : `${clock}-`}clock: ${time}\n`)
    return true
  }

  #add(text: string): void {
    this.#lines += 1
    this.#pending += text
    if (this.#pending.length <= MOST_PENDING) return
    this.#parts.counters.add('folkmoot.snapshot.overrun')
    this.#isWhole = false
    this.#pending = ''
  }

  /** Starts the next operation when there is one to do and none under way. */
  #pump(): void {
    if (this.#isBusy) return
    if (this.wakeAt !== Number.POSITIVE_INFINITY) return this.#giveUp()
    if (!this.#isWhole || this.#isLong) return this.#replace()
    if (this.#pending !== '' || this.#syncs.length > 0) this.#append()
  }

  get #isLong(): boolean {
    const { alive, failed } = this.#remembered
    const long = Math.max(LONG, LONG_PER_MEMBER * (alive.size + failed.size))
    return this.#size > long && this.#parts.now() >= this.#replaceAt
  }

  #append(): void {
    const bytes = fromLatin(this.#pending)
    const now = this.#parts.now()
    const until = this.#syncs.length > 0 || now >= this.#syncAt ? 'sync' : 'buffer'
    if (until === 'sync') this.#syncAt = now + SYNC_EVERY
    this.#write('append', bytes, until, (outcome) => {
      this.#size += bytes.length
      if (outcome.ok) return
      // How much of it was written nobody knows.
      this.#isWhole = false
      this.#isCutOff = true
      this.#refused(outcome)
    })
  }

  #replace(): void {
    const pending = this.#pending
    // Behind a leave Serf's own line stays the first: what follows is no pool to rejoin.
    const bytes = fromLatin(`${this.#isLeaving ? 'leave\n' : ''}${this.#remembered.lines()}`)
    this.#write('replace', bytes, 'sync', (outcome) => {
      if (outcome.ok) {
        this.#size = bytes.length
        this.#isWhole = true
        this.#isCutOff = false
        return
      }
      if (!this.#isWhole) return this.#appendAll(outcome)
      this.#pending = pending + this.#pending
      this.#replaceAt = this.#parts.now() + RETRY_AFTER
      this.#report(outcome)
    })
  }

  /** The second best: the same behind what is there. */
  #appendAll(reason: FileTrouble): void {
    const bytes = fromLatin(`${this.#isCutOff ? CUT_OFF : ''}leave\n${this.#remembered.lines()}`)
    this.#write('append', bytes, 'sync', (outcome) => {
      this.#size += bytes.length
      this.#isCutOff = !outcome.ok
      if (!outcome.ok) return this.#refused(reason)
      this.#isWhole = true
      this.#replaceAt = this.#parts.now() + RETRY_AFTER
      this.#report(reason)
    })
  }

  /** All that is pending goes with these bytes, or is let go with them. */
  #write(
    type: 'append' | 'replace',
    bytes: Uint8Array,
    until: 'sync' | 'buffer',
    done: (outcome: FileOutcome) => void,
  ): void {
    const { files, written } = this.#parts
    const line = this.#lines
    const syncs = this.#syncs
    this.#pending = ''
    this.#syncs = []
    this.#isBusy = true
    const { now, counters } = this.#parts
    const startedAt = now()
    const finished = (outcome: FileOutcome) => {
      this.#isBusy = false
      counters.observe(TIMERS[type], now() - startedAt)
      done(outcome)
      if (outcome.ok) {
        written(line)
        for (const synced of syncs) synced()
      } else this.#syncs = [...syncs, ...this.#syncs]
      this.#pump()
    }
    if (type === 'replace') files.replace(this.#path, bytes, MODE, finished)
    else files.append(this.#path, bytes, MODE, until, finished)
  }

  #refused(trouble: FileTrouble): void {
    this.#report(trouble)
    this.wakeAt = this.#parts.now() + RETRY_AFTER
  }

  #report(trouble: FileTrouble): void {
    this.#parts.counters.add('folkmoot.snapshot.failed')
    this.#parts.trouble(trouble)
  }

  /** Nobody waits for a disk that refuses: everything is in memory, and goes with the next attempt. */
  #giveUp(): void {
    this.#pending = ''
    this.#parts.written(this.#lines)
    for (const done of this.#syncs.splice(0)) done()
  }
}
