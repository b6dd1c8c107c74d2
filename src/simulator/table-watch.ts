/**
 * Watches the member table of one life of a node: after every turn of gossip each row is compared with what it was, and whatever changed
 * must be a change that the protocol allows. What the host sees is checked elsewhere; here stands what memberlist and Serf hold.
 */
import { STATUS } from '../actors/facts.ts'
import { fromLatin, toLatin } from '../actors/latin.ts'
import type { MemberTable } from '../gossip/members.ts'
import { HELD, isActive } from '../gossip/precedence.ts'
import { formatIp } from '../wire/address.ts'

/** What a table holds of one member. */
export interface Holding {
  name: string
  instance: number
  incarnation: number
  held: number
  status: number
  statusTime: number
  address: Uint8Array
  port: number
  /** Both as text. */
  place: string
  meta: string
}

/** A change of one row within one turn; of two, where the row has a new tenant. */
export interface Change {
  isSelf: boolean
  /** Whether this process was told to leave the pool. */
  mayLeave: boolean
  /** Undefined for a member that was not in the table. */
  before: Holding | undefined
  after: Holding
}

/** What must hold of every change: each says what is wrong, or nothing. */
export const TABLE_RULES: Readonly<Record<string, (change: Change) => boolean>> = {
  'an incarnation never falls while a member stays': ({ before, after }) =>
    !isStaying(before, after) || after.incarnation >= before.incarnation,
  'nobody rises from the dead at the same incarnation': ({ before, after }) =>
    !isStaying(before, after) ||
    isActive(before.held) ||
    after.held !== HELD.alive ||
    after.incarnation > before.incarnation,
  'who is dead or left is not suspected': ({ before, after }) =>
    !isStaying(before, after) ||
    isActive(before.held) ||
    after.held !== HELD.suspect ||
    after.incarnation > before.incarnation,
  'a suspicion is cleared only by a newer word of the member itself': ({ before, after }) =>
    !isStaying(before, after) ||
    before.held !== HELD.suspect ||
    after.held !== HELD.alive ||
    after.incarnation > before.incarnation,
  'no node believes itself failed or suspected': ({ isSelf, after }) =>
    !isSelf || after.held === HELD.alive || after.held === HELD.left,
  'no node believes itself leaving or gone unless it was told to leave': ({ isSelf, mayLeave, after }) =>
    !isSelf || mayLeave || after.status === STATUS.alive || after.status === STATUS.none,
  'whom memberlist holds alive, Serf knows as alive or leaving': ({ after }) =>
    !isActive(after.held) || after.status === STATUS.alive || after.status === STATUS.leaving,
  'whom memberlist holds dead, Serf does not know as alive': ({ after }) =>
    isActive(after.held) ||
    after.held === HELD.unlisted ||
    (after.status !== STATUS.alive && after.status !== STATUS.leaving),
  'the Lamport time of what is known of a member never falls until it is reaped': ({ before, after }) =>
    before === undefined || after.status === STATUS.none || after.statusTime >= before.statusTime,
}

/** Whether it is the same member at the same place, all the time on memberlist's list. */
function isStaying(before: Holding | undefined, after: Holding): before is Holding {
  return (
    before !== undefined &&
    before.held !== HELD.unlisted &&
    after.held !== HELD.unlisted &&
    before.place === after.place
  )
}

export class TableWatch {
  readonly #own: string
  readonly #rows: (Holding | undefined)[] = []
  readonly #byName = new Map<string, Holding>()
  readonly #report: (rule: string, change: Change) => void
  readonly #seen: (change: Change) => void
  readonly #mayLeave: () => boolean

  /** `report` hears of each rule that is broken, `seen` of every change. */
  constructor(
    own: string,
    mayLeave: () => boolean,
    report: (rule: string, change: Change) => void,
    seen: (change: Change) => void,
  ) {
    this.#mayLeave = mayLeave
    this.#own = toLatin(new TextEncoder().encode(own))
    this.#report = report
    this.#seen = seen
  }

  look(table: MemberTable): void {
    for (let row = 0; row < table.rowCount; row++) {
      const before = this.#rows[row]
      if (!table.isUsed(row)) {
        if (before !== undefined) this.#forget(row, before)
        continue
      }
      if (before !== undefined && isUnchanged(table, row, before)) continue
      const after = holdingOf(table, row)
      if (before !== undefined) this.#forget(row, before)
      this.#rows[row] = after
      this.#byName.set(after.name, after)
      const isSame = before !== undefined && before.instance === after.instance
      const isSelf = after.name === this.#own
      this.#judge({ isSelf, mayLeave: this.#mayLeave(), before: isSame ? before : undefined, after })
    }
  }

  /** What was held after the last turn. */
  of(name: string): Holding | undefined {
    return this.#byName.get(toLatin(new TextEncoder().encode(name)))
  }

  get holdings(): Holding[] {
    return this.#rows.filter((holding) => holding !== undefined)
  }

  #forget(row: number, holding: Holding): void {
    this.#rows[row] = undefined
    if (this.#byName.get(holding.name) === holding) this.#byName.delete(holding.name)
  }

  #judge(change: Change): void {
    this.#seen(change)
    for (const [rule, holds] of Object.entries(TABLE_RULES)) if (!holds(change)) this.#report(rule, change)
  }
}

function isUnchanged(table: MemberTable, row: number, before: Holding): boolean {
  return (
    table.instance.get(row) === before.instance &&
    table.incarnation.get(row) === before.incarnation &&
    table.held[row] === before.held &&
    table.status[row] === before.status &&
    table.statusTime(row) === before.statusTime &&
    // A name may be given up and taken elsewhere within one turn.
    table.hasAddress(row, before.address, 0, before.address.length, before.port)
  )
}

function holdingOf(table: MemberTable, row: number): Holding {
  return {
    name: toLatin(table.name(row)),
    instance: table.instance.get(row),
    incarnation: table.incarnation.get(row),
    held: table.held[row],
    status: table.status[row],
    statusTime: table.statusTime(row),
    address: table.address(row).slice(),
    port: table.port[row],
    place: `${formatIp(table.address(row))}:${table.port[row]}`,
    meta: toLatin(table.meta(row)),
  }
}

/** A name as text. */
export function nameOf({ name }: Holding): string {
  return new TextDecoder().decode(fromLatin(name))
}
