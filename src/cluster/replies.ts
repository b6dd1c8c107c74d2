/**
 * What actors answer to commands, checked where it enters the facade: an envelope says nothing of the type of its value, and a wrong one
 * should be found here and not in the host's code.
 */
import type { Report } from '../actors/counters.ts'
import type { CompletedPings, Joined, PingReply, Restored } from '../actors/mail.ts'
import type { ForcedStatus } from '../gossip/force-leave.ts'
import type { HistoryEntry } from '../gossip/history.ts'
import type { NetworkCoordinate, ToldPath } from './near-types.ts'

function has<Key extends string>(value: unknown, key: Key): value is Record<Key, unknown> {
  return typeof value === 'object' && value !== null && key in value
}

export function isJoined(value: unknown): value is Joined {
  return has(value, 'reached') && has(value, 'outcomes') && Array.isArray(value.outcomes)
}

export function isSent(value: unknown): value is { lamportTime: number } {
  return has(value, 'lamportTime') && typeof value.lamportTime === 'number'
}

export function isTold(value: unknown): value is { told: number } {
  return has(value, 'told') && typeof value.told === 'number'
}

/** How long a query lasts that was started, in milliseconds; null for one that was closed. */
export function isQueryReply(value: unknown): value is { lasts: number } | null {
  return value === null || (has(value, 'lasts') && typeof value.lasts === 'number')
}

export function isForced(value: unknown): value is { status: ForcedStatus } {
  return has(value, 'status') && typeof value.status === 'string'
}

export function isRestored(value: unknown): value is Restored {
  return has(value, 'memberTime') && has(value, 'members')
}

export function isNothing(value: unknown): value is null {
  return value === null
}

export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array
}

export function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

export function isNumbers(value: unknown): value is Record<string, number> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((one) => typeof one === 'number')
  )
}

export function isReport(value: unknown): value is Report {
  return has(value, 'counters') && has(value, 'gauges') && has(value, 'histograms')
}

export function isCoordinate(value: unknown): value is NetworkCoordinate | null {
  return value === null || (has(value, 'vector') && Array.isArray(value.vector) && has(value, 'height'))
}

export function isDistances(value: unknown): value is (number | null)[] {
  return Array.isArray(value) && value.every((one) => one === null || typeof one === 'number')
}

export function isPaths(value: unknown): value is (ToldPath | null)[] {
  return Array.isArray(value) && value.every((one) => one === null || (has(one, 'last') && has(one, 'heard')))
}

export function isPing(value: unknown): value is PingReply {
  return has(value, 'rtt') && typeof value.rtt === 'number'
}

export function isHistory(value: unknown): value is HistoryEntry[] {
  return Array.isArray(value) && value.every((entry) => has(entry, 'change') && has(entry, 'ago'))
}

export function isPings(value: unknown): value is CompletedPings {
  return has(value, 'pings') && Array.isArray(value.pings) && has(value, 'missed')
}
