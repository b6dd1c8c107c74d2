/** When the detector wants to be woken, and what it makes of waking late. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aliveMessage } from '../../bench/kit/made-up.ts'
import { compress } from '../../src/wire/lzw.ts'
import { wrapCompressed } from '../../src/wire/packet.ts'
import { writeAck, writeIndirectPing, writeNack, writePing } from '../../src/wire/probe.ts'
import { StreamAssembler } from '../../src/wire/stream.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import { LoneDetector } from './lone-detector.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)
const NOBODY = { sourceAddress: null, sourcePort: 0, sourceNode: utf8('') }
const JUNK = Uint8Array.of(MESSAGE.user, 1)

/** A detector in the helped phase of a probe of its only peer, 10 ms before the verdict. */
function nearlyDone() {
  const lone = new LoneDetector({ tcpFallbackPings: false })
  lone.peers(1)
  const [{ seqNo }] = lone.nextProbe()
  lone.advance(980)
  assert.deepEqual(lone.silent, [])
  return { lone, seqNo }
}

/** One wake, after the thread was held up. */
function wakeLate(lone: LoneDetector, by: number): void {
  lone.now += by
  lone.detector.wake(lone.now)
}

test('a detector with nothing to do sleeps a finite and positive while, with peers and without', () => {
  for (const count of [0, 3]) {
    const lone = new LoneDetector()
    lone.peers(count)
    for (let i = 0; i < 200; i++) {
      lone.advance(Math.max(0, lone.detector.wakeAt - lone.now))
      for (const { type, seqNo, to } of lone.sent())
        if (type === MESSAGE.ping) lone.hear(writeAck(seqNo, null), to.split(':')[0])
      const sleep = lone.detector.wakeAt - lone.now
      assert.ok(sleep > 0 && sleep <= 2_000, `${sleep} ms`)
    }
  }
})

test('the first probe comes one to two intervals after the start, at a place of its own', () => {
  const lone = new LoneDetector()
  assert.ok(lone.detector.wakeAt >= 1_000 && lone.detector.wakeAt < 2_000)
})

test('an ack that stands behind more packets than one turn reads still counts', () => {
  const { lone, seqNo } = nearlyDone()
  wakeLate(lone, 100)
  for (let turn = 0; turn < 10; turn++) {
    for (let i = 0; i < 32; i++) lone.hear(JUNK)
    wakeLate(lone, 1)
    assert.ok(lone.detector.wakeAt <= lone.now, 'it looks again at once')
  }
  lone.hear(writeAck(seqNo, null))
  lone.advance(500)
  assert.deepEqual(lone.silent, [])
  assert.equal(lone.stats()['probe.acked-direct'], 1)
})

test('a flood puts a verdict off by no more than ProbeTimeout', () => {
  const { lone } = nearlyDone()
  wakeLate(lone, 100)
  for (let waited = 0; waited < 500; waited += 10) {
    for (let i = 0; i < 32; i++) lone.hear(JUNK)
    wakeLate(lone, 10)
    assert.equal(lone.silent.length, waited < 490 ? 0 : 1)
  }
})

test('helpers are not bothered while the ack lies in the socket', () => {
  const lone = new LoneDetector()
  lone.peers(4)
  const [{ seqNo, to }] = lone.nextProbe()
  wakeLate(lone, 700)
  lone.hear(writeAck(seqNo, null), to.split(':')[0])
  lone.detector.wake(lone.now)
  assert.deepEqual(lone.sent(), [])
})

test('an asker hears no nack while the ack of its target lies in the socket', () => {
  const lone = new LoneDetector()
  const target = Uint8Array.of(10, 0, 0, 7)
  lone.hear(writeIndirectPing({ seqNo: 500, node: utf8('p7'), target, port: 1, nack: true, ...NOBODY }))
  const [{ seqNo }] = lone.sent()
  wakeLate(lone, 600)
  lone.hear(writeAck(seqNo, null), '10.0.0.7')
  lone.detector.wake(lone.now)
  assert.deepEqual(
    lone.sent().map(({ type, seqNo: number }) => [type, number]),
    [[MESSAGE.ack, 500]],
  )
})

test('a relay that nobody wants a nack from ends without a word', () => {
  const lone = new LoneDetector()
  const target = Uint8Array.of(10, 0, 0, 7)
  lone.hear(writeIndirectPing({ seqNo: 500, node: utf8('p7'), target, port: 0, nack: false, ...NOBODY }))
  const [{ to }] = lone.sent()
  assert.equal(to, '10.0.0.7:7946', 'port 0 is our own bind port')
  lone.advance(900)
  assert.deepEqual([lone.sent(), lone.stats()['relay.pending']], [[], 0])
})

test('after a pause no nack tells a lie, no probe starts at once, and three intervals are no pause yet', () => {
  const lone = new LoneDetector()
  lone.peers(2)
  lone.nextProbe()
  const target = Uint8Array.of(10, 0, 0, 7)
  lone.hear(writeIndirectPing({ seqNo: 500, node: utf8('p7'), target, port: 1, nack: true, ...NOBODY }))
  lone.sent()
  lone.now = lone.detector.wakeAt
  wakeLate(lone, 3_001)
  assert.ok(lone.detector.wakeAt - lone.now >= 1_000)
  assert.deepEqual([lone.sent(), lone.silent, lone.health], [[], [], 1])
  assert.deepEqual([lone.stats()['relay.abandoned'], lone.stats()['probe.abandoned']], [1, 1])

  const other = new LoneDetector()
  other.now = other.detector.wakeAt
  wakeLate(other, 3_000)
  assert.equal(other.stats()['detector.paused'], undefined)
})

test('a tick that passes during a long probe is made up for at once, but only one', () => {
  const lone = new LoneDetector({ tcpFallbackPings: false })
  for (let i = 0; i < 3; i++) lone.mail({ type: 'accused' })
  lone.peers(1)
  lone.nextProbe()
  lone.advance(3_900)
  assert.equal(lone.silent.length, 0, 'four intervals at health 3')
  lone.packets.length = 0
  lone.advance(110)
  const [{ seqNo }] = lone.sent()
  assert.deepEqual([lone.silent.length, lone.stats()['probe.started']], [1, 2])
  lone.hear(writeAck(seqNo, null))
  lone.advance(900)
  assert.equal(lone.stats()['probe.started'], 2)
})

test('a peer that left while it was probed does not cost us health; late words about its row end no probe', () => {
  const lone = new LoneDetector()
  lone.peer(1, 'alive', { instance: 2 })
  lone.nextProbe()
  lone.peer(1, 'gone', { instance: 1 })
  assert.equal(lone.stats()['ring.peers'], 1)
  lone.advance(1_100)
  assert.deepEqual(lone.silent, [{ type: 'silent', row: 1, instance: 2, incarnation: 5 }])
  lone.nextProbe()
  const before = [lone.silent.length, lone.health]
  lone.peer(1, 'gone', { instance: 2 })
  lone.advance(20_000)
  assert.deepEqual([lone.silent.length, lone.health], before)
})

test('a ping that could not be sent still becomes a verdict when nobody hears of the peer', () => {
  const lone = new LoneDetector({ tcpFallbackPings: false })
  lone.peers(1)
  const [{ seqNo }] = lone.nextProbe()
  lone.mail({ type: 'unsent', seqNo })
  lone.mail({ type: 'unsent', seqNo: seqNo + 1 })
  lone.advance(1_010)
  assert.deepEqual([lone.silent.length, lone.health], [1, 1])
})

test('nacks that are repeated count no more than there are helpers, and strangers are counted', () => {
  const { lone, seqNo } = nearlyDone()
  for (let i = 0; i < 100; i++) lone.hear(writeNack(seqNo))
  lone.hear(writeNack(seqNo + 1))
  lone.hear(writeAck(seqNo + 1, null))
  lone.advance(40)
  assert.equal(lone.health, 1, 'no nack was expected of anybody')
  assert.deepEqual([lone.stats()['nack.stray'], lone.stats()['ack.stray']], [1, 1])
})

test('an answer over TCP that would expand without end is given up after a few slices', (t) => {
  const lone = new LoneDetector()
  lone.peers(1)
  const [{ seqNo }] = lone.nextProbe()
  lone.advance(510)
  const bomb = wrapCompressed(compress(new Uint8Array(8 * 1024 * 1024)))
  assert.ok(bomb.length < 64 * 1024)
  const { mock } = t.mock.method(StreamAssembler.prototype, 'step')
  lone.mail({ type: 'ping-stream-data', seqNo, bytes: bomb })
  assert.ok(mock.callCount() <= 4, `${mock.callCount()} slices in one turn`)
  assert.ok(lone.closed.includes(seqNo))
  lone.advance(600)
  assert.equal(lone.silent.length, 1)
})

test('an answer over TCP may come byte by byte', () => {
  const lone = new LoneDetector()
  lone.peers(1)
  const [{ seqNo }] = lone.nextProbe()
  lone.advance(510)
  const answer = wrapCompressed(compress(writeAck(seqNo, null)))
  for (let end = 1; end <= answer.length; end++)
    lone.mail({ type: 'ping-stream-data', seqNo, bytes: answer.slice(0, end) })
  lone.mail({ type: 'ping-stream-failed', seqNo })
  lone.advance(600)
  assert.deepEqual(lone.silent, [])
})

test('whatever a probe comes to, its connection is closed', () => {
  const lone = new LoneDetector()
  lone.peers(1)
  lone.advance(30_000)
  const { dialled, closed } = lone
  assert.ok(dialled.length > 3)
  const finished = dialled.map(({ seqNo }) => seqNo).slice(0, -1)
  assert.ok(finished.every((seqNo) => closed.includes(seqNo)))
})

test('before it knows who it is the detector answers nobody, tells gossip nothing, and plans nothing', () => {
  const lone = new LoneDetector({}, 'unbegun')
  lone.hear(writePing({ seqNo: 1, node: utf8(''), ...NOBODY }))
  // A member that gossip heard of now would be in its table before ourselves.
  lone.hear(aliveMessage(1, 7946))
  lone.advance(1_000)
  assert.deepEqual(lone.sent(), [])
  assert.deepEqual(lone.toGossip, [])
  assert.equal(lone.detector.wakeAt, Number.POSITIVE_INFINITY)
})
