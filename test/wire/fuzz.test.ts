/**
 * Hostile bytes straight into both codecs, a fixed budget with a fixed seed: nothing is thrown, nothing unfolds beyond its bound, cutting a stream
 * anywhere changes nothing, and the two codecs agree on what they both read. The long run is `npm run long -- fuzz-codec`.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/actors/random.ts'
import { Claim, readAlive } from '../../src/wire/claim.ts'
import { readUserEvent, UserEventCursor } from '../../src/wire/serf.ts'
import { CodecFuzz } from '../fuzz/codec.ts'

const SEED = 20_261_122

test('a fixed number of hostile inputs: no throw, bounds kept, both codecs agree', () => {
  const fuzz = new CodecFuzz(new SeededRandom(SEED))
  for (let i = 0; i < 3_000; i++) fuzz.round(8)
  const { tally, drops, kinds } = fuzz
  assert.ok(tally.total > 500_000, `${tally.total}`)
  for (const reason of ['compound', 'compress', 'crc', 'empty', 'depth', 'label', 'decrypt'])
    assert.ok(
      drops[`drop.${reason}`] > 0,
      `the inputs never reached drop.${reason}: ${JSON.stringify(drops)}`,
    )
  for (const kind of [
    'more',
    'push-pull',
    'ping',
    'ack',
    'user',
    'refused malformed',
    'refused compress',
    'refused decrypt',
  ])
    assert.ok((kinds.get(kind) ?? 0) > 0, `the inputs never reached ${kind}: ${[...kinds.keys()]}`)
})

test('values nested a hundred thousand deep are refused, not followed', () => {
  const deep = new Uint8Array(100_000).fill(0x91)
  assert.equal(readAlive(new Claim(), deep, 0, deep.length), false)
  const inMap = Uint8Array.of(0x81, 0xa1, 0x78, ...deep.subarray(0, 60_000))
  assert.equal(readUserEvent(new UserEventCursor(), inMap, 0, inMap.length), false)
})
