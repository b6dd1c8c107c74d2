/** The coats as the actors put them on and take them off: the recorded bytes both ways, sizes, refusals, and what a wrong peer can do. */
import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { Counters } from '../../src/actors/counters.ts'
import { decodePacket, decodeStream } from '../../src/wire/decode.ts'
import { encodeTree } from '../../src/wire/encode.ts'
import { Keyring, type SealVersion } from '../../src/wire/keyring.ts'
import {
  COMPOUND,
  type Coats,
  makeCompound,
  messageRoom,
  PacketOpener,
  packetRoom,
  sealPacket,
} from '../../src/wire/packet.ts'
import { sealStream } from '../../src/wire/seal-stream.ts'
import { StreamAssembler, type StreamSide, type StreamStep } from '../../src/wire/stream.ts'
import type { Tree } from '../../src/wire/tree.ts'
import { fromHex, memberlistVectors, toHex } from '../vectors.ts'
import { coatsOf, sideOf, unsealed } from './sealed-vectors.ts'

const NACK = fromHex('0b81a55365714e6f01')
const EAST = new TextEncoder().encode('east')
const NO_LABEL = new Uint8Array(0)

interface Opened {
  messages: string[]
  drops: Record<string, number>
  refusals: string[]
}

function open(packet: Uint8Array, coats: Coats): Opened {
  const drops = new Counters()
  const messages: string[] = []
  const refusals: string[] = []
  const opener = new PacketOpener(
    coats,
    drops,
    (_, bytes, start, end) => messages.push(toHex(bytes.subarray(start - 1, end))),
    (reason) => refusals.push(reason),
  )
  opener.open(packet)
  return { messages, drops: drops.snapshot(), refusals }
}

function read(stream: Uint8Array, coats: Coats, side: StreamSide): StreamStep {
  const assembler = new StreamAssembler(coats, side)
  assembler.push(stream)
  let step = assembler.step()
  while (step.kind === 'working') step = assembler.step()
  return step
}

interface Choice {
  keys?: number[]
  label?: Uint8Array
  version?: SealVersion
  incoming?: 'verified' | 'any'
  outgoing?: 'sealed' | 'plain'
  compression?: 'on' | 'off'
  inboundLabel?: 'checked' | 'stripped'
}

function coatsWith(choice: Choice = {}): Coats {
  const { keys = [1], label = NO_LABEL, version = 1, incoming = 'verified', outgoing = 'sealed' } = choice
  const keyring = new Keyring(
    keys.map((number) => new Uint8Array(16).fill(number)),
    (bytes) => void randomFillSync(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)),
  )
  return {
    compression: choice.compression !== 'off',
    label,
    inboundLabel: choice.inboundLabel ?? 'checked',
    encryption: { keyring, version, incoming, outgoing },
  }
}

/** The messages of a tree, without coats. */
function messagesIn(tree: Tree): string[] {
  if (tree.type === 'label' || tree.type === 'hasCrc' || tree.type === 'compress') {
    return messagesIn(tree.inner)
  }
  return tree.type === 'compound' ? tree.parts.flatMap(messagesIn) : [toHex(encodeTree(tree))]
}

/** A tree without the coats that a sender chooses, and those that it had. */
function undressed(tree: Tree): { message: Uint8Array; crc: 'crc' | 'plain'; compression: boolean } {
  if (tree.type === 'label') return undressed(tree.inner)
  if (tree.type === 'hasCrc') return { ...undressed(tree.inner), crc: 'crc' }
  if (tree.type === 'compress') return { ...undressed(tree.inner), compression: true }
  return { message: encodeTree(tree), crc: 'plain', compression: false }
}

for (const vector of memberlistVectors.filter(({ transport }) => transport === 'udp')) {
  test(`packet ${vector.name} opens to its messages, and is made again byte for byte`, () => {
    const tree = decodePacket(unsealed(vector).plain)
    const { message, crc, compression } = undressed(tree)
    const coats = coatsOf(vector, compression)
    assert.deepEqual(open(fromHex(vector.hex), coats), {
      messages: messagesIn(tree),
      drops: {},
      refusals: [],
    })
    assert.equal(toHex(sealPacket(message, crc, coats)), vector.hex)
  })
}

for (const vector of memberlistVectors.filter(({ transport }) => transport === 'tcp')) {
  test(`stream ${vector.name} is read, and is made again byte for byte`, () => {
    const side = sideOf(vector)
    const { message, compression } = undressed(decodeStream(unsealed(vector).plain))
    const coats = coatsOf(vector, compression)
    const step = read(fromHex(vector.hex), coats, side)
    assert.ok(!['more', 'working', 'refused'].includes(step.kind), step.kind)
    assert.equal(toHex(sealStream(message, coats, side)), vector.hex)
  })
}

/** Anything that a host may configure. */
const choices = fc.record({
  keys: fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 3 }),
  label: fc.uint8Array({ maxLength: 255 }),
  version: fc.constantFrom<SealVersion>(0, 1),
  compression: fc.constantFrom<'on' | 'off'>('on', 'off'),
  outgoing: fc.constantFrom<'sealed' | 'plain'>('sealed', 'plain'),
  incoming: fc.constant<'any'>('any'),
})

test('no packet is ever larger than the buffer, whatever the coats, and what is in it comes out', () => {
  fc.assert(
    fc.property(
      choices,
      fc.integer({ min: 576, max: 65_507 }),
      fc.constantFrom<'crc' | 'plain'>('crc', 'plain'),
      fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 127 }),
      (choice, udpBufferSize, crc, lengths) => {
        const coats = coatsWith(choice)
        const parts: Uint8Array[] = []
        let room = packetRoom(udpBufferSize, coats)
        for (const length of lengths) {
          room -= COMPOUND.perPart + length
          if (room >= 0) parts.push(noise(length))
        }
        // The last part takes what is left, to the byte.
        const rest = Math.min(60_000, room - COMPOUND.perPart)
        if (rest > 0 && parts.length < COMPOUND.maxParts) parts.push(noise(rest))
        const packet = sealPacket(makeCompound(parts), crc, coats)
        assert.ok(packet.length <= udpBufferSize, `${packet.length} > ${udpBufferSize}`)
        assert.deepEqual(open(packet, coats).messages, parts.map(toHex))
      },
    ),
  )
})

test('one message alone may have as many bytes as messageRoom says, and not one more', () => {
  fc.assert(
    fc.property(choices, fc.integer({ min: 576, max: 9_000 }), (choice, udpBufferSize) => {
      const coats = coatsWith({ ...choice, version: 1 })
      const room = messageRoom(udpBufferSize, coats)
      assert.equal(sealPacket(noise(room), 'crc', coats).length, udpBufferSize)
      assert.ok(sealPacket(noise(room), 'plain', coats).length <= udpBufferSize)
    }),
  )
})

/** A message that no compression shortens, of an unknown type so that its bytes are its own. */
function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  randomFillSync(bytes)
  bytes[0] = 99
  return bytes
}

test('without a key everything is plain; with one, only what a key of ours opens is taken', () => {
  const none = coatsWith({ keys: [] })
  const one = coatsWith({ keys: [1] })
  const two = coatsWith({ keys: [2, 1] })
  const other = coatsWith({ keys: [3] })
  const taken = { messages: [toHex(NACK)], drops: {}, refusals: [] }
  const refused = { messages: [], drops: { 'drop.decrypt': 1 }, refusals: ['decrypt'] }
  assert.deepEqual(open(sealPacket(NACK, 'plain', none), none), taken)
  assert.deepEqual(open(sealPacket(NACK, 'crc', one), two), taken, 'every key is tried')
  assert.deepEqual(open(sealPacket(NACK, 'crc', two), one), refused, 'the first key seals')
  assert.deepEqual(open(sealPacket(NACK, 'crc', one), other), refused)
  assert.deepEqual(open(sealPacket(NACK, 'plain', none), one), refused)
  assert.deepEqual(open(new Uint8Array(0), one), refused)
  assert.deepEqual(open(sealPacket(NACK, 'plain', one), none).messages.includes(toHex(NACK)), false)
})

test('verifyIncoming and verifyOutgoing: every step from plain to encrypted can talk to the one beside it', () => {
  const steps = [
    coatsWith({ keys: [] }),
    coatsWith({ incoming: 'any', outgoing: 'plain' }),
    coatsWith({ incoming: 'any', outgoing: 'sealed' }),
    coatsWith({ incoming: 'verified', outgoing: 'sealed' }),
  ]
  const talks = (from: Coats, to: Coats) =>
    open(sealPacket(NACK, 'crc', from), to).messages.length === 1 &&
    read(sealStream(ACK, from), to, 'opener').kind === 'ack' &&
    read(sealStream(ACK, to, 'reply'), from, 'reply').kind === 'ack'
  const table = steps.map((from) => steps.map((to) => Number(talks(from, to))).join(''))
  assert.deepEqual(table, ['1100', '1110', '0111', '0011'])
})

/** An ack, which a stream may carry. */
const ACK = fromHex('0282a75061796c6f6164c0a55365714e6f05')

test('a message under another label opens for nobody, though the key is the same', () => {
  for (const version of [0, 1] as const) {
    const east = coatsWith({ label: EAST, version })
    const west = coatsWith({ label: new TextEncoder().encode('west'), version })
    const sealed = sealPacket(NACK, 'crc', east)
    assert.deepEqual(open(sealed, west).refusals, ['label'])
    // Somebody without the key writes our label over theirs.
    const forged = sealed.slice()
    forged.set(west.label, 2)
    assert.deepEqual(open(forged, west).refusals, ['decrypt'])
    const reply = sealStream(ACK, east, 'reply')
    assert.equal(read(reply, east, 'reply').kind, 'ack', 'a reply has no label header')
    const step = read(reply, west, 'reply')
    assert.ok(step.kind === 'refused' && step.reason === 'decrypt', 'but its label is authenticated')
  }
})

test('labels that something in front of us takes off: what comes without is ours, what has one is not', () => {
  const sender = coatsWith({ label: EAST })
  const stripped = coatsWith({ label: EAST, inboundLabel: 'stripped' })
  const packet = sealPacket(NACK, 'crc', sender)
  assert.deepEqual(open(packet.subarray(2 + EAST.length), stripped).messages, [toHex(NACK)])
  assert.deepEqual(open(packet, stripped).refusals, ['label'])
  const stream = sealStream(ACK, sender)
  assert.equal(read(stream.subarray(2 + EAST.length), stripped, 'opener').kind, 'ack')
  const step = read(stream, stripped, 'opener')
  assert.ok(step.kind === 'refused' && step.reason === 'label' && step.reply === '')
})

test('a label header that is cut short, empty or doubled is refused', () => {
  const coats = coatsWith({ label: EAST, keys: [] })
  const packet = sealPacket(NACK, 'plain', coats)
  for (const hex of ['f4', 'f400', 'f40065', 'f404656173', 'f4ff65617374']) {
    assert.deepEqual(open(fromHex(hex), coats).refusals, ['label'], hex)
  }
  assert.deepEqual(open(Uint8Array.from([...packet.subarray(0, 6), ...packet]), coats).messages, [
    toHex(packet),
  ])
})

test('streams are refused with an answer when their encryption is not ours, whatever is wrong with it', () => {
  const coats = coatsWith({ label: NO_LABEL })
  const none = coatsWith({ keys: [] })
  const sealed = sealStream(ACK, coats)
  const broken = sealed.slice()
  broken[broken.length - 1] ^= 1
  const refusals: [what: string, bytes: Uint8Array, coats: Coats, reason: string][] = [
    ['plain where a key is', ACK, coats, 'unencrypted'],
    ['sealed where no key is', sealed, none, 'encrypted'],
    ['sealed under another key', sealed, coatsWith({ keys: [2, 3] }), 'decrypt'],
    ['changed', broken, coats, 'decrypt'],
    ['too short to be sealed', fromHex(`0a0000001c01${'00'.repeat(27)}`), coats, 'decrypt'],
    ['of another version', fromHex(`0a0000001d02${'00'.repeat(28)}`), coats, 'decrypt'],
    ['21 MiB', fromHex('0a01400001'), coats, 'too-large'],
    ['nothing inside', sealStream(new Uint8Array(0), coatsWith({ compression: 'off' })), coats, 'empty'],
    [
      'bad compression inside',
      sealOnStream(fromHex('0982a4416c676f00a3427566a3ffffff'), coats),
      coats,
      'compress',
    ],
    ['no compress map inside', sealOnStream(fromHex('09c1'), coats), coats, 'compress'],
    [
      'nothing compressed inside',
      sealOnStream(fromHex('0982a4416c676f00a3427566a3000302'), coats),
      coats,
      'compress',
    ],
  ]
  const replies = new Map<string, Set<string>>()
  for (const [what, bytes, receiver, reason] of refusals) {
    const step = read(bytes, receiver, 'opener')
    assert.ok(step.kind === 'refused', what)
    assert.equal(step.reason, reason, what)
    assert.notEqual(step.reply, '', what)
    replies.set(reason, (replies.get(reason) ?? new Set()).add(step.reply))
  }
  assert.equal(replies.get('decrypt')?.size, 1, 'whatever was wrong, the answer is the same')
  const twice = read(sealOnStream(sealed, coats), coats, 'opener')
  assert.ok(twice.kind === 'refused' && twice.reply === '', 'encryption in encryption is closed')
})

/** Seals bytes for a stream as they are. */
function sealOnStream(bytes: Uint8Array, coats: Coats): Uint8Array {
  return sealStream(bytes, { ...coats, compression: false })
}

test('a version byte that somebody turned on the way makes no other message of it', () => {
  const sender = coatsWith()
  const sealed = sealPacket(NACK, 'crc', sender)
  const turned = sealed.slice()
  turned[0] = 0
  // What is under it is no padding, or the checksum is wrong without what was taken for it.
  assert.deepEqual(open(turned, sender).messages, [])
  const old = sealPacket(NACK, 'crc', coatsWith({ version: 0 }))
  old[0] = 1
  assert.deepEqual(open(old, sender).messages, [], 'the checksum covers the padding')
})

test('a large sealed message is made and read in slices, with the right key last', () => {
  const user = new Uint8Array(6_000_000)
  randomFillSync(user)
  const message = Uint8Array.from([
    8,
    ...fromHex('81aa557365724d73674c656e'),
    0xce,
    0,
    0x5b,
    0x8d,
    0x80,
    ...user,
  ])
  const stream = sealStream(message, coatsWith({ keys: [3], compression: 'off' }))
  const assembler = new StreamAssembler(coatsWith({ keys: [1, 2, 3] }), 'opener')
  assembler.push(stream)
  let slices = 0
  let step = assembler.step()
  for (; step.kind === 'working'; step = assembler.step()) slices += 1
  assert.ok(step.kind === 'user' && Buffer.compare(step.payload, user) === 0)
  assert.ok(slices >= 15, `${slices} slices`)
  assert.equal(assembler.sealedLength, stream.length - 5)
})
