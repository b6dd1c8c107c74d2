/**
 * What gossip does when the detector finds the host's main thread stalled (the option `hostStall`), and takes back when it is there again.
 *
 *     report   nothing                                            nothing
 *     tag      a tag says so to all peers                         the tag is taken back
 *     fail     no refutations, no push/pulls, no acks over TCP    what was accused meanwhile is refuted
 *     leave    we leave the pool                                  nothing: a leave is for good
 */
import type { Counters } from '../actors/counters.ts'
import type { HostStallAction, Settings } from '../options/options.ts'
import type { Claims } from './claims.ts'
import type { ClockNews } from './clock-news.ts'
import type { Endings } from './endings.ts'
import type { OwnTags } from './own-tags.ts'
import type { Streams } from './streams.ts'

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

export interface StallMachines {
  ownTags: OwnTags
  counters: Counters
  claims: Claims
  streams: Streams
  clockNews: ClockNews
  endings: Endings
  now(): number
}

/** What a stall means to the machines of a gossip actor. */
export function hostStallOf({ hostStall }: Pick<Settings, 'hostStall'>, machines: StallMachines): HostStall {
  const { ownTags, counters, claims, streams, clockNews, endings, now } = machines
  return new HostStall(hostStall.action, {
    overlay: (tags) => {
      if (!ownTags.overlay(tags)) counters.add('drop.stall-tag-too-long')
    },
    mute: () => {
      claims.refutation.mute()
      streams.state = 'mute'
    },
    unmute: () => {
      streams.state = 'speaking'
      claims.refutation.unmute()
    },
    leave: () => {
      clockNews.leaving()
      endings.leaveUnasked(now())
    },
  })
}
