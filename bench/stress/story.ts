/**
 * What happened in a stress run: who said what of whom and when, and what was done to whom. Plain data, gathered by those who play a scenario and
 * judged by `verdicts.ts` alone. Instants are milliseconds of the wall clock, since they come from many processes.
 */

/** Somebody said that somebody failed. */
export interface Failure {
  who: string
  by: string
  at: number
}

/** What those know of a false failure whom it concerns, asked when it was said. */
export interface Trace {
  failure: Failure
  /** Excuses for whoever failed or said so, and when they ended, as lines with instants. */
  excuses: string[]
  witness: string[]
  accused: string[]
}

/** For so long it is true, or nobody's fault, that `who` looks failed. Absent: everybody. */
export interface Excuse {
  who?: ReadonlySet<string>
  by?: ReadonlySet<string>
  from: number
  until: number
}

/** One life of a process that was killed and started again with its files. */
export interface Restart {
  who: string
  /** Milliseconds until it listed somebody else alive again without having been told of anybody; undefined: not within `within`. */
  backAfter: number | undefined
  within: number
}

/** One look at the memory of a process, after its garbage was collected where it is ours. */
export interface MemorySample {
  at: number
  /** Resident. */
  bytes: number
  /** What its threads hold, heaps and buffers; ours only. */
  held?: number
  /** How much of that is compiled code. */
  code?: number
}

export interface MemorySeries {
  who: string
  kind: PlayerKind
  samples: MemorySample[]
}

/** What is so of a scenario alone. */
export interface Check {
  what: string
  measured: string
  outcome: 'met' | 'not met'
}

/** How the pool came to rest after the trouble was over. */
export interface Calm {
  /** Stated beforehand, in milliseconds. */
  bound: number
  /** Undefined: never within the bound. */
  agreedAfter: number | undefined
  /** Whose view is another one than it must be, and in what. */
  differing: string[]
}

export type PlayerKind = 'ours' | 'agent'

/** More failures than that are counted and not kept. */
const MOST_FAILURES = 20_000
/** False failures that are traced. */
const MOST_TRACES = 20
/** Hearings of one event are told apart up to this number. */
const MANY = 255

export class Story {
  /** Those who must never be called failed without an excuse. */
  readonly members = new Set<string>()
  failures: Failure[] = []
  failuresLeftOut = 0
  readonly traces: Trace[] = []
  /** Told of each failure that looks false when it is said. */
  readonly #onSuspicious: ((failure: Failure) => void)[] = []
  /** Failures that were excused, or nobody's who counts, and are kept no longer. */
  failuresSettled = 0
  readonly excuses: Excuse[] = []
  /** By the life of a listener: how often it heard each numbered event. */
  readonly heard = new Map<string, Uint8Array>()
  /** What is left of lives that are over: how much they heard, and what they heard twice. */
  readonly past: { hearings: number; twice: string[] } = { hearings: 0, twice: [] }
  /** How often each of ours has begun to suspect somebody: whether the trouble was felt at all. */
  readonly suspicions = new Map<string, number>()
  /** Crashes of actors of ours, names lost, errors logged. */
  readonly mishaps: string[] = []
  eventsSent = 0
  queriesSent = 0
  answers = 0
  readonly restarts: Restart[] = []
  readonly checks: Check[] = []
  calms: Calm[] = []
  readonly memory = new Map<string, MemorySeries>()

  failed(failure: Failure): void {
    if (this.failures.length < MOST_FAILURES) this.failures.push(failure)
    else this.failuresLeftOut += 1
    if (this.#isFalse(failure)) for (const told of this.#onSuspicious) told(failure)
  }

  onSuspicious(told: (failure: Failure) => void): void {
    this.#onSuspicious.push(told)
  }

  trace(trace: Trace): void {
    if (this.traces.length < MOST_TRACES) this.traces.push(trace)
  }

  /** Of members, and with nobody's excuse. */
  get falseFailures(): Failure[] {
    return this.failures.filter((failure) => this.#isFalse(failure))
  }

  #isFalse(failure: Failure): boolean {
    return this.members.has(failure.who) && !isExcused(failure, this.excuses)
  }

  /** It is calm, and no excuse will be added for what was said so far: what is excused is only counted from here on. */
  settleFailures(): void {
    const left = this.falseFailures
    this.failuresSettled += this.failures.length - left.length
    this.failures = left
  }

  /** `life`: the listener, anew for every start of its process. */
  hear(life: string, event: number): void {
    let counts = this.heard.get(life)
    if (counts === undefined || event >= counts.length) {
      const longer = new Uint8Array(Math.max(1024, 2 * event))
      longer.set(counts ?? [])
      this.heard.set(life, longer)
      counts = longer
    }
    counts[event] = Math.min(MANY, counts[event] + 1)
  }

  /** A life is over of which nothing more must be known than whether it heard anything twice. */
  forget(life: string): void {
    const { hearings, twice } = hearingsOf(life, this.heard.get(life) ?? new Uint8Array(0))
    this.past.hearings += hearings
    this.past.twice.push(...twice.slice(0, MOST_FAILURES - this.past.twice.length))
    this.heard.delete(life)
  }

  /** An excuse that lasts until it is closed. */
  excuse(who: Iterable<string> | 'anybody', by?: Iterable<string>): Excuse {
    const excuse: Excuse = { from: wallClock(), until: Number.POSITIVE_INFINITY }
    if (who !== 'anybody') excuse.who = new Set(who)
    if (by !== undefined) excuse.by = new Set(by)
    this.excuses.push(excuse)
    return excuse
  }

  check(what: string, measured: string, outcome: Check['outcome']): void {
    this.checks.push({ what, measured, outcome })
  }

  sample(who: string, kind: PlayerKind, sample: Omit<MemorySample, 'at'>): void {
    const series = this.memory.get(who) ?? { who, kind, samples: [] }
    series.samples.push({ at: wallClock(), ...sample })
    this.memory.set(who, series)
  }
}

/** How many events a life heard, and which of them more than once. */
export function hearingsOf(life: string, counts: Uint8Array): { hearings: number; twice: string[] } {
  const twice: string[] = []
  let hearings = 0
  for (let event = 0; event < counts.length; event++) {
    if (counts[event] > 0) hearings += 1
    if (counts[event] > 1) twice.push(`s-${event} ${counts[event]} times at ${life}`)
  }
  return { hearings, twice }
}

/** Milliseconds that mean the same in every process of the machine. */
export function wallClock(): number {
  return performance.timeOrigin + performance.now()
}

function isExcused({ who, by, at }: Failure, excuses: readonly Excuse[]): boolean {
  return excuses.some(
    (excuse) =>
      at >= excuse.from &&
      at <= excuse.until &&
      (excuse.who?.has(who) ?? true) &&
      (excuse.by?.has(by) ?? true),
  )
}
