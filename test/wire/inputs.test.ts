/** Hand-made inputs with the effect that the newest original shows: the codec gives the same, and never worse. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counters } from '../../src/actors/counters.ts'
import {
  COMPOUND,
  type Coats,
  makeCompound,
  PacketOpener,
  packetRoom,
  sealPacket,
} from '../../src/wire/packet.ts'
import { readAck, readPing } from '../../src/wire/probe.ts'
import { StreamAssembler, type StreamSide, type StreamStep } from '../../src/wire/stream.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import { fromHex, inputVectors, memberlistVectors, toHex } from '../vectors.ts'
import { coatsOf, sideOf } from './sealed-vectors.ts'

const COATS: Coats = { compression: true, label: new Uint8Array(0) }

interface Opened {
  messages: { type: number; bytes: Uint8Array }[]
  drops: Record<string, number>
}

function open(packet: Uint8Array, coats = COATS): Opened {
  const drops = new Counters()
  const messages: Opened['messages'] = []
  const opener = new PacketOpener(coats, drops, (type, bytes, start, end) => {
    messages.push({ type, bytes: bytes.subarray(start, end) })
  })
  opener.open(packet)
  return { messages, drops: drops.snapshot() }
}

function assemble(stream: Uint8Array, coats = COATS, side: StreamSide = 'opener'): StreamStep {
  const assembler = new StreamAssembler(coats, side)
  assembler.push(stream)
  let step = assembler.step()
  while (step.kind === 'working') step = assembler.step()
  return step
}

/** Pings for us that are in the packet and readable: each would be answered. */
function answered({ messages }: Opened): number {
  return messages.filter(({ type, bytes }) => {
    const ping = type === MESSAGE.ping ? readPing(bytes, 0, bytes.length) : undefined
    return ping !== undefined && (ping.node.length === 0 || new TextDecoder().decode(ping.node) === 'alpha')
  }).length
}

for (const { name, transport, hex, effect } of inputVectors) {
  const expected = effect['memberlist-newest']
  if (transport === 'udp') {
    test(`packet ${name}: ${expected}`, () => {
      const opened = open(fromHex(hex))
      // The original answers a compound of 128 pings with 128 acks; one is enough to know.
      assert.equal(answered(opened) > 0, expected === 'ack', JSON.stringify(opened.drops))
    })
    continue
  }
  test(`stream ${name}: ${expected}`, () => {
    const step = assemble(fromHex(hex))
    if (expected === 'pushpull-reply') assert.equal(step.kind, 'push-pull')
    else if (expected === 'error-reply') assert.ok(step.kind === 'refused' && step.reply !== '')
    else if (expected === 'ack') assert.equal(step.kind, 'ping')
    // A ping for another is recognised by whoever knows our name.
    else if (name === 'stream-ping-wrong-node') assert.equal(step.kind, 'ping')
    else assert.ok(step.kind === 'refused' && step.reply === '', `${step.kind}`)
  })
}

for (const vector of memberlistVectors.filter(({ transport }) => transport === 'tcp')) {
  test(`stream ${vector.name} is the same message however TCP cuts it`, () => {
    const bytes = fromHex(vector.hex)
    const coats = coatsOf(vector, true)
    const side = sideOf(vector)
    const whole = assemble(bytes, coats, side)
    assert.ok(whole.kind !== 'more' && whole.kind !== 'refused', whole.kind)
    for (let cut = 1; cut < bytes.length; cut += Math.ceil(bytes.length / 400)) {
      const assembler = new StreamAssembler(coats, side)
      assembler.push(bytes.subarray(0, cut))
      assert.equal(assembler.step().kind, 'more', `after ${cut} of ${bytes.length} bytes`)
      assembler.push(bytes.subarray(cut))
      let step = assembler.step()
      while (step.kind === 'working') step = assembler.step()
      assert.deepEqual(step, whole)
    }
  })
}

test('lengths that a stream announces are refused before anything is made for them', () => {
  const announce = (hex: string) => assemble(fromHex(hex))
  const refusals: [what: string, hex: string, reason: string][] = [
    ['2^31 members', '0683a44a6f696ec2a54e6f646573ce80000000ac5573657253746174654c656e00', 'node-count'],
    [
      '4 GiB of user state',
      '0683a44a6f696ec2a54e6f64657300ac5573657253746174654c656eceffffffff',
      'user-state-length',
    ],
    ['4 GiB of a user message', '0881aa557365724d73674c656eceffffffff', 'user-message-length'],
  ]
  for (const [what, hex, reason] of refusals) {
    const step = announce(hex)
    assert.ok(step.kind === 'refused', what)
    assert.equal(step.reason, reason)
  }
})

test('a compression bomb on a stream is given up at its bound, one in a packet much sooner', () => {
  const zeros = sealPacket(new Uint8Array(200_000), 'plain', COATS)
  assert.deepEqual(open(zeros), { messages: [], drops: { 'drop.compress': 1 } })
})

test('coats inside coats are followed to a bounded depth', () => {
  let packet: Uint8Array = fromHex('0b81a55365714e6f01')
  for (let i = 0; i < 50; i++) packet = makeCompound([packet])
  assert.deepEqual(open(packet), { messages: [], drops: { 'drop.depth': 1 } })
})

test('a packet of any size budget is never larger than the buffer, coats counted in', () => {
  for (const label of ['', 'east-cluster']) {
    const coats: Coats = { compression: true, label: new TextEncoder().encode(label) }
    const room = packetRoom(1_400, coats)
    // Bytes that do not compress.
    const part = Uint8Array.from(
      { length: Math.floor(room / 10) - COMPOUND.perPart },
      (_, i) => (i * 7919 + (i >> 3) * 31) & 255,
    )
    const parts = Array.from({ length: 10 }, () => part)
    const sealed = sealPacket(makeCompound(parts), 'crc', coats)
    assert.ok(sealed.length <= 1_400, `${sealed.length}`)
    assert.equal(open(sealed, coats).messages.length, 10)
  }
})

test('a packet with another label, or with none where one is wanted, is dropped', () => {
  const ping = fromHex(inputVectors[0].hex)
  const east: Coats = { compression: false, label: new TextEncoder().encode('east') }
  const west: Coats = { compression: false, label: new TextEncoder().encode('west') }
  assert.equal(answered(open(sealPacket(ping, 'crc', east), east)), 1)
  for (const [packet, coats] of [
    [sealPacket(ping, 'crc', east), west],
    [sealPacket(ping, 'crc', east), COATS],
    [ping, east],
  ] as const) {
    assert.deepEqual(open(packet, coats), { messages: [], drops: { 'drop.label': 1 } })
  }
})

test('a changed bit under a checksum is noticed', () => {
  const sealed = sealPacket(fromHex('0b81a55365714e6f01'), 'crc', COATS)
  assert.equal(toHex(sealed), '0c097351570b81a55365714e6f01')
  for (let at = 5; at < sealed.length; at++) {
    const changed = sealed.slice()
    changed[at] ^= 4
    assert.deepEqual(open(changed), { messages: [], drops: { 'drop.crc': 1 } })
  }
})

test('acks come with their payload, absent or empty or not', () => {
  const ack = (hex: string) => readAck(fromHex(hex), 1, hex.length / 2)
  assert.deepEqual(ack('0282a75061796c6f6164c0a55365714e6f05'), { seqNo: 5, payload: null })
  assert.equal(ack('0282a75061796c6f6164a0a55365714e6f05')?.payload?.length, 0)
})
