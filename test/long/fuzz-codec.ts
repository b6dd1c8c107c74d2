/**
 * A hundred million decoder calls on hostile bytes, in two threads: `npm run long -- fuzz-codec [seed]`. Nothing is thrown, bounds are kept, the two
 * codecs agree, a stream means the same however it is cut, and the heap is afterwards what it was.
 */
import assert from 'node:assert/strict'
import { type Share, share } from '../fuzz/shard.ts'

const CALLS = 100_000_000
const SHARES = 2
const MOST_GROWTH = 8 * 1024 * 1024

export async function prove(seed: number): Promise<unknown> {
  const shares = await Promise.all(
    Array.from({ length: SHARES }, (_, i) => share(seed + i * 1_000_003, CALLS / SHARES)),
  )
  for (const { heapGrowth } of shares)
    assert.ok(heapGrowth < MOST_GROWTH, `the heap grew by ${heapGrowth} bytes`)
  const sum = (pick: (share: Share) => number) => shares.reduce((total, one) => total + pick(one), 0)
  return {
    inputs: sum(({ inputs }) => inputs),
    bytes: sum(({ bytes }) => bytes),
    decoderCalls: sum(({ total }) => total),
    crashes: 0,
    heapGrowth: shares.map(({ heapGrowth }) => heapGrowth),
    worstMsOfARoundOf31Inputs: Math.max(...shares.map(({ worst }) => worst)),
    calls: added(shares.map(({ calls }) => calls)),
    drops: added(shares.map(({ drops }) => drops)),
    streams: added(shares.map(({ streams }) => streams)),
  }
}

function added(counts: Record<string, number>[]): Record<string, number> {
  const all: Record<string, number> = {}
  for (const one of counts)
    for (const [name, count] of Object.entries(one)) all[name] = (all[name] ?? 0) + count
  return all
}
