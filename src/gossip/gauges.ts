/** What there is to be seen of the members by numbers, under memberlist's names where it has one (protocol page 1, section 11). */
import type { MemberTable } from './members.ts'
import { HELD } from './precedence.ts'

/** How many members are held how. */
export function memberGauges(table: MemberTable): Record<string, number> {
  return {
    listed: table.listed,
    rows: table.rowCount,
    active: table.active,
    'memberlist.node.instances{node_state=alive}': table.instances(HELD.alive),
    'memberlist.node.instances{node_state=suspect}': table.instances(HELD.suspect),
    'memberlist.node.instances{node_state=dead}': table.instances(HELD.dead),
    'memberlist.node.instances{node_state=left}': table.instances(HELD.left),
  }
}
