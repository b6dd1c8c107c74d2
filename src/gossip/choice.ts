/** Choosing members by chance (protocol page 1, section 7.3). */
import type { Random } from '../actors/contract.ts'
import type { MemberTable } from './members.ts'

/**
 * Up to `count` rows on the list that are eligible, without repeats. Small tables are shuffled, so that nobody eligible is ever missed
 * there; in large ones a bounded number of draws finds them nearly always.
 */
export function chooseRows(
  table: MemberTable,
  random: Random,
  count: number,
  isEligible: (row: number) => boolean,
): number[] {
  return table.listed <= 3 * count
    ? shuffled(table, random, isEligible).slice(0, count)
    : drawn(table, random, count, isEligible)
}

function shuffled(table: MemberTable, random: Random, isEligible: (row: number) => boolean): number[] {
  const rows: number[] = []
  for (let i = 0; i < table.listed; i++) {
    const row = table.list.at(i)
    if (!isEligible(row)) continue
    const place = random.below(rows.length + 1)
    rows.push(rows[place] ?? row)
    rows[place] = row
  }
  return rows
}

function drawn(
  table: MemberTable,
  random: Random,
  count: number,
  isEligible: (row: number) => boolean,
): number[] {
  const rows: number[] = []
  for (let draws = 3 * table.listed; draws > 0 && rows.length < count; draws--) {
    const row = table.list.at(random.below(table.listed))
    if (isEligible(row) && !rows.includes(row)) rows.push(row)
  }
  return rows
}
