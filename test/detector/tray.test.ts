/** Broadcasts that ride on other messages: the budget, the order, the account. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Counters } from '../../src/actors/counters.ts'
import { Pack, packTrayItem } from '../../src/actors/packed.ts'
import { Tray } from '../../src/detector/tray.ts'
import { PacketOpener, packetRoom, sealPacket } from '../../src/wire/packet.ts'
import { writeAck } from '../../src/wire/probe.ts'
import { MESSAGE } from '../../src/wire/types.ts'

const COATS = { compression: false, label: new Uint8Array(0) }
const ACK = writeAck(1, null)

/** A user message of `length` bytes that is known by its second byte. */
function message(mark: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(0)
  bytes[0] = MESSAGE.user
  bytes[1] = mark
  return bytes
}

function trayOf(items: { length: number; allowance: number }[]): Tray {
  const pack = new Pack()
  items.forEach(({ length, allowance }, i) => {
    packTrayItem(pack, message(i, length), allowance)
  })
  const tray = new Tray()
  tray.replace(1, pack.take())
  return tray
}

/** Marks of what rode, in order; the ack must be first. */
function ridersOf(packet: Uint8Array): number[] {
  const types: number[] = []
  const marks: number[] = []
  const opener = new PacketOpener(COATS, new Counters(), (type, bytes, start) => {
    types.push(type)
    if (type === MESSAGE.user) marks.push(bytes[start])
  })
  opener.open(packet)
  assert.equal(types[0], MESSAGE.ack)
  return marks
}

test('no packet ever exceeds its buffer or 127 parts, and nobody rides more often than allowed', () => {
  const item = fc.record({
    length: fc.integer({ min: 2, max: 700 }),
    allowance: fc.integer({ min: 1, max: 4 }),
  })
  fc.assert(
    fc.property(fc.array(item, { maxLength: 200 }), fc.integer({ min: 576, max: 4_000 }), (items, buffer) => {
      const tray = trayOf(items)
      const rides = items.map(() => 0)
      for (let i = 0; i < 12; i++) {
        const packet = tray.ride(ACK, packetRoom(buffer, COATS))
        assert.ok(sealPacket(packet, 'crc', COATS).length <= buffer)
        const marks = ridersOf(packet)
        assert.ok(marks.length <= 126)
        for (const mark of marks) rides[mark] += 1
      }
      const leftovers = tray.replace(2, new Uint8Array(0))
      const left = items.map(({ allowance }, i) => allowance - rides[i])
      assert.ok(left.every((count) => count >= 0))
      assert.deepEqual(leftovers === undefined ? [] : [...leftovers.unused], left)
    }),
  )
})

test('a packet is filled to the last byte that the budget has', () => {
  const room = packetRoom(1_400, COATS)
  const longest = room - 2 - ACK.length - 2
  assert.equal(ridersOf(trayOf([{ length: longest, allowance: 1 }]).ride(ACK, room)).length, 1)
  const tooLong = trayOf([{ length: longest + 1, allowance: 1 }])
  assert.equal(tooLong.ride(ACK, room), ACK, 'alone it is no compound')
})

test('a packet has at most 127 parts, however small they are', () => {
  const tray = trayOf(Array.from({ length: 200 }, () => ({ length: 2, allowance: 1 })))
  const rides = Array.from({ length: 3 }, () => ridersOf(tray.ride(ACK, packetRoom(9_000, COATS))).length)
  assert.deepEqual(rides, [126, 74, 0])
})

test('whoever rode goes behind those who did not', () => {
  const tray = trayOf(Array.from({ length: 3 }, () => ({ length: 50, allowance: 3 })))
  const roomForTwo = ACK.length + 2 + 2 * 52
  const rides = Array.from({ length: 4 }, () => ridersOf(tray.ride(ACK, roomForTwo)))
  assert.deepEqual(rides, [
    [0, 1],
    [2, 0],
    [1, 2],
    [0, 1],
  ])
})

test('an empty tray leaves nothing over, and a full one all that it had', () => {
  const tray = new Tray()
  assert.equal(tray.replace(1, new Uint8Array(0)), undefined)
  const pack = new Pack()
  packTrayItem(pack, message(0, 9), 200)
  assert.equal(tray.replace(2, pack.take()), undefined)
  assert.deepEqual(tray.replace(3, new Uint8Array(0)), { number: 2, unused: Uint8Array.of(200) })
})
