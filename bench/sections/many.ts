/** Many members of ours in one process, all in its one thread: what a test of hundreds costs. */

import { type Many, many } from '../kit/many-trial.ts'
import { hasNamespaces } from '../kit/namespace.ts'
import type { Context, Result, Section } from '../report/model.ts'

const SIZES = [100, 500]
const QUICK_SIZES = [20]
const REST = 30_000
const QUICK_REST = 2_000
const SECONDS = 60

function row({ count, formed, memory, cpu, datagrams, eventHalf, eventAll }: Many) {
  return {
    members: count,
    'all see all, ms': formed,
    'KiB a member': memory,
    'CPU s a member-minute': cpu,
    'share of one processor, %': (cpu * count * 100) / SECONDS,
    'datagrams sent a second': datagrams / SECONDS,
    'event to half, ms': eventHalf,
    'to all, ms': eventAll,
  }
}

async function run(context: Context): Promise<Result> {
  const [sizes, rest] = context.size === 'quick' ? [QUICK_SIZES, QUICK_REST] : [SIZES, REST]
  const found: Many[] = []
  for (const count of sizes) {
    context.say(`many: ${count} members in one process`)
    found.push(await many(count, rest))
  }
  return resultOf(found, rest)
}

/** What is made of the sizes. */
export function resultOf(found: readonly Many[], rest: number): Result {
  const where = hasNamespaces() ? '' : ' There are no namespaces here: nobody counted datagrams.'
  return {
    name: 'many',
    title: 'Many members in one process',
    method: `\`threads: 'none'\`: every member is real, with sockets of its own on loopback, and all share one thread. All are made, then join the first, twenty at a time; then ${rest / 1000} s of rest are measured, and one event.${where}`,
    tables: [
      {
        title: 'Many members in one process',
        rows: found.map(row),
        note: 'KiB a member: what the process has more in memory than it had with one member, garbage collected, so that a member of a larger pool knows more and takes more.',
      },
    ],
    plots: [],
    aims: [],
  }
}

export const manyInOne: Section = { name: 'many', run }
