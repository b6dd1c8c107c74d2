/**
 * Queries of ours, sent once more to those who say nothing: gossip tells nearly everybody, but where packets are lost it misses a member now and
 * then, and in the original that member is never asked. At one and at two thirds of its time a query goes straight to members that are still
 * silent, as the very message that gossip carries: whoever has heard it drops it as one that it knows (protocol page 2, section 4.9).
 */
import type { Outlet, Random } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import type { ToGossip } from '../actors/mail.ts'
import { textOf } from '../cluster/member.ts'
import { formatIp } from '../wire/address.ts'
import { isLive, type MemberView } from './view.ts'

export interface ReminderParts {
  gossip: Outlet<ToGossip>
  view: MemberView
  random: Random
  counters: Counters
}

/** Parts of its time after which a query is sent again. */
const TIMES = 2
/** Members that are asked again at one time, by chance where more are silent: then it is no loss, but nobody answers such a query. */
const MOST = 64

/** When a query that lasts from `startedAt` to `endsAt` is sent again for the `round`th time, counted from 0; `Infinity` after the last. */
export function remindAt(startedAt: number, endsAt: number, round: number): number {
  if (round >= TIMES) return Number.POSITIVE_INFINITY
  return startedAt + ((endsAt - startedAt) * (round + 1)) / (TIMES + 1)
}

/** Sends the query of this time again to those of the silent who live. */
export function remind(parts: ReminderParts, lamportTime: number, silent: ReadonlySet<string>): void {
  if (silent.size === 0) return
  const { gossip, view, random, counters } = parts
  const isSilent = (status: number, name: Uint8Array) => isLive(status) && silent.has(textOf(name))
  const members = view.choose(MOST, random, ({ status, name }) => isSilent(status, name))
  if (members.length === 0) return
  counters.add('folkmoot.query.sent-again', members.length)
  const places = members.map(({ address, port }) => ({ ip: formatIp(address), port }))
  gossip.tell({ type: 'ask-again', lamportTime, places })
}
