/**
 * Crowds with many seeds, in virtual time: sixty members that join at once, and fifty that all restart within 10 s. Two threads share the seeds:
 * 1,000 by default, or as many as `CROWD_SEEDS` in the environment says. The same with real members is `crowds-real`.
 */
import assert from 'node:assert/strict'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { joinAtOnce, restartAll } from '../simulator/crowds.ts'
import { quantiles } from '../simulator/quantiles.ts'

const PERIOD = 60_000
const SOON = 3_000
const THREADS = 2

interface Share {
  joins: number[]
  restarts: number[]
}

/** Every second seed, in a thread of its own. */
function share(seeds: readonly number[]): Promise<Share> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { seeds } })
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

export async function prove(seed: number): Promise<unknown> {
  const count = Number(process.env.CROWD_SEEDS ?? 1_000)
  const seeds = Array.from({ length: count }, (_, i) => seed + i)
  const shares = Array.from({ length: THREADS }, (_, thread) =>
    seeds.filter((_, i) => i % THREADS === thread),
  )
  const found = await Promise.all(shares.map(share))
  const joins = found.flatMap((one) => one.joins)
  const restarts = found.flatMap((one) => one.restarts)
  assert.deepEqual([joins.length, restarts.length], [count, count])
  const late = joins.filter((ms) => ms > SOON).length
  assert.ok(late * 20 <= count, `${late} of ${count} mass joins took longer than 3 s`)
  assert.ok(Math.max(...restarts) <= 3 * PERIOD, `a mass restart took ${Math.max(...restarts)} ms`)
  return {
    seeds: [seed, seed + count - 1],
    'mass join of 60, ms': { ...quantiles(joins), 'over 3 s': late },
    'mass restart of 50, ms': quantiles(restarts),
  }
}

if (parentPort !== null && Array.isArray(workerData?.seeds)) {
  const { seeds }: { seeds: number[] } = workerData
  const found: Share = {
    joins: seeds.map((seed) => joinAtOnce(seed, 60)),
    restarts: seeds.map((seed) => restartAll(seed, 50)),
  }
  parentPort.postMessage(found)
}
