/**
 * Every decoder of the house, each as a function of bytes that must not throw, with what must hold of its result. Every call of a decoder is
 * counted, so that a long run can say how many there were.
 */
import assert from 'node:assert/strict'
import { Counters } from '../../src/actors/counters.ts'
import { Claim, readAlive, readPushPullNode, readSuspect } from '../../src/wire/claim.ts'
import { readCoordinate } from '../../src/wire/coordinate.ts'
import { type DecodeOptions, decodePacket, decodeSerf, decodeStream } from '../../src/wire/decode.ts'
import { encodeSerf, encodeTree } from '../../src/wire/encode.ts'
import { readFilters } from '../../src/wire/filter.ts'
import { Keyring } from '../../src/wire/keyring.ts'
import { expand } from '../../src/wire/lzw.ts'
import { Malformed, Reader } from '../../src/wire/msgpack.ts'
import { type Coats, type Encryption, PacketOpener } from '../../src/wire/packet.ts'
import { readAck, readError, readIndirectPing, readNack, readPing } from '../../src/wire/probe.ts'
import {
  AnswerCursor,
  QueryCursor,
  RelayCursor,
  readAnswer,
  readQuery,
  readRelay,
} from '../../src/wire/query.ts'
import {
  eachSlotEvent,
  IntentCursor,
  indexPushPullState,
  readIntent,
  readUserEvent,
  UserEventCursor,
} from '../../src/wire/serf.ts'
import { StreamAssembler, type StreamSide, type StreamStep } from '../../src/wire/stream.ts'
import { decodeTags } from '../../src/wire/tags.ts'
import { stopsIn } from '../../src/wire/tree.ts'
import { endOfValue, unfold } from './naive.ts'

/** How a member is configured: its coats, and the same for the plain-object codec. */
export interface Climate {
  coats: Coats
  options: DecodeOptions
  side: StreamSide
}

/** A member with or without the label and the keys of the recordings. */
export function climate(
  label: string,
  keys: readonly Uint8Array[],
  incoming: 'any' | 'verified',
  side: StreamSide,
): Climate {
  const encryption: Encryption = {
    keyring: new Keyring(keys, () => undefined),
    version: 1,
    incoming,
    outgoing: 'sealed',
  }
  return {
    coats: { compression: true, label: Buffer.from(label), ...(keys.length > 0 ? { encryption } : {}) },
    options: { keys, label, payloads: 'bytes' },
    side,
  }
}

const MOST_EXPANDED = 65_536

const claim = new Claim()
const intent = new IntentCursor()
const event = new UserEventCursor()
const query = new QueryCursor()
const answer = new AnswerCursor()
const relay = new RelayCursor()
const reader = new Reader()

/** Calls of each decoder. */
export class Tally {
  readonly #counts = new Map<string, number>()

  add(name: string, amount = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + amount)
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0)
  }

  get counts(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort())
  }
}

type Decoder = (bytes: Uint8Array, start: number, end: number) => void

/** Bodies, as the actors read them: offsets that are handed out must lie inside the bytes. */
const BODIES: Readonly<Record<string, Decoder>> = {
  readPing,
  readIndirectPing,
  readAck: (bytes, start, end) => {
    const ack = readAck(bytes, start, end)
    assert.ok((ack?.payload?.length ?? 0) <= end - start)
  },
  readNack,
  readError,
  readAlive: (bytes, start, end) => {
    if (readAlive(claim, bytes, start, end))
      inside(claim.bytes, claim.nodeEnd, claim.metaEnd, claim.versionsEnd, claim.addressEnd)
  },
  readSuspect: (bytes, start, end) => {
    if (readSuspect(claim, bytes, start, end)) inside(claim.bytes, claim.nodeEnd, claim.fromEnd)
  },
  readPushPullNode: (bytes, start, end) => {
    if (readPushPullNode(claim, reader.reset(bytes, start, end))) {
      inside(claim.bytes, claim.nodeEnd, claim.metaEnd)
      assert.ok(reader.at <= end)
    }
  },
  readIntent: (bytes, start, end) => {
    if (readIntent(intent, bytes, start, end)) inside(intent.bytes, intent.nodeEnd)
  },
  readUserEvent: (bytes, start, end) => {
    if (readUserEvent(event, bytes, start, end))
      inside(bytes.subarray(0, end), event.nameEnd, event.payloadEnd)
  },
  readQuery: (bytes, start, end) => {
    if (readQuery(query, bytes, start, end))
      inside(bytes.subarray(0, end), query.nameEnd, query.payloadEnd, query.filtersEnd, query.sourceEnd)
  },
  readAnswer: (bytes, start, end) => {
    if (readAnswer(answer, bytes, start, end))
      inside(bytes.subarray(0, end), answer.payloadEnd, answer.fromEnd)
  },
  readRelay: (bytes, start, end) => {
    if (readRelay(relay, bytes, start, end)) inside(bytes.subarray(0, end), relay.innerStart, relay.nameEnd)
  },
  readFilters: (bytes, start, end) => {
    readFilters(bytes.subarray(start, end))
  },
  readCoordinate: (bytes, start, end) => {
    const coordinate = readCoordinate(bytes.subarray(start, end), 8)
    if (typeof coordinate === 'string') return
    const { vector, error, adjustment, height } = coordinate
    assert.ok([...vector, error, adjustment, height].every(Number.isFinite), 'a coordinate that is no place')
  },
  decodeTags: (bytes, start, end) => {
    assert.equal(Object.getPrototypeOf(decodeTags(bytes.subarray(start, end))), null)
  },
  userState: (bytes, start, end) => {
    const index = indexPushPullState(bytes, start, end)
    if (index === undefined || index.eventsAt < 0) return
    reader.reset(bytes, index.eventsAt, end)
    unlessMalformed(() => {
      for (let i = 0; i < index.eventsCount; i++)
        eachSlotEvent(reader, (_time, _nameStart, nameEnd, _payloadStart, payloadEnd) => {
          inside(bytes.subarray(0, end), nameEnd, payloadEnd)
        })
    })
  },
  skip: (bytes, start, end) => {
    reader.reset(bytes, start, end)
    const ends = unlessMalformed(() => {
      reader.skip()
      return reader.at
    })
    assert.equal(ends ?? -1, endOfValue(bytes.subarray(0, end), start), 'the second msgpack decoder agrees')
  },
}
const NAMES = Object.keys(BODIES)
const READERS = Object.values(BODIES)

function inside(bytes: Uint8Array, ...ends: number[]): void {
  for (const end of ends) assert.ok(end <= bytes.length, `an offset of ${end} in ${bytes.length} bytes`)
}

function unlessMalformed<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

/** All readers of bodies on the same bytes, whatever they are. */
export function readBodies(tally: Tally, bytes: Uint8Array, start: number, end: number): void {
  for (const [i, read] of READERS.entries()) {
    tally.add(NAMES[i])
    read(bytes, start, end)
  }
}

/** A leaf that the opener handed out. */
export interface Leaf {
  type: number
  body: Uint8Array
}

export class PacketTarget {
  readonly drops = new Counters()
  readonly #opener: PacketOpener
  #leaves: Leaf[] = []

  constructor(coats: Coats) {
    this.#opener = new PacketOpener(coats, this.drops, (type, bytes, start, end) => {
      this.#leaves.push({ type, body: bytes.subarray(start, end) })
    })
  }

  /** What is inside a packet; never more than a packet may unfold to, compounds counted at each of their levels. */
  open(tally: Tally, bytes: Uint8Array): Leaf[] {
    this.#leaves = []
    tally.add('PacketOpener.open')
    this.#opener.open(bytes)
    const unfolded = this.#leaves.reduce((sum, { body }) => sum + body.length, 0)
    assert.ok(unfolded <= MOST_EXPANDED + bytes.length, `${bytes.length} bytes became ${unfolded}`)
    return this.#leaves
  }
}

/** A stream, whole or cut where `cuts` say; its last step. */
export function assemble(
  tally: Tally,
  bytes: Uint8Array,
  cuts: readonly number[],
  { coats, side }: Climate,
): StreamStep {
  tally.add('StreamAssembler')
  const assembler = new StreamAssembler(coats, side)
  let from = 0
  let step: StreamStep = { kind: 'more' }
  for (const cut of [...cuts, bytes.length]) {
    assembler.push(bytes.subarray(from, cut))
    from = cut
    step = assembler.step()
    while (step.kind === 'working') step = assembler.step()
    if (step.kind !== 'more') break
  }
  return step
}

/** The plain-object codec: a tree for each, bytes for each tree, and the same tree from those again. */
export function plainObjects(tally: Tally, bytes: Uint8Array): void {
  tally.add('decodePacket', 2)
  tally.add('decodeStream', 2)
  tally.add('decodeSerf', 2)
  const packet = decodePacket(bytes)
  const stream = decodeStream(bytes)
  const serf = decodeSerf(bytes)
  stopsIn(packet)
  stopsIn(stream)
  settled(packet, encodeTree, decodePacket)
  settled(stream, encodeTree, decodeStream)
  settled(serf, encodeSerf, decodeSerf)
}

/** What is decoded, encoded and decoded again encodes to the same bytes: nothing is lost on the way. */
function settled<Tree extends { type: string }>(
  tree: Tree,
  encode: (tree: Tree) => Uint8Array,
  decode: (bytes: Uint8Array) => Tree,
): void {
  const once = encode(tree)
  const again = encode(decode(once))
  assert.ok(
    Buffer.compare(once, again) === 0,
    `${Buffer.from(once).toString('hex')} became ${Buffer.from(again).toString('hex')}`,
  )
}

/** LZW, by the fast decoder and by the slow one. */
export function lzw(tally: Tally, data: Uint8Array): void {
  tally.add('expand')
  const fast = expand(data, MOST_EXPANDED)
  const slow = unfold(data, MOST_EXPANDED)
  assert.deepEqual(fast && Buffer.from(fast), slow && Buffer.from(slow), Buffer.from(data).toString('hex'))
}
