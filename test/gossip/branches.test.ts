/**
 * What memberlist does with each claim, branch by branch (protocol page 1, sections 7.8 to 7.14): those that no other test of this folder shows.
 * Each name begins with the section and the step.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachDelivery } from '../../src/actors/packed.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import { type AliveWords, alive, dead, hex, LoneGossip, suspect, utf8, VERSIONS } from './lone-gossip.ts'

const PEER = 2
/** Messages stay in the queue until somebody is there to hear them, and nobody probes. */
const quiet = { pushPullInterval: 0, reconnectInterval: 0 }

function withPeers(count: number, words: Partial<AliveWords> = {}): LoneGossip {
  const lone = new LoneGossip(quiet)
  for (let i = 0; i < count; i++) lone.hear(peer(i, words))
  lone.advance(10_000)
  lone.newFacts()
  lone.toDetector.length = 0
  return lone
}

const peer = (i: number, words: Partial<AliveWords> = {}) =>
  alive({ incarnation: PEER, name: `p${i}`, address: [127, 0, 0, 10 + i], port: 7000 + i, ...words })

/** Incarnation of a member as the detector was told it. */
const told = (lone: LoneGossip, name: string) => lone.roster.find((line) => line.startsWith(`${name} `))

test('7.8.1 who leaves hears nothing good about itself any more', () => {
  const lone = withPeers(1)
  lone.command({ type: 'leave' })
  lone.advance(10_000)
  lone.toDetector.length = 0
  lone.hear(alive({ incarnation: 50, name: 'self', address: [127, 0, 0, 1] }))
  lone.advance(1_000)
  assert.equal(lone.gossiped.size, 0)
})

test('7.8.2 version ranges that hold nothing are refused', () => {
  const lone = new LoneGossip(quiet)
  for (const [pmin, pmax] of [
    [0, 5],
    [1, 0],
    [4, 3],
  ])
    lone.hear(alive({ incarnation: 1, name: 'peer', versions: Uint8Array.of(pmin, pmax, 2, 2, 5, 5) }))
  assert.deepEqual([lone.stats()['drop.alive-versions'], lone.stats().members], [3, 1])
})

test('7.8 a port of 0 is our own bind port, also in what is passed on', () => {
  const lone = withPeers(1)
  lone.hear(alive({ incarnation: 1, name: 'portless', address: [127, 0, 0, 50], port: 0 }))
  lone.advance(1_000)
  assert.ok(
    lone.hasGossiped(alive({ incarnation: 1, name: 'portless', address: [127, 0, 0, 50], port: 7946 })),
  )
})

test('7.8.9 our own word comes back unanswered; the same incarnation with other tags or versions is refuted', () => {
  const own = { incarnation: 1, name: 'self', address: [127, 0, 0, 1], meta: Uint8Array.of(255, 0x80) }
  const lone = withPeers(1)
  lone.hear(alive(own))
  lone.advance(1_000)
  assert.equal(lone.gossiped.size, 0)
  lone.hear(alive({ ...own, meta: utf8('stolen') }))
  lone.advance(1_000)
  assert.ok(lone.hasGossiped(alive({ ...own, incarnation: 2 })))
  lone.hear(alive({ ...own, incarnation: 2, versions: Uint8Array.of(1, 5, 2, 2, 5, 4) }))
  lone.advance(1_000)
  assert.ok(lone.hasGossiped(alive({ ...own, incarnation: 3 })))
})

test('7.8.10 other versions alone are passed on, and are no event', () => {
  const lone = withPeers(1)
  const news = peer(0, { incarnation: PEER + 1, versions: Uint8Array.of(1, 5, 2, 2, 5, 4) })
  lone.hear(news)
  lone.advance(1_000)
  assert.deepEqual(lone.newFacts(), ['change p0 alive'])
  assert.ok(lone.hasGossiped(news))
})

test('7.9.2 each new accuser confirms, is passed on, and raises no incarnation; the same one twice is nothing', () => {
  const lone = withPeers(5)
  lone.hear(suspect('p0', PEER, 'p1'), suspect('p0', PEER + 3, 'p2'))
  lone.advance(1_000)
  assert.ok(lone.hasGossiped(suspect('p0', PEER + 3, 'p2')))
  assert.equal(told(lone, 'p0'), `p0 suspect ${PEER}`)
  lone.toDetector.length = 0
  lone.hear(suspect('p0', PEER, 'p2'), suspect('p0', PEER, 'p1'))
  lone.advance(1_000)
  const words = [suspect('p0', PEER, 'p2'), suspect('p0', PEER, 'p1')]
  assert.deepEqual(
    words.map((word) => lone.hasGossiped(word)),
    [false, false],
  )
})

test('7.9.3 nobody is suspected who is dead or has left', () => {
  const lone = withPeers(3)
  lone.hear(dead('p0', PEER, 'p2'), dead('p1', PEER, 'p1'))
  lone.newFacts()
  lone.hear(suspect('p0', PEER + 1, 'p2'), suspect('p1', PEER + 1, 'p2'))
  assert.deepEqual(lone.newFacts(), [])
  assert.equal(lone.stats().suspicions, 0)
})

test('7.10.2 a death ends the suspicion; who is dead does not become one that left, nor has a higher incarnation', () => {
  const lone = withPeers(3)
  lone.hear(suspect('p0', PEER, 'p1'))
  assert.equal(lone.stats().suspicions, 1)
  lone.hear(dead('p0', PEER, 'p1'))
  assert.equal(lone.stats().suspicions, 0)
  const failed = lone.newFacts()
  lone.hear(dead('p0', PEER + 7, 'p0'))
  lone.advance(1_000)
  assert.deepEqual([failed, lone.newFacts()], [['failed p0 failed'], []])
  // One above the first death is enough to be back.
  lone.hear(peer(0, { incarnation: PEER + 1 }))
  assert.deepEqual(lone.newFacts(), ['join p0 alive'])
})

test('7.10.3 that we left, said in our own name while we are there, is refuted like any accusation', () => {
  const lone = withPeers(1)
  lone.hear(dead('self', 4, 'self'))
  lone.advance(1_000)
  const words = { incarnation: 5, name: 'self', address: [127, 0, 0, 1], meta: Uint8Array.of(255, 0x80) }
  assert.ok(lone.hasGossiped(alive(words)))
  assert.equal(lone.stats().members, 2)
})

for (const [accused, answered] of [
  [1, 2],
  [2, 3],
  [100, 101],
]) {
  test(`7.13 accused at ${accused} we are alive at ${answered}, and think less of ourselves`, () => {
    const lone = withPeers(1)
    lone.hear(suspect('self', accused, 'p0'))
    lone.advance(1_000)
    const words = { name: 'self', address: [127, 0, 0, 1], meta: Uint8Array.of(255, 0x80) }
    assert.ok(lone.hasGossiped(alive({ incarnation: answered, ...words })))
    assert.equal(lone.toDetector.filter(({ type }) => type === 'accused').length, 1)
  })
}

interface Sent {
  port: number
  crc: string
  bytes: Uint8Array
}

function sent(lone: LoneGossip): Sent[] {
  const all: Sent[] = []
  for (const mail of lone.toDetector.splice(0)) {
    if (mail.type !== 'deliver') continue
    eachDelivery(mail.bytes, (message, _ip, port, crc) => all.push({ port, crc, bytes: message.slice() }))
  }
  return all
}

const ports = (packets: readonly Sent[]) => new Set(packets.map(({ port }) => port))

test('7.14 gossip goes to the alive, the suspect and the newly dead, to nobody who left or is long dead, and not to ourselves', () => {
  const lone = withPeers(4)
  lone.hear(suspect('p1', PEER, 'p0'), dead('p2', PEER, 'p0'), dead('p3', PEER, 'p3'))
  lone.advance(2_000)
  // Who left is told so, straight and by no tick (12.1: a lie heals at once).
  const farewell = hex(dead('p3', PEER, 'p3'))
  const soon = ports(sent(lone).filter(({ port, bytes }) => port !== 7003 || hex(bytes) !== farewell))
  assert.deepEqual([...soon].sort(), [7000, 7001, 7002])
  // Later than gossipToTheDeadTime, 30 s, but with somebody alive to tell.
  lone.advance(32_000)
  lone.toDetector.length = 0
  for (let i = 0; i < 5; i++) {
    lone.hear(peer(9 + i))
    lone.advance(1_000)
  }
  const later = ports(sent(lone))
  for (const gone of [7002, 7003, 7946]) assert.ok(!later.has(gone), `${gone} was gossiped to`)
})

test('7.14 a tick reaches at most gossipNodes members, one packet for each', () => {
  const lone = withPeers(20)
  lone.hear(peer(0, { incarnation: PEER + 1 }))
  lone.advance(200)
  const packets = sent(lone).filter(({ bytes }) => bytes.length > 0)
  assert.ok(packets.length >= 1 && packets.length <= 3, `${packets.length} packets`)
  assert.equal(ports(packets).size, packets.length)
})

test('7.14 one message goes bare, several as one compound; a checksum is for those alone who read it', () => {
  const lone = new LoneGossip(quiet)
  lone.hear(peer(0, { versions: Uint8Array.of(1, 4, 2, 2, 5, 5) }), peer(1))
  lone.advance(10_000)
  lone.toDetector.length = 0
  const one = peer(1, { incarnation: PEER + 1 })
  lone.hear(one)
  lone.advance(200)
  const bare = sent(lone)
  assert.ok(bare.length > 0)
  for (const { bytes } of bare) assert.equal(hex(bytes), hex(one))
  lone.advance(10_000)
  lone.toDetector.length = 0
  lone.hear(
    peer(0, { incarnation: PEER + 2, versions: Uint8Array.of(1, 4, 2, 2, 5, 5) }),
    peer(1, { incarnation: PEER + 2 }),
  )
  lone.advance(200)
  const several = sent(lone)
  assert.ok(several.length > 0)
  for (const { bytes } of several) assert.deepEqual([bytes[0], bytes[1]], [MESSAGE.compound, 2])
  const crc = (packets: readonly Sent[]) => new Set(packets.map(({ port, crc: kind }) => `${port} ${kind}`))
  const kinds = crc([...bare, ...several])
  for (const kind of kinds) assert.ok(kind === '7000 plain' || kind === '7001 crc', kind)
  assert.equal(VERSIONS[1], 5)
})
