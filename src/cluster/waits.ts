/** Who waits for members: asked again whenever the mirror has changed. */
import { InvalidArgument } from '../errors/errors.ts'
import { refuseUnknown } from '../options/arguments.ts'
import type { MemberFilter } from './cluster-types.ts'
import type { Member } from './member.ts'

/** Which members are counted: a filter, which means living ones unless it says otherwise, or a function. */
export type MemberSelector = MemberFilter | ((member: Member) => boolean)

export interface WaitOptions {
  /** Gives the wait up: it rejects with the signal's reason. */
  signal?: AbortSignal
}

/** Waits of one host at a time; each is asked after every change of a member. */
const MOST_WAITS = 1_024

export class Waits {
  readonly #members: (filter?: MemberFilter) => readonly Member[]
  #over: Error | undefined
  readonly #waiting = new Set<{ look: () => void; fail: (error: unknown) => void }>()

  constructor(members: (filter?: MemberFilter) => readonly Member[]) {
    this.#members = members
  }

  async until(
    selector: MemberSelector,
    count: number,
    options: WaitOptions = {},
  ): Promise<readonly Member[]> {
    if (this.#over !== undefined) throw this.#over
    refuseUnknown('waitFor', options, ['signal'])
    const { signal } = options
    if ((typeof selector !== 'object' && typeof selector !== 'function') || selector === null) {
      throw new InvalidArgument('waitFor: the selector must be a filter or a function')
    }
    if (!Number.isInteger(count) || count < 1)
      throw new InvalidArgument('waitFor: the count must be a whole number from 1')
    if (this.#waiting.size >= MOST_WAITS)
      throw new InvalidArgument(`waitFor: ${MOST_WAITS} calls wait already`)
    signal?.throwIfAborted()
    const select = () =>
      typeof selector === 'function'
        ? this.#members().filter((member) => selector(member))
        : this.#members({ status: 'alive', ...selector })
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#waiting.delete(wait)
        signal?.removeEventListener('abort', abort)
      }
      const fail = (error: unknown) => {
        end()
        reject(error)
      }
      const abort = () => fail(signal?.reason)
      const look = () => {
        // The function is the host's, and what it throws as well.
        try {
          const members = select()
          if (members.length < count) return
          end()
          resolve(members)
        } catch (error) {
          fail(error)
        }
      }
      const wait = { look, fail }
      this.#waiting.add(wait)
      signal?.addEventListener('abort', abort, { once: true })
      look()
    })
  }

  /** Members may have changed. */
  look(): void {
    for (const { look } of [...this.#waiting]) look()
  }

  /** Nothing will change any more. */
  end(error: Error): void {
    this.#over = error
    for (const { fail } of [...this.#waiting]) fail(error)
  }
}
