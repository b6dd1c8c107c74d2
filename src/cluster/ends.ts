/** How a member ends: it leaves, at once or when what it had to do is done. */
import { BroadcastTimeout, InvalidArgument, TagsTooLarge } from '../errors/errors.ts'
import { STALL_TAG } from '../gossip/host-stall.ts'
import { refuseUnknown } from '../options/arguments.ts'
import type { Actors, Line } from './line.ts'
import { isNothing, isTold } from './replies.ts'

export interface DrainOptions {
  /** What is still to be done, or what begins it: a promise, or a function. Default nothing: the leave follows the tag. */
  until?: PromiseLike<unknown> | (() => unknown)
  /** Longest wait for it, in milliseconds, 0 to 86,400,000. Default 20,000: with the leave that is within the 30 s that Kubernetes gives. */
  deadline?: number
}

/** What came of a drain. The member has left in any case. */
export interface Drained {
  /** `done`: what was to be done is. `deadline`: it was not in time. `failed`: it rejected, or threw. */
  readonly how: 'done' | 'deadline' | 'failed'
  /** Why it failed. */
  readonly error: unknown
  /** Whether peers saw the tag: it may not fit beside the others, or not have been spread in time. */
  readonly isPublished: boolean
  /** How many peers acknowledged that we left, as `leave` says it. */
  readonly told: number
}

/** The tag that peers see while a member drains; its value is `true`. */
export const DRAIN_TAG = 'draining'

const DEADLINE = 20_000
const LONGEST_DEADLINE = 86_400_000

export interface EndsWorld {
  /** Our tags now. */
  tags(): Readonly<Record<string, string>>
  /** Rejects when the signal aborts. */
  sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void>
}

export class Ends {
  readonly #line: Line
  readonly #world: EndsWorld
  #leave: Promise<{ told: number }> | undefined
  #drain: Promise<Drained> | undefined

  constructor(line: Line, world: EndsWorld) {
    this.#line = line
    this.#world = world
  }

  leave(): Promise<{ told: number }> {
    if (this.#leave === undefined) {
      if (this.#line.state === 'shutdown') return Promise.reject(this.#line.closed('leave'))
      this.#line.state = 'leaving'
      this.#leave = this.#leaveOnce(this.#line.open('leave'))
    }
    return this.#leave
  }

  async drain(options: DrainOptions): Promise<Drained> {
    refuseUnknown('drain', options, ['until', 'deadline'])
    const { until, deadline = DEADLINE } = options
    if (this.#drain !== undefined) return this.#drain
    if (typeof deadline !== 'number' || !(deadline >= 0 && deadline <= LONGEST_DEADLINE)) {
      throw new InvalidArgument(`drain: the deadline must be a number from 0 to ${LONGEST_DEADLINE}`)
    }
    const isPromise = typeof until === 'object' && until !== null && 'then' in until
    if (until !== undefined && typeof until !== 'function' && !isPromise)
      throw new InvalidArgument('drain: until must be a promise or a function')
    this.#drain = this.#drainOnce(this.#line.present('drain'), until, deadline)
    return this.#drain
  }

  async #leaveOnce(placed: Actors): Promise<{ told: number }> {
    const told = await this.#line.answer('leave', placed.gossip({ type: 'leave' }), isTold)
    // What says that we left must outlive us.
    await this.#line.answer('leave', placed.dispatch({ type: 'sync' }), isNothing)
    if (this.#line.state === 'leaving') this.#line.state = 'left'
    return told
  }

  async #drainOnce(placed: Actors, until: DrainOptions['until'], deadline: number): Promise<Drained> {
    const over = new AbortController()
    const late = this.#world.sleep(deadline, over.signal).then(() => outcome('deadline'))
    // Aborted when it is not needed any more.
    late.catch(() => undefined)
    const done = Promise.resolve(typeof until === 'function' ? (async () => until())() : until).then(
      () => outcome('done'),
      (error: unknown) => outcome('failed', error),
    )
    const published = this.#publish(placed)
    const { how, error } = await Promise.race([done, late])
    over.abort()
    const isPublished = await published
    const { told } = await this.leave()
    return { how, error, isPublished, told }
  }

  /** Not by `setTags`: a tags file would still say it after a restart. */
  async #publish(placed: Actors): Promise<boolean> {
    const { [STALL_TAG]: _, ...tags } = this.#world.tags()
    const command = { type: 'set-tags' as const, tags: { ...tags, [DRAIN_TAG]: 'true' } }
    try {
      await this.#line.answer('drain', placed.gossip(command), isNothing)
      return true
    } catch (error) {
      if (error instanceof BroadcastTimeout || error instanceof TagsTooLarge) return false
      throw error
    }
  }
}

function outcome(how: Drained['how'], error?: unknown): Pick<Drained, 'how' | 'error'> {
  return { how, error }
}
