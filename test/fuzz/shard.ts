/** A share of a long codec run in a thread of its own: so many decoder calls from a seed, and what they cost. */
import { createHistogram } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { SeededRandom } from '../../src/actors/random.ts'
import { CodecFuzz } from './codec.ts'

export interface Share {
  inputs: number
  bytes: number
  calls: Record<string, number>
  total: number
  drops: Record<string, number>
  streams: Record<string, number>
  /** Milliseconds that one input took through all its decoders, generated and judged: the machine may be busy with others. */
  worst: number
  /** Bytes of heap more than at the start, garbage collected. */
  heapGrowth: number
}

/** Neighbours of each generated input. */
const NEIGHBOURS = 30
const WARM_UP = 1_000

/** Runs a share in a thread of its own. */
export function share(seed: number, calls: number): Promise<Share> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { seed, calls } })
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

function run(seed: number, calls: number): Share {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const heap = () => {
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const fuzz = new CodecFuzz(new SeededRandom(seed))
  const took = createHistogram()
  for (let i = 0; i < WARM_UP; i++) fuzz.round(NEIGHBOURS)
  const before = heap()
  while (fuzz.tally.total < calls) {
    const startedAt = performance.now()
    fuzz.round(NEIGHBOURS)
    took.record(Math.max(1, Math.round((performance.now() - startedAt) * 1_000)))
  }
  const { inputs, bytes, tally, drops, kinds } = fuzz
  return {
    inputs,
    bytes,
    calls: tally.counts,
    total: tally.total,
    drops,
    streams: Object.fromEntries(kinds),
    worst: took.max / 1_000,
    heapGrowth: heap() - before,
  }
}

if (parentPort !== null && workerData?.calls !== undefined) {
  parentPort.postMessage(run(workerData.seed, workerData.calls))
}
