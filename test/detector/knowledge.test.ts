/** What the detector learns of its peers and tells: coordinates, paths, pings on demand; and the switches of Lifeguard. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counters } from '../../src/actors/counters.ts'
import { originOf, VIVALDI } from '../../src/detector/coordinate.ts'
import { WARN_EVERY, Warnings } from '../../src/detector/warnings.ts'
import { World } from '../../src/simulator/index.ts'
import { readCoordinate, writeCoordinate } from '../../src/wire/coordinate.ts'
import { PacketOpener } from '../../src/wire/packet.ts'
import { readAck, writeAck, writeIndirectPing, writeNack, writePing } from '../../src/wire/probe.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import { LoneDetector } from './lone-detector.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)
const PLACE = { vector: [0.01, 0, 0, 0, 0, 0, 0, 0], error: 0.5, adjustment: 0, height: 1e-5 }

/** Payload of the ack that a ping now gets. */
function ackedPayload(lone: LoneDetector): Uint8Array | null | undefined {
  lone.packets.length = 0
  const source = { sourceAddress: null, sourcePort: 0, sourceNode: new Uint8Array(0) }
  lone.hear(writePing({ seqNo: 1, node: utf8('self'), ...source }), '10.0.0.50')
  let payload: Uint8Array | null | undefined
  const coats = { compression: false, label: new Uint8Array(0) }
  const opener = new PacketOpener(coats, new Counters(), (type, bytes, start, end) => {
    if (type === MESSAGE.ack) payload = readAck(bytes, start, end)?.payload
  })
  for (const { packet } of lone.packets.splice(0)) opener.open(packet)
  return payload
}

/** Answers the next probe after so many milliseconds with this payload; the row of the peer that was probed. */
function answer(lone: LoneDetector, payload: Uint8Array | null, after = 5): void {
  const [{ seqNo, to }] = lone.nextProbe()
  lone.advance(after)
  lone.hear(writeAck(seqNo, payload), to.split(':')[0])
}

test('our acks carry our coordinate, and it moves with what the acks of peers say', () => {
  const lone = new LoneDetector()
  lone.peers(1)
  const fresh = ackedPayload(lone)
  assert.deepEqual(fresh && readCoordinate(fresh, 8), originOf(VIVALDI))
  answer(lone, writeCoordinate(PLACE))
  const moved = ackedPayload(lone)
  assert.notDeepEqual(moved, fresh)
  assert.equal(moved, ackedPayload(lone) && moved, 'and is encoded once')
  assert.equal(lone.stats().coordinates, 1)
})

test('a payload that is refused is counted by its reason and moves nothing (B31)', () => {
  const bad: [Uint8Array, string][] = [
    [writeCoordinate({ ...PLACE, error: Number.NaN }), 'range'],
    [writeCoordinate({ ...PLACE, height: Number.POSITIVE_INFINITY }), 'range'],
    [writeCoordinate({ ...PLACE, adjustment: 1e308 }), 'range'],
    [writeCoordinate({ ...PLACE, vector: [1, 2] }), 'dimensions'],
    [Uint8Array.of(9, ...writeCoordinate(PLACE).slice(1)), 'version'],
    [Uint8Array.of(1, 0xc1), 'malformed'],
  ]
  for (const [payload, reason] of bad) {
    const lone = new LoneDetector()
    lone.peers(1)
    const before = ackedPayload(lone)
    answer(lone, payload)
    assert.deepEqual(ackedPayload(lone), before)
    const stats = lone.stats()
    assert.deepEqual(
      [stats[`drop.coordinate-${reason}`], stats['serf.coordinate.rejected'], stats.coordinates],
      [1, 1, 0],
    )
    assert.equal(stats['probe.acked-direct'], 1, 'the ack itself counts')
  }
})

test('an empty payload is no coordinate, and switched off ours is none either', () => {
  const lone = new LoneDetector({ coordinates: false })
  lone.peers(1)
  assert.equal(ackedPayload(lone), null)
  answer(lone, writeCoordinate(PLACE))
  assert.equal(lone.stats().coordinates, undefined)
  const other = new LoneDetector()
  other.peers(1)
  answer(other, new Uint8Array(0))
  answer(other, null)
  assert.deepEqual([other.stats().coordinates, other.stats()['serf.coordinate.rejected']], [0, undefined])
})

test('a late ack tells no distance, and what is known of a peer goes with the member', () => {
  const lone = new LoneDetector({ tcpFallbackPings: false })
  lone.peers(1)
  answer(lone, writeCoordinate(PLACE), 700)
  assert.equal(lone.stats().coordinates, 0, 'the ping had been given up for the helpers')
  answer(lone, writeCoordinate(PLACE))
  lone.peer(1, 'gone')
  assert.deepEqual(
    [lone.stats().coordinates, lone.stats()['paths.known']],
    [1, 1],
    'a failed member is still one',
  )
  lone.peer(1, 'erased')
  assert.deepEqual([lone.stats().coordinates, lone.stats()['paths.known']], [0, 0])
  lone.peer(1, 'alive', { instance: 2 })
  answer(lone, writeCoordinate(PLACE))
  lone.peer(1, 'alive', { instance: 3 })
  assert.equal(lone.stats().coordinates, 0, 'somebody else lives in its row')
})

test('in a pool coordinates come to predict the round trips', () => {
  const world = new World({ seed: 3, options: { probeInterval: 200, probeTimeout: 100 } })
  const nodes = world.pool(4)
  world.run(120_000)
  const [one, two] = nodes
  const reply = one.askDetector({ type: 'distances', from: one.name, names: [two.name, 'nobody'] })
  world.run(100)
  assert.ok(reply.envelope?.ok)
  const [rtt, unknown] = reply.envelope.ok ? Object.values(Object(reply.envelope.value)) : []
  assert.ok(Number(rtt) > 0.05 && Number(rtt) < 50, `${rtt} ms`)
  assert.equal(unknown, null)
})

test('how a peer answers is noted: itself, through a helper, over TCP alone, not at all', () => {
  const lone = new LoneDetector()
  lone.peers(1)
  const path = () => lone.ask({ type: 'paths', names: ['p1', 'p9'] })
  assert.deepEqual(path(), [null, null])
  answer(lone, null)
  assert.deepEqual(path(), [
    { direct: 1, indirect: 0, tcp: 0, none: 0, last: 'direct', heard: 'unheard' },
    null,
  ])
  const [{ seqNo }] = lone.nextProbe()
  lone.advance(600)
  lone.mail({ type: 'ping-stream-data', seqNo, bytes: writeAck(seqNo, null) })
  lone.advance(600)
  assert.deepEqual(path(), [{ direct: 1, indirect: 0, tcp: 1, none: 0, last: 'tcp', heard: 'unheard' }, null])
  assert.equal(lone.stats()['paths.impaired'], 1)
  lone.nextProbe()
  lone.advance(1_050)
  assert.deepEqual(path(), [
    { direct: 1, indirect: 0, tcp: 1, none: 1, last: 'none', heard: 'unheard' },
    null,
  ])
})

test('packets of a peer that come although it does not answer say which way is closed', () => {
  const lone = new LoneDetector()
  lone.peers(1)
  const end = () => {
    const value = lone.ask({ type: 'paths', names: ['p1'] })
    return Array.isArray(value) ? [value[0].last, value[0].heard] : value
  }
  const source = { sourceAddress: null, sourcePort: 0, sourceNode: new Uint8Array(0) }
  const ping = writePing({ seqNo: 7, node: utf8('self'), ...source })
  lone.hear(ping, '10.0.0.1')
  lone.nextProbe()
  lone.advance(1_050)
  assert.deepEqual(end(), ['none', 'unheard'], 'what came before proves nothing')
  lone.hear(ping, '10.0.0.2')
  assert.deepEqual(end(), ['none', 'unheard'], 'another one')
  lone.hear(ping, '10.0.0.1')
  assert.deepEqual(end(), ['none', 'heard'])
  assert.equal(lone.stats()['paths.one-way'], 1)
  answer(lone, null)
  assert.deepEqual(end(), ['direct', 'unheard'])
  assert.equal(lone.stats()['paths.one-way'], 0)
})

test('an ack through a helper that was asked is no surprise; from a stranger it is taken, counted and warned of', () => {
  const lone = new LoneDetector({ tcpFallbackPings: false })
  lone.peers(2)
  const [{ seqNo, to }] = lone.nextProbe()
  lone.advance(600)
  const helper = to.startsWith('10.0.0.1:') ? '10.0.0.2' : '10.0.0.1'
  lone.hear(writeAck(seqNo, null), helper)
  assert.equal(lone.stats()['ack.unexpected-source'], undefined)
  assert.equal(lone.stats()['paths.impaired'], 1)
  const [next] = lone.nextProbe()
  lone.hear(writeAck(next.seqNo, null), '10.9.9.9')
  assert.equal(lone.stats()['ack.unexpected-source'], 1)
  assert.match(lone.logged.join('\n'), /10\.9\.9\.9/)
  assert.deepEqual(lone.silent, [])
})

test('ten thousand probes of which only TCP answers leave nothing behind (B26)', () => {
  const lone = new LoneDetector({ probeInterval: 100, probeTimeout: 30 })
  lone.peers(3)
  const settled = () =>
    ['relay.pending', 'ping.pending', 'paths.known', 'ring.size'].map((name) => lone.stats()[name])
  let before: unknown
  let dialled = 0
  while (dialled < 10_000) {
    lone.advance(10)
    for (const { seqNo } of lone.dialled.splice(0)) {
      dialled += 1
      lone.mail({ type: 'ping-stream-data', seqNo, bytes: writeAck(seqNo, null) })
    }
    // What the peers would have told, and what was sent: this world keeps it, not the detector.
    for (const list of [lone.packets, lone.toGossip, lone.answers]) list.length = 0
    if (dialled < 100) before = settled()
  }
  lone.advance(90)
  assert.deepEqual(settled(), before)
  assert.equal(lone.stats()['probe.acked-stream'], dialled)
  assert.equal(new Set(lone.closed).size, dialled, 'a stream was left open')
})

test('warnings about one matter come once in ten minutes, about all together at most twenty times', () => {
  const said: string[] = []
  const counters = new Counters()
  const warnings = new Warnings((_level, text) => said.push(text), counters)
  for (let i = 0; i < 100; i++) warnings.say('a', 'a', i)
  assert.deepEqual(said, ['a'])
  for (let i = 0; i < 2_000; i++) warnings.say(`b${i}`, 'b', 200)
  assert.equal(said.length, 20)
  assert.equal(counters.get('warnings.withheld'), 99 + 2_000 - 19)
  warnings.say('a', 'again', WARN_EVERY + 300)
  assert.equal(said.at(-1), 'again')
})

test('a ping on demand gives the round trip, or says that nothing came; nobody is accused', () => {
  const lone = new LoneDetector()
  const target = { type: 'ping', name: 'p7', ip: '10.0.0.7', port: 7946 } as const
  lone.ask(target)
  const [{ seqNo, to }] = lone.sent()
  assert.equal(to, '10.0.0.7:7946')
  lone.advance(42)
  lone.hear(writeAck(seqNo, null), '10.0.0.7')
  assert.deepEqual(lone.answers.at(-1), { ok: true, value: { rtt: 42 }, after: 0 })
  lone.ask(target)
  lone.advance(600)
  const failed = lone.answers.at(-1)
  assert.equal(failed?.ok === false && failed.error.code, 'ERR_NO_RESPONSE')
  lone.ask(target)
  const [, refused] = [0, lone.sent().at(-1)?.seqNo ?? 0]
  lone.mail({ type: 'unsent', seqNo: refused })
  assert.equal(lone.answers.at(-1)?.ok, false)
  assert.deepEqual([lone.silent, lone.health, lone.stats()['ping.pending']], [[], 0, 0])
  for (let i = 0; i < 300; i++) lone.ask(target)
  assert.equal(lone.stats()['ping.pending'], 256)
})

test('with nackAt 0.8 the nack comes earlier, and an ack after it still goes back', () => {
  const lone = new LoneDetector({ nackAt: 0.8 })
  const source = { sourceAddress: null, sourcePort: 0, sourceNode: new Uint8Array(0) }
  const target = { node: utf8('t'), target: Uint8Array.of(10, 0, 0, 7), port: 7946 }
  lone.hear(writeIndirectPing({ seqNo: 77, ...target, nack: true, ...source }), '10.0.0.1')
  const [{ seqNo }] = lone.sent()
  lone.advance(399)
  assert.deepEqual(lone.sent(), [])
  lone.advance(2)
  assert.deepEqual(
    lone.sent().map((heard) => [heard.type, heard.seqNo, heard.to]),
    [[MESSAGE.nack, 77, '10.0.0.1:7946']],
  )
  lone.hear(writeAck(seqNo, null), '10.0.0.7')
  assert.deepEqual(
    lone.sent().map((heard) => [heard.type, heard.seqNo]),
    [[MESSAGE.ack, 77]],
  )
  lone.advance(1_000)
  assert.deepEqual([lone.sent(), lone.stats()['relay.pending']], [[], 0])
})

test('the switches for measurements: no word to a suspect, no awareness', () => {
  const lone = new LoneDetector({ buddy: false, awarenessMaxMultiplier: 1, tcpFallbackPings: false })
  lone.peers(1, 'suspect')
  assert.deepEqual(
    lone.nextProbe().map(({ type }) => type),
    [MESSAGE.ping],
  )
  lone.advance(2_000)
  for (let i = 0; i < 5; i++) lone.mail({ type: 'accused' })
  assert.equal(lone.health, 0)
})

for (const [profile, interval, timeout, helpers] of [
  ['lan', 1_000, 500, 3],
  ['wan', 5_000, 3_000, 3],
  ['local', 1_000, 200, 1],
] as const) {
  test(`profile ${profile}: ${helpers} helpers after ${timeout} ms, the verdict after ${interval} ms, later in poor health`, () => {
    const lone = new LoneDetector({ profile, tcpFallbackPings: false })
    lone.peers(6)
    const askedAt = () => {
      const [{ seqNo }] = lone.nextProbe()
      return seqNo
    }
    const first = askedAt()
    lone.advance(timeout - 20)
    assert.deepEqual(lone.sent(), [])
    lone.advance(30)
    assert.deepEqual(
      lone.sent().map(({ type, seqNo }) => [type, seqNo]),
      Array.from({ length: helpers }, () => [MESSAGE.indirectPing, first]),
    )
    for (let i = 1; i <= helpers; i++) lone.hear(writeNack(first), `10.0.0.${i}`)
    lone.advance(interval - timeout - 30)
    assert.deepEqual(lone.silent, [])
    lone.advance(40)
    assert.equal(lone.silent.length, 1)
    assert.equal(lone.health, 0, 'all nacks came')
    const doubting = new LoneDetector({ profile, tcpFallbackPings: false })
    for (let i = 0; i < 2; i++) doubting.mail({ type: 'accused' })
    doubting.peers(1)
    doubting.nextProbe()
    doubting.advance(3 * interval - 30)
    assert.deepEqual(doubting.silent, [], 'three intervals now')
    doubting.advance(60)
    assert.equal(doubting.silent.length, 1)
  })
}

test('numbers of pings begin at random', () => {
  const firsts = [1, 2, 3].map((seed) => {
    const lone = new LoneDetector({}, 'begun', seed)
    lone.peers(1)
    return lone.nextProbe()[0].seqNo
  })
  assert.equal(new Set(firsts).size, 3)
  assert.ok(firsts.some((seqNo) => seqNo > 2 ** 20))
})

test('a probe that was long because our health is poor is no standstill when it ends', () => {
  const lone = new LoneDetector()
  for (let i = 0; i < 7; i++) lone.mail({ type: 'accused' })
  lone.peers(1)
  const [{ seqNo }] = lone.nextProbe()
  lone.advance(6_000)
  lone.hear(writeAck(seqNo, null))
  lone.advance(100)
  assert.equal(lone.stats()['detector.paused'], undefined)
})

test('the first turn after a standstill notices it, though it be about a packet', () => {
  const lone = new LoneDetector()
  lone.peers(1)
  const [{ seqNo }] = lone.nextProbe()
  lone.now += 30_000
  lone.hear(writeNack(seqNo + 1))
  assert.deepEqual([lone.health, lone.stats()['detector.paused']], [1, 1])
  lone.detector.wake(lone.now)
  lone.detector.wake(lone.now)
  assert.deepEqual([lone.silent, lone.health], [[], 1])
})
