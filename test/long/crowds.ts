/**
 * Crowds with many seeds: sixty members that join at once, and fifty that all restart within 10 s, in virtual time; then sixty real members that
 * join at once in this process, twenty times. `CROWD_SEEDS` in the environment says how many seeds; 1,000 by default.
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from 'folkmoot'
import { joinAtOnce, restartAll } from '../simulator/crowds.ts'

const PERIOD = 60_000
const REAL_RUNS = 20
const REAL_MEMBERS = 60
const SOON = 3_000

function quantiles(times: number[]): Record<string, number> {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (q: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))])
  return { median: at(0.5), p99: at(0.99), longest: at(1) }
}

/** Milliseconds until sixty real members that join at once list each other, or `Infinity` after half a minute. */
async function realMembers(): Promise<number> {
  const members = await Promise.all(
    Array.from({ length: REAL_MEMBERS }, (_, i) =>
      Cluster.create({ nodeName: `real-${i}`, bind: '127.0.0.1:0', threads: 'none' }),
    ),
  )
  try {
    const [first, ...rest] = members
    const { address, port } = first.localMember()
    const startedAt = performance.now()
    await Promise.all(rest.map((member) => member.join([`${address}:${port}`])))
    while (members.some((member) => member.members({ status: 'alive' }).length < REAL_MEMBERS)) {
      if (performance.now() - startedAt > 30_000) return Number.POSITIVE_INFINITY
      await sleep(20)
    }
    return performance.now() - startedAt
  } finally {
    await Promise.all(members.map((member) => member.shutdown()))
  }
}

export async function prove(seed: number): Promise<unknown> {
  const count = Number(process.env.CROWD_SEEDS ?? 1_000)
  const joins: number[] = []
  const restarts: number[] = []
  for (let i = 0; i < count; i++) {
    joins.push(joinAtOnce(seed + i, 60))
    restarts.push(restartAll(seed + i, 50))
  }
  const late = joins.filter((ms) => ms > SOON).length
  assert.ok(late * 20 <= count, `${late} of ${count} mass joins took longer than 3 s`)
  assert.ok(Math.max(...restarts) <= 3 * PERIOD, `a mass restart took ${Math.max(...restarts)} ms`)
  const real: number[] = []
  for (let run = 0; run < REAL_RUNS; run++) real.push(await realMembers())
  const realLate = real.filter((ms) => ms > SOON).length
  assert.ok(
    realLate <= 1,
    `${realLate} of ${REAL_RUNS} real mass joins took longer than 3 s: ${real.join(' ')}`,
  )
  return {
    seeds: count,
    'mass join of 60, ms': { ...quantiles(joins), 'over 3 s': late },
    'mass restart of 50, ms': quantiles(restarts),
    'mass join of 60 real members, ms': { runs: REAL_RUNS, ...quantiles(real), 'over 3 s': realLate },
  }
}
