/**
 * What gossip forgets: members who are gone for so long that nobody gossips to them any more leave memberlist's list (protocol page 1, 7.4), and
 * the machines that judge claims drop what is too old to matter.
 */

import type { MemberListener } from './listener.ts'
import type { Listing } from './listing.ts'
import type { MemberTable } from './members.ts'
import type { Outbox } from './outbox.ts'
import { HELD, isActive } from './precedence.ts'

export interface OblivionParts {
  table: MemberTable
  outbox: Outbox
  listener: MemberListener
  /** Machines that remember for a while. */
  forgetful: readonly { sweep(now: number): void }[]
}

/** Forgets what is older than `gossipToTheDeadTime` milliseconds. */
export function forget(
  gossipToTheDeadTime: number,
  selfRow: number,
  parts: OblivionParts,
  now: number,
): void {
  const { table, outbox, listener, forgetful } = parts
  for (const one of forgetful) one.sweep(now)
  for (const row of goneIn(table.list, table)) {
    if (row === selfRow || now - table.goneAt(row) < gossipToTheDeadTime) continue
    table.setHeld(row, HELD.unlisted, now)
    outbox.touch(row)
    listener.unlisted(row)
  }
}

/** Rows that are dead or left, in a list of their own: taking one off the list moves another to its place. */
function goneIn(list: Listing, table: MemberTable): number[] {
  const rows: number[] = []
  if (table.instances(HELD.dead) + table.instances(HELD.left) === 0) return rows
  for (let place = 0; place < list.size; place++) {
    const row = list.at(place)
    if (!isActive(table.held[row])) rows.push(row)
  }
  return rows
}
