/**
 * How an actor's loop is: how late it comes round, how long its turns take, what waits in its mailboxes. Measured beside the actor, which
 * knows no clock. A turn costs one look at the clock and a histogram's increment.
 *
 *     loop.lag-ms    lateness of the actor's own timers, and of one every five seconds: since the start, and p50, p99, max of the last minute or two as gauges
 *     turn.ms        length of each turn, and `turn.slow` counts those over 50 ms
 *     mailbox.X      mail of X that was told and not yet taken
 */
import type { Envelope, Log } from '../src/actors/contract.ts'
import { Counters, flatten, joinReports, type Report } from '../src/actors/counters.ts'
import { Histogram, merged, quantile } from '../src/actors/histogram.ts'
import { isNumbers, isReport } from '../src/cluster/replies.ts'
import { Warnings } from '../src/detector/warnings.ts'

/** A thread that has nothing to do is woken so seldom: each time costs it a tenth of a millisecond and more. */
const LOOK_EVERY = 5_000
const WINDOW = 60_000
/** A turn that long holds up acks: it must not happen, and says so when it does. */
export const SLOW_TURN = 50

/** What a turn was about. */
export interface Cause {
  type: string
  bytes?: Uint8Array
}

const WAKE: Cause = { type: 'wake' }

export class Vitals {
  readonly #counters = new Counters()
  readonly #warnings: Warnings
  readonly #mailboxes: () => Record<string, number>
  readonly #others: () => Record<string, number>
  readonly #timer: NodeJS.Timeout
  #lag = new Histogram()
  #lagBefore = new Histogram()
  #windowAt = performance.now()
  #lookedAt = this.#windowAt

  /** `mailboxes` gives what waits, by name of the sender; `others` gives more gauges, when they are asked for. */
  constructor(
    mailboxes: () => Record<string, number>,
    log: Log,
    others: () => Record<string, number> = () => ({}),
  ) {
    this.#mailboxes = mailboxes
    this.#others = others
    this.#warnings = new Warnings(log, this.#counters)
    this.#timer = setInterval(() => this.#look(performance.now()), LOOK_EVERY).unref()
  }

  /** A turn is over. */
  turn(startedAt: number, endedAt: number, cause: Cause = WAKE): void {
    const length = endedAt - startedAt
    this.#counters.observe('turn.ms', length)
    if (length < SLOW_TURN) return
    this.#counters.add('turn.slow')
    const size = cause.bytes === undefined ? '' : ` of ${cause.bytes.length} bytes`
    const text = `a turn took ${Math.round(length)} ms, for ${cause.type}${size}; meanwhile nothing else was answered`
    this.#warnings.say(`turn ${cause.type}`, text, endedAt)
  }

  /** A timer of the actor rang, so many milliseconds after it was due; it may ring a little early. */
  rang(late: number): void {
    this.#lag.record(late)
    this.#counters.observe('loop.lag-ms', late)
  }

  /** A transport that the host has written failed us. */
  fault(where: string, error: unknown): void {
    this.#counters.add('transport.fault')
    const text = error instanceof Error ? error.message : String(error)
    this.#warnings.say(`transport ${where}`, `the transport failed in ${where}: ${text}`, performance.now())
  }

  report(): Report {
    const lag = merged(this.#lag.state(), this.#lagBefore.state())
    const mailboxes = Object.entries(this.#mailboxes()).map(([name, depth]) => [`mailbox.${name}`, depth])
    return this.#counters.report({
      ...this.#others(),
      ...Object.fromEntries(mailboxes),
      'loop.lag.p50': quantile(lag, 0.5),
      'loop.lag.p99': quantile(lag, 0.99),
      'loop.lag.max': lag.max,
    })
  }

  /** The answer of an actor to `stats` or `metrics`, with this beside it; any other as it is. */
  join(envelope: Envelope<unknown>, command: string): Envelope<unknown> {
    if (!envelope.ok) return envelope
    const { value } = envelope
    if (command === 'metrics' && isReport(value))
      return { ...envelope, value: joinReports(value, this.report()) }
    if (command === 'stats' && isNumbers(value))
      return { ...envelope, value: { ...value, ...flatten(this.report()) } }
    return envelope
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(now: number): void {
    const late = now - this.#lookedAt - LOOK_EVERY
    this.#lookedAt = now
    if (now - this.#windowAt >= WINDOW) this.#turnWindow(now)
    this.rang(late)
  }

  #turnWindow(now: number): void {
    const empty = this.#lagBefore
    empty.reset()
    this.#lagBefore = this.#lag
    this.#lag = empty
    this.#windowAt = now
  }
}
