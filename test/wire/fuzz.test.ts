/**
 * Hostile bytes: mutations of everything recorded, and grammar-made values, straight into the codec. Nothing is thrown, and nothing is made
 * that is much larger than what came. A fixed budget with a fixed seed; the long run comes with the gossip layer.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counters } from '../../src/actors/counters.ts'
import { SeededRandom } from '../../src/actors/random.ts'
import { Claim, readAlive, readPushPullNode, readSuspect } from '../../src/wire/claim.ts'
import { decodePacket, decodeSerf, decodeStream } from '../../src/wire/decode.ts'
import { encodeSerf, encodeTree } from '../../src/wire/encode.ts'
import { Reader } from '../../src/wire/msgpack.ts'
import { PacketOpener } from '../../src/wire/packet.ts'
import { readAck, readError, readIndirectPing, readNack, readPing } from '../../src/wire/probe.ts'
import {
  IntentCursor,
  indexPushPullState,
  readIntent,
  readUserEvent,
  UserEventCursor,
} from '../../src/wire/serf.ts'
import { StreamAssembler } from '../../src/wire/stream.ts'
import { decodeTags } from '../../src/wire/tags.ts'
import { fromHex, inputVectors, memberlistVectors, serfVectors } from '../vectors.ts'

const ROUNDS = 60_000
const COATS = { compression: true, label: new Uint8Array(0) }
const random = new SeededRandom(20_261_122)
const corpus = [...memberlistVectors, ...serfVectors, ...inputVectors].map(({ hex }) =>
  fromHex(hex).subarray(0, 2_000),
)

/** Bytes that mean most in this format: type bytes, headers with lengths, extremes. */
const SPECIAL = [
  0x00, 0x7f, 0x80, 0x8f, 0x90, 0xa0, 0xbf, 0xc0, 0xc1, 0xc4, 0xc6, 0xc7, 0xcb, 0xcf, 0xd3, 0xd9, 0xdb, 0xdd,
  0xdf, 0xff, 9, 7, 12, 244,
]

function mutated(): Uint8Array {
  const source = corpus[random.below(corpus.length)]
  const bytes = source.slice(0, random.below(4) === 0 ? random.below(source.length + 1) : source.length)
  for (let changes = random.below(6); changes > 0 && bytes.length > 0; changes--) {
    const at = random.below(bytes.length)
    bytes[at] = random.below(2) === 0 ? SPECIAL[random.below(SPECIAL.length)] : random.below(256)
  }
  return bytes
}

const claim = new Claim()
const intent = new IntentCursor()
const event = new UserEventCursor()
const drops = new Counters()
let expanded = 0
const opener = new PacketOpener(COATS, drops, (_type, bytes, start, end) => {
  expanded += end - start
  readEverything(bytes, start, end)
})

/** Every reader of the actors on the same bytes, whatever they are. */
function readEverything(bytes: Uint8Array, start: number, end: number): void {
  readPing(bytes, start, end)
  readIndirectPing(bytes, start, end)
  readAck(bytes, start, end)
  readNack(bytes, start, end)
  readError(bytes, start, end)
  if (readAlive(claim, bytes, start, end))
    assert.ok(claim.nodeEnd <= claim.bytes.length && claim.metaEnd <= claim.bytes.length)
  readSuspect(claim, bytes, start, end)
  readPushPullNode(claim, new Reader().reset(bytes, start, end))
  readIntent(intent, bytes, start, end)
  if (readUserEvent(event, bytes, start, end)) assert.ok(event.nameEnd <= end && event.payloadEnd <= end)
  indexPushPullState(bytes, start, end)
  decodeTags(bytes.subarray(start, end))
}

test(`${ROUNDS} mutated inputs: the codec of the actors throws nothing and unfolds no more than a packet may hold`, () => {
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = mutated()
    expanded = 0
    opener.open(bytes)
    readEverything(bytes, 0, bytes.length)
    assert.ok(expanded <= 65_536 + bytes.length * 8, `${bytes.length} bytes became ${expanded}`)
  }
  assert.ok(drops.get('drop.compound') > 0 && drops.get('drop.compress') > 0 && drops.get('drop.crc') > 0)
})

test(`${ROUNDS / 4} mutated streams, cut anywhere: assembled, refused or unfinished, never thrown`, () => {
  const kinds = new Map<string, number>()
  for (let round = 0; round < ROUNDS / 4; round++) {
    const bytes = mutated()
    const assembler = new StreamAssembler(COATS, 'opener')
    const cut = random.below(bytes.length + 1)
    assembler.push(bytes.subarray(0, cut))
    let step = assembler.step()
    while (step.kind === 'working') step = assembler.step()
    if (step.kind === 'more') {
      assembler.push(bytes.subarray(cut))
      step = assembler.step()
      while (step.kind === 'working') step = assembler.step()
    }
    kinds.set(step.kind, (kinds.get(step.kind) ?? 0) + 1)
  }
  for (const kind of ['more', 'refused', 'push-pull', 'ping']) assert.ok(kinds.has(kind), kind)
})

test(`${ROUNDS / 4} mutated inputs through the plain-object codec: a tree for each, and bytes for each tree`, () => {
  for (let round = 0; round < ROUNDS / 4; round++) {
    const bytes = mutated()
    encodeTree(decodePacket(bytes))
    encodeTree(decodeStream(bytes))
    encodeSerf(decodeSerf(bytes))
  }
})

test('values nested a hundred thousand deep are refused, not followed', () => {
  const deep = new Uint8Array(100_000).fill(0x91)
  assert.equal(readAlive(claim, deep, 0, deep.length), false)
  const inMap = Uint8Array.of(0x81, 0xa1, 0x78, ...deep.subarray(0, 60_000))
  assert.equal(readUserEvent(event, inMap, 0, inMap.length), false)
})
