/**
 * Timers in virtual time, as Node's are: each belongs to the thread whose code set it, waits while that is held up, and is gone with it. They
 * stand in the same heap as everything else that happens.
 */
import type { HostThread } from './facade.ts'
import type { Schedule } from './schedule.ts'

/** Node's own: what is below 1 ms, beyond 31 bits or no number at all means 1 ms. */
const LEAST = 1
const MOST = 2 ** 31 - 1

/** What `setTimeout` gives back, with what may be done to Node's. None of them holds a process open. */
export class VirtualTimer {
  readonly number: number
  readonly #start: (timer: VirtualTimer) => void
  /** Counts its starts: one that was stopped or started anew does not ring for an earlier one. */
  turn = 0
  #hasRef = true

  constructor(number: number, start: (timer: VirtualTimer) => void) {
    this.number = number
    this.#start = start
  }

  /** Starts it anew, at its full length. */
  refresh(): this {
    this.#start(this)
    return this
  }

  ref(): this {
    this.#hasRef = true
    return this
  }

  unref(): this {
    this.#hasRef = false
    return this
  }

  hasRef(): boolean {
    return this.#hasRef
  }

  close(): this {
    this.turn += 1
    return this
  }

  [Symbol.toPrimitive](): number {
    return this.number
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

export class VirtualTimers {
  readonly #schedule: Schedule
  /** By number, since a number is enough to stop one; those that rang for good are taken out. */
  readonly #running = new Map<number, VirtualTimer>()
  #last = 0

  constructor(schedule: Schedule) {
    this.#schedule = schedule
  }

  /** Runs a task after so many milliseconds, once or again and again. */
  start(thread: HostThread, how: 'once' | 'again', delay: number, task: () => void): VirtualTimer {
    const after = delay >= LEAST && delay <= MOST ? Math.floor(delay) : LEAST
    return this.#make((timer) => this.#plan(timer, thread, after, how, task))
  }

  /** Runs a task in the next turn of the loop. */
  next(thread: HostThread, task: () => void): VirtualTimer {
    return this.#make((timer) => this.#plan(timer, thread, 0, 'once', task))
  }

  /** Stops what a start gave, or its number. Anything else is ignored. */
  stop(handle: unknown): void {
    const number = Number(typeof handle === 'object' && handle !== null ? Object(handle).number : handle)
    this.#running.get(number)?.close()
    this.#running.delete(number)
  }

  #make(start: (timer: VirtualTimer) => void): VirtualTimer {
    this.#last += 1
    const timer = new VirtualTimer(this.#last, start)
    start(timer)
    return timer
  }

  #plan(
    timer: VirtualTimer,
    thread: HostThread,
    after: number,
    how: 'once' | 'again',
    task: () => void,
  ): void {
    timer.turn += 1
    const { turn } = timer
    this.#running.set(timer.number, timer)
    this.#schedule.at(this.#schedule.now + after, () => {
      if (timer.turn !== turn) return
      thread.run(() => {
        // It may have been stopped while the thread was held up.
        if (timer.turn !== turn) return
        if (how === 'again') this.#plan(timer, thread, after, how, task)
        else this.#running.delete(timer.number)
        task()
      })
    })
  }
}
