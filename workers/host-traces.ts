/**
 * The diagnostics channels of the library: `folkmoot:TYPE` for each type of event, with `{ cluster, event }`. Nothing is made for them, and no event
 * decoded, unless somebody subscribes.
 */
import { channel } from 'node:diagnostics_channel'
import type { ClusterEvents } from '../src/cluster/cluster-types.ts'

/** What is told there: all but `invalid`, which arises in the host's own listeners. */
const TOLD: readonly Exclude<keyof ClusterEvents, 'invalid'>[] = [
  'member-join',
  'member-leave',
  'member-failed',
  'member-update',
  'member-reap',
  'user-event',
  'query',
  'lagged',
  'name-conflict',
  'member-refused',
  'connection',
  'host-stall',
  'host-recovered',
  'conflict-lost',
  'conflict-unresolved',
  'disk-error',
  'restarted',
  'handler-failed',
  'fatal',
]

/** Kept for good: a channel that nobody holds is forgotten with its subscribers. */
const CHANNELS = new Map<keyof ClusterEvents, ReturnType<typeof channel>>(
  TOLD.map((type) => [type, channel(`folkmoot:${type}`)]),
)

/** Whether anybody subscribes to the channel of a type, or to any. */
export function isTraced(type?: keyof ClusterEvents): boolean {
  if (type !== undefined) return CHANNELS.get(type)?.hasSubscribers ?? false
  for (const one of CHANNELS.values()) if (one.hasSubscribers) return true
  return false
}

export function trace(type: keyof ClusterEvents, message: { cluster: unknown; event: unknown }): void {
  CHANNELS.get(type)?.publish(message)
}
