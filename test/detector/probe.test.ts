/** A probe's life, branch by branch (protocol page 1, sections 7.4 to 7.6), in virtual time with LAN numbers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pack, packTrayItem } from '../../src/actors/packed.ts'
import { writeSuspect } from '../../src/wire/claim.ts'
import { Writer } from '../../src/wire/msgpack.ts'
import { writeAck, writeIndirectPing, writeNack, writePing } from '../../src/wire/probe.ts'
import { sealStream } from '../../src/wire/seal-stream.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import { LoneDetector } from './lone-detector.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)
const NOBODY = { sourceAddress: null, sourcePort: 0, sourceNode: utf8('') }
const COATS = { compression: false, label: new Uint8Array(0) }

/** A detector in the middle of a probe of the only peer. */
function probing(options = {}, peers = 1) {
  const lone = new LoneDetector(options)
  lone.peers(peers)
  const [{ to, seqNo, ping }] = lone.nextProbe()
  return { lone, seqNo, to, ping }
}

test('a ping names its receiver and where the ack shall go; a direct ack in time ends the probe in peace', () => {
  const { lone, seqNo, to, ping } = probing()
  assert.equal(to, '10.0.0.1:7946')
  assert.deepEqual(
    [ping?.node, ping?.sourceIp, ping?.sourcePort, ping?.sourceNode].map((part) =>
      part instanceof Uint8Array ? String.fromCharCode(...part) : part,
    ),
    ['p1', '10.0.0.99', 7946, 'self'],
  )
  lone.advance(100)
  lone.hear(writeAck(seqNo, null))
  lone.advance(800)
  assert.deepEqual(lone.sent(), [])
  assert.deepEqual(lone.silent, [])
  assert.equal(lone.health, 0)
})

test('without an ack helpers are asked and TCP is tried; an ack through a helper saves the peer', () => {
  const { lone, seqNo, to } = probing({}, 5)
  lone.advance(510)
  const asked = lone.sent().filter(({ type }) => type === MESSAGE.indirectPing)
  assert.equal(asked.length, 3)
  for (const { indirect, to: helper } of asked) {
    assert.notEqual(helper, to)
    assert.deepEqual(
      [indirect?.seqNo, indirect?.nack, `${indirect?.targetIp}:${indirect?.port}`],
      [seqNo, true, to],
    )
  }
  assert.deepEqual(lone.dialled, [{ seqNo, to }])
  lone.hear(writeAck(seqNo, null), '10.0.0.5')
  lone.advance(600)
  assert.deepEqual(lone.silent.length, 0)
  assert.ok(lone.closed.includes(seqNo), 'the stream is given up')
  assert.equal(lone.stats()['probe.acked-relayed'], 1)
})

test('an ack that comes late but before the end still counts', () => {
  const { lone, seqNo } = probing()
  lone.advance(900)
  lone.hear(writeAck(seqNo, null))
  lone.advance(600)
  assert.deepEqual(lone.silent, [])
})

test('an answer over TCP alone saves the peer too', () => {
  const { lone, seqNo } = probing()
  lone.advance(510)
  lone.mail({ type: 'ping-stream-data', seqNo, bytes: sealStream(writeAck(seqNo, null), COATS) })
  lone.advance(600)
  assert.deepEqual(lone.silent, [])
  assert.equal(lone.stats()['probe.acked-stream'], 1)
})

test('an answer over TCP with another number, or junk, saves nobody', () => {
  for (const bytes of [
    sealStream(writeAck(1, null), COATS),
    Uint8Array.of(13, 129),
    Uint8Array.of(255, 1, 2),
  ]) {
    const { lone, seqNo } = probing()
    lone.advance(510)
    lone.mail({ type: 'ping-stream-data', seqNo, bytes })
    lone.advance(600)
    assert.equal(lone.silent.length, 1)
  }
})

test('no sign of life is a verdict that names what was probed, and health falls by one without helpers', () => {
  const { lone } = probing()
  lone.advance(1_010)
  assert.deepEqual(lone.silent, [{ type: 'silent', row: 1, instance: 1, incarnation: 5 }])
  assert.equal(lone.health, 1)
})

test('helpers that all say no leave our health as it is, each that is silent costs one', () => {
  for (const nacks of [3, 1, 0]) {
    const { lone, seqNo } = probing({ tcpFallbackPings: false }, 5)
    lone.advance(510)
    for (let i = 0; i < nacks; i++) lone.hear(writeNack(seqNo), `10.0.0.${i + 2}`)
    lone.advance(500)
    assert.equal(lone.silent.length, 1)
    assert.equal(lone.health, 3 - nacks)
    assert.equal(lone.dialled.length, 0, 'TCP pings are off')
  }
})

test('members that are spared are not pinged over TCP, the others are (DisableTcpPingsForNode)', () => {
  const lone = new LoneDetector({ tcpFallbackExcept: ['p1', 'não'] })
  lone.peers(2)
  lone.advance(20_000)
  assert.ok(lone.dialled.length > 0)
  assert.ok(lone.dialled.every(({ to }) => to === '10.0.0.2:7946'))
})

test('poor health stretches the probe, good probes heal it, and it never exceeds its bound', () => {
  const lone = new LoneDetector()
  for (let i = 0; i < 20; i++) lone.mail({ type: 'accused' })
  assert.equal(lone.health, 7)
  lone.peers(1)
  const [{ seqNo }] = lone.nextProbe()
  lone.advance(7_000)
  assert.deepEqual(lone.silent, [], 'eight intervals to answer')
  lone.hear(writeAck(seqNo, null))
  assert.equal(lone.health, 6)
  assert.ok(lone.stats()['memberlist.degraded.probe'] > 0)
})

test("helpers and TCP are only what a peer's protocol understands", () => {
  const lone = new LoneDetector()
  lone.peer(1, 'alive', { protocolMax: 2 })
  lone.peer(2, 'alive', { protocolMax: 3 })
  let [probe] = lone.nextProbe()
  while (probe.to !== '10.0.0.1:7946') {
    lone.hear(writeAck(probe.seqNo, null), '10.0.0.2')
    ;[probe] = lone.nextProbe()
  }
  lone.advance(510)
  const [ask] = lone.sent()
  assert.deepEqual([ask.to, ask.indirect?.nack], ['10.0.0.2:7946', false], 'below 4 nobody sends nacks')
  assert.ok(
    !lone.dialled.some((dial) => dial.to === '10.0.0.1:7946'),
    'below 3 nobody reads pings on streams',
  )
})

test('a ping that the system refuses goes to the helpers at once, and its ack does not heal', () => {
  const { lone, seqNo } = probing({}, 4)
  lone.mail({ type: 'accused' })
  lone.mail({ type: 'unsent', seqNo })
  assert.equal(lone.sent().filter(({ type }) => type === MESSAGE.indirectPing).length, 3)
  lone.hear(writeAck(seqNo, null), '10.0.0.4')
  assert.equal(lone.health, 1)
})

test('a suspect is told so in its ping, and nothing else rides there', () => {
  const lone = new LoneDetector()
  lone.peer(1, 'suspect', { incarnation: 9 })
  const pack = new Pack()
  packTrayItem(pack, Uint8Array.of(8, 1, 2, 3), 5)
  lone.mail({ type: 'tray', number: 1, bytes: pack.take() })
  const writer = new Writer()
  writeSuspect(writer, MESSAGE.suspect, { incarnation: 9, name: utf8('p1'), from: utf8('self') })
  const heard = lone.nextProbe()
  assert.deepEqual(
    heard.map(({ type }) => type),
    [MESSAGE.ping, MESSAGE.suspect],
  )
})

test('a verdict that is due waits until the socket was read once more', () => {
  const { lone, seqNo } = probing({ tcpFallbackPings: false })
  lone.advance(510)
  // The thread was held up beyond the end of the probe; the ack lies in the socket.
  lone.now += 700
  lone.detector.wake(lone.now)
  assert.deepEqual(lone.silent, [])
  assert.ok(lone.detector.wakeAt <= lone.now, 'it wants to go on at once')
  lone.hear(writeAck(seqNo, null))
  lone.detector.wake(lone.now)
  lone.advance(500)
  assert.deepEqual(lone.silent, [])
})

test('after a pause of the whole process nobody is accused, and it is our health that falls', () => {
  const { lone } = probing({}, 3)
  lone.advance(510)
  lone.now += 30_000
  lone.detector.wake(lone.now)
  lone.detector.wake(lone.now)
  lone.advance(900)
  assert.deepEqual(lone.silent, [])
  assert.equal(lone.health, 1)
  assert.equal(lone.stats()['detector.paused'], 1)
})

test('a peer that went is no longer probed, and a probe of it ends without a verdict', () => {
  const { lone } = probing()
  lone.peer(1, 'gone')
  lone.advance(10_000)
  assert.deepEqual(lone.silent, [])
  assert.deepEqual(lone.sent(), [])
})

test('words about somebody who lived in a row before are ignored', () => {
  const lone = new LoneDetector()
  lone.peer(1, 'alive', { instance: 2 })
  lone.peer(1, 'gone', { instance: 1 })
  assert.equal(lone.stats()['ring.peers'], 1)
})

test('every peer is probed once in a round, in an order that changes', () => {
  const lone = new LoneDetector()
  lone.peers(12)
  const rounds: string[][] = []
  for (let round = 0; round < 4; round++) {
    const order: string[] = []
    while (order.length < 12) {
      const [{ to, seqNo }] = lone.nextProbe()
      lone.hear(writeAck(seqNo, null), to.split(':')[0])
      order.push(to)
    }
    rounds.push(order)
  }
  for (const order of rounds) assert.equal(new Set(order).size, 12)
  assert.ok(new Set(rounds.map(String)).size > 1)
})

test('a ping for us is acked in the turn that reads it, where it says or else where it came from', () => {
  const lone = new LoneDetector()
  lone.hear(writePing({ seqNo: 70, node: utf8('self'), ...NOBODY }), '10.9.9.9')
  lone.hear(
    writePing({
      seqNo: 71,
      node: utf8(''),
      sourceAddress: Uint8Array.of(10, 8, 8, 8),
      sourcePort: 9,
      sourceNode: utf8('x'),
    }),
    '10.9.9.9',
  )
  assert.deepEqual(
    lone.sent().map(({ to, type, seqNo }) => [to, type, seqNo]),
    [
      ['10.9.9.9:7946', MESSAGE.ack, 70],
      ['10.8.8.8:9', MESSAGE.ack, 71],
    ],
  )
})

test('a ping for somebody else is dropped and counted', () => {
  const lone = new LoneDetector()
  lone.hear(writePing({ seqNo: 70, node: utf8('other'), ...NOBODY }))
  assert.deepEqual(lone.sent(), [])
  assert.equal(lone.stats()['drop.ping-for-another'], 1)
})

/** A request to ping 10.0.0.7 for 10.0.0.1. */
const request = (seqNo: number, target = Uint8Array.of(10, 0, 0, 7)) =>
  writeIndirectPing({ seqNo, node: utf8('p7'), target, port: 7946, nack: true, ...NOBODY })

test("a ping for another: its ack goes back under the asker's number, silence becomes a nack", () => {
  const lone = new LoneDetector()
  lone.hear(request(500))
  const [ping] = lone.sent()
  assert.deepEqual([ping.to, ping.type], ['10.0.0.7:7946', MESSAGE.ping])
  assert.notEqual(ping.seqNo, 500)
  lone.hear(writeAck(ping.seqNo, utf8('payload')), '10.0.0.7')
  assert.deepEqual(
    lone.sent().map(({ to, type, seqNo }) => [to, type, seqNo]),
    [['10.0.0.1:7946', MESSAGE.ack, 500]],
  )
  lone.hear(request(501))
  lone.sent()
  lone.advance(490)
  assert.deepEqual(lone.sent(), [])
  lone.advance(20)
  assert.deepEqual(
    lone.sent().map(({ to, type, seqNo }) => [to, type, seqNo]),
    [['10.0.0.1:7946', MESSAGE.nack, 501]],
  )
})

test('nobody makes us ping what is no single host, nor more than the bound at a time', () => {
  const lone = new LoneDetector()
  for (const target of [
    [0, 0, 0, 0],
    [255, 255, 255, 255],
    [224, 0, 0, 1],
  ])
    lone.hear(request(1, Uint8Array.from(target)))
  assert.deepEqual(lone.sent(), [])
  assert.equal(lone.stats()['drop.destination'], 3)
  for (let i = 0; i < 1_100; i++) lone.hear(request(i))
  assert.equal(lone.stats()['relay.pending'], 1_024)
  assert.equal(lone.stats()['drop.relay-full'], 76)
})

test('broadcasts of the tray ride on pings and acks as often as they may, and what is left is handed back', () => {
  const lone = new LoneDetector()
  const pack = new Pack()
  packTrayItem(pack, Uint8Array.of(8, 1), 2)
  packTrayItem(pack, Uint8Array.of(8, 2), 9)
  lone.mail({ type: 'tray', number: 1, bytes: pack.take() })
  const rides = Array.from({ length: 3 }, () => {
    lone.hear(writePing({ seqNo: 1, node: utf8(''), ...NOBODY }))
    return lone.sent().length
  })
  assert.deepEqual(rides, [3, 3, 2], 'the ack, and what rode on it')
  lone.mail({ type: 'tray', number: 2, bytes: new Uint8Array(0) })
  const [account] = lone.toGossip.filter(({ type }) => type === 'piggybacked')
  assert.ok(account?.type === 'piggybacked')
  assert.deepEqual([account.number, [...account.unused]], [1, [0, 6]])
})

test('what is heard goes on gathered: the first at once, what follows within 5 ms together', () => {
  const lone = new LoneDetector()
  const user = Uint8Array.of(8, 3, 1)
  lone.now = 1_000
  for (let i = 0; i < 10; i++) lone.hear(user)
  assert.equal(lone.toGossip.length, 1)
  lone.advance(5)
  assert.deepEqual(
    lone.toGossip.map((mail) => mail.type === 'overheard' && mail.weight),
    [1, 9],
  )
})

test('beyond the bound of what gossip has not taken yet, messages are dropped and counted', () => {
  const lone = new LoneDetector({ handoffQueueDepth: 100 })
  lone.waiting = 95
  for (let i = 0; i < 20; i++) lone.hear(Uint8Array.of(8, 3, 1))
  lone.advance(10)
  const stats = lone.stats()
  assert.ok(stats['drop.handoff-others'] >= 14, JSON.stringify(stats))
})
