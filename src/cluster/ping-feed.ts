/** Pings that our probes completed, as an async iterator: each round asks the detector, which answers when there is one. */

import type { CompletedPings } from '../actors/mail.ts'
import { ActorExited, ClusterClosed, InvalidArgument } from '../errors/errors.ts'
import type { Ask } from './ask.ts'
import { textOf } from './member.ts'
import { isNothing, isPings } from './replies.ts'

/** A member acknowledged the ping of a probe of ours, itself and before `probeTimeout`. */
export interface PingCompleted {
  /** The member that was probed. */
  readonly name: string
  /** Round trip in milliseconds. */
  readonly rtt: number
  /** What its ack carried, the iterator's own; of Serf members their network coordinate, as bytes. Null for nothing. */
  readonly payload: Uint8Array | null
  /** Pings before this one that the iterator was too slow for: the last 256 are kept. */
  readonly missed: number
}

export interface PingsOptions {
  /** Ends the iteration. */
  signal?: AbortSignal
}

let readers = 0

/** Yields until the signal aborts or the cluster is closed; a crash of the actors is a gap. */
export async function* completedPings(
  ask: Ask,
  { signal }: PingsOptions,
): AsyncGenerator<PingCompleted, void, undefined> {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new InvalidArgument('pings: signal must be an AbortSignal')
  }
  readers += 1
  const reader = readers
  const end = () => {
    ask.detector('pings', { type: 'end-pings', reader }, isNothing).catch(() => undefined)
  }
  signal?.addEventListener('abort', end, { once: true })
  let crashes = 0
  try {
    while (!signal?.aborted) {
      const next = await nextOf(ask, reader)
      if (next === 'closed') return
      // A second crash without a ping in between is that of an end.
      crashes = 'crash' in next ? crashes + 1 : 0
      if ('crash' in next && crashes > 1) throw next.crash
      if ('crash' in next) continue
      let { missed } = next
      for (const { name, rtt, payload } of next.pings) {
        if (signal?.aborted) return
        yield { name: textOf(name), rtt, payload, missed }
        missed = 0
      }
    }
  } finally {
    signal?.removeEventListener('abort', end)
    end()
  }
}

async function nextOf(ask: Ask, reader: number): Promise<CompletedPings | { crash: ActorExited } | 'closed'> {
  try {
    return await ask.detector('pings', { type: 'next-pings', reader }, isPings)
  } catch (error) {
    if (error instanceof ClusterClosed) return 'closed'
    if (error instanceof ActorExited) return { crash: error }
    throw error
  }
}
