/**
 * What gossip does when the detector finds the host's main thread stalled (the option `hostStall`), and takes back when it is there again.
 *
 *     report   nothing                                            nothing
 *     tag      a tag says so to all peers                         the tag is taken back
 *     fail     no refutations, no push/pulls, no acks over TCP    what was accused meanwhile is refuted
 *     leave    we leave the pool                                  nothing: a leave is for good
 */
import type { HostStallAction } from '../options/options.ts'

/** The tag that peers see while the host is stalled; its value is `true`. */
export const STALL_TAG = 'host-stalled'

export interface HostStallParts {
  /** Adds a tag to those of the host, or takes it away. */
  overlay(tags: Record<string, string>): void
  mute(): void
  unmute(): void
  leave(): void
}

export class HostStall {
  readonly #action: HostStallAction
  readonly #parts: HostStallParts

  constructor(action: HostStallAction, parts: HostStallParts) {
    this.#action = action
    this.#parts = parts
  }

  changed(state: 'stalled' | 'recovered'): void {
    const { overlay, mute, unmute, leave } = this.#parts
    switch (this.#action) {
      case 'report':
        return
      case 'tag':
        return overlay(state === 'stalled' ? { [STALL_TAG]: 'true' } : {})
      case 'fail':
        return state === 'stalled' ? mute() : unmute()
      case 'leave':
        if (state === 'stalled') leave()
    }
  }
}
