/** A snapshot on a simulated disk, without the rest of a member. */
import { Counters } from '../../src/actors/counters.ts'
import { FACT, type MemberFact, packMember, packUserEvent } from '../../src/actors/facts.ts'
import { Pack } from '../../src/actors/packed.ts'
import { SeededRandom } from '../../src/actors/random.ts'
import { Files, type FileTrouble } from '../../src/dispatch/files.ts'
import type { Remembered } from '../../src/dispatch/remembered.ts'
import { Snapshot } from '../../src/dispatch/snapshot.ts'
import { SimulatedDisk } from '../../src/simulator/disk.ts'
import { Schedule } from '../../src/simulator/schedule.ts'

export const PATH = 'snapshot'

export const utf8 = (text: string) => new TextEncoder().encode(text)

/** Facts about members: kind, name, last number of the address. */
export function memberFacts(...members: [kind: MemberFact, name: string | Uint8Array, host: number][]) {
  const pack = new Pack()
  for (const [kind, name, host] of members) {
    packMember(pack, kind, {
      status: kind === FACT.memberFailed ? 4 : kind === FACT.memberLeave ? 3 : 1,
      row: host,
      instance: 1,
      incarnation: 1,
      statusTime: 0,
      port: 5000,
      versions: Uint8Array.of(1, 5, 2, 2, 5, 5),
      address: Uint8Array.of(127, 0, 0, host),
      name: typeof name === 'string' ? utf8(name) : name,
      meta: utf8(''),
    })
  }
  return pack.take()
}

export function eventFacts(...times: number[]): Uint8Array {
  const pack = new Pack()
  const bytes = utf8('deploy')
  for (const time of times) packUserEvent(pack, time, 'single', bytes, 0, 6, 6, 6)
  return pack.take()
}

export class LoneSnapshot {
  readonly schedule = new Schedule()
  readonly disk: SimulatedDisk
  readonly counters = new Counters()
  readonly troubles: FileTrouble[] = []
  /** Lines that are written, or given up. */
  written = 0
  snapshot: Snapshot
  #files: Files
  #life = 0

  constructor(seed = 1, leaves: 'forget' | 'keep' = 'forget') {
    const random = new SeededRandom(seed)
    this.disk = new SimulatedDisk(this.schedule, () => random)
    this.#files = this.#newFiles()
    this.snapshot = this.#newSnapshot(leaves)
  }

  get text(): string {
    return Buffer.from(this.disk.read(PATH) ?? []).toString('utf8')
  }

  /** A new process on the same disk, and what it remembers. */
  restart(leaves: 'forget' | 'keep' = 'forget'): Pick<Remembered, 'alive' | 'failed' | 'clocks'> {
    this.disk.crash()
    this.#files = this.#newFiles()
    this.snapshot = this.#newSnapshot(leaves)
    const found: Pick<Remembered, 'alive' | 'failed' | 'clocks'>[] = []
    this.snapshot.restore((outcome) => {
      if (!outcome.ok) throw new Error(outcome.message)
      const { alive, failed, clocks } = outcome.remembered
      found.push({ alive: new Map(alive), failed: new Map(failed), clocks: { ...clocks } })
    })
    while (found.length === 0 && this.schedule.step(this.schedule.now + 60_000)) {
      // Until the file is read.
    }
    return found[0]
  }

  /** Lets time pass, and wakes the snapshot when it wants to be. */
  run(milliseconds: number): void {
    const until = this.schedule.now + milliseconds
    while (this.schedule.step(Math.min(until, Math.max(this.schedule.now, this.snapshot.wakeAt)))) {
      // Files are written.
    }
    if (this.snapshot.wakeAt > until) {
      this.schedule.step(until)
      return
    }
    this.snapshot.wake(this.schedule.now)
    this.run(until - this.schedule.now)
  }

  #newFiles(): Files {
    this.#life += 1
    const life = this.#life
    const files: Files = new Files((operation) =>
      this.disk.run(operation, (number, outcome) => {
        if (life === this.#life) files.finished(number, outcome)
      }),
    )
    return files
  }

  #newSnapshot(leaves: 'forget' | 'keep'): Snapshot {
    return new Snapshot(PATH, leaves, {
      files: this.#files,
      counters: this.counters,
      now: () => this.schedule.now,
      trouble: (trouble) => this.troubles.push(trouble),
      written: (line) => {
        this.written = line
      },
    })
  }
}
