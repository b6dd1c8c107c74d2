/** What single packets must show where the host demands it: a source in an allowed network, a name (protocol page 1, 7.17 and 7.20). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachOverheard } from '../../src/actors/packed.ts'
import type { Body } from '../../src/wire/body.ts'
import { encodeTree } from '../../src/wire/encode.ts'
import { makeCompound } from '../../src/wire/packet.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import { alive, dead, suspect } from '../gossip/lone-gossip.ts'
import { LoneDetector } from './lone-detector.ts'

/** Types of the messages that went on to gossip. */
function overheard(lone: LoneDetector): number[] {
  const types: number[] = []
  lone.advance(20)
  for (const mail of lone.toGossip) {
    if (mail.type === 'overheard') eachOverheard(mail.bytes, (bytes, start) => types.push(bytes[start]))
  }
  lone.toGossip.length = 0
  return types
}

const NEWS = alive({ incarnation: 1, name: 'peer', address: [10, 0, 0, 7] })
const ping = (fields: Body) => message('ping', { Node: 'self', SeqNo: 7, ...fields })
const relay = (fields: Body) =>
  message('indirectPing', {
    Nack: true,
    Node: 'p2',
    Port: 7946,
    SeqNo: 7,
    Target: Uint8Array.of(10, 0, 0, 2),
    ...fields,
  })

function message(name: 'ping' | 'indirectPing', fields: Body): Uint8Array {
  return encodeTree({ type: 'message', name, fields })
}

test('news of the living is taken from packets of allowed sources only; everything else from anywhere', () => {
  const lone = new LoneDetector({ cidrsAllowed: ['10.0.0.0/8', 'fd00::/8'] })
  for (const [source, taken] of [
    ['10.0.0.1', true],
    ['11.0.0.1', false],
    ['10.255.255.255', true],
    ['fd00::7', true],
    ['fe80::1%eth0', false],
    ['::ffff:10.0.0.9', true],
    ['11.0.0.1', false],
    ['10.0.0.1', true],
  ] as const) {
    lone.hear(NEWS, source)
    assert.deepEqual(overheard(lone), taken ? [MESSAGE.alive] : [], source)
  }
  assert.equal(lone.stats()['drop.alive-source'], 3)
  lone.hear(makeCompound([NEWS, suspect('peer', 1, 'x'), NEWS, dead('peer', 1, 'x')]), '11.0.0.1')
  assert.deepEqual(overheard(lone), [MESSAGE.suspect, MESSAGE.dead], 'the rest of the packet is heard')
  assert.equal(lone.stats()['drop.alive-source'], 5)
  lone.sent()
  lone.hear(ping({ SourceNode: 'x' }), '11.0.0.1')
  assert.deepEqual(
    lone.sent().map(({ to, type }) => [to, type]),
    [['11.0.0.1:7946', MESSAGE.ack]],
    'a foreigner still gets its acks, as in memberlist',
  )
})

test('without networks every source is heard', () => {
  const lone = new LoneDetector()
  lone.hear(NEWS, '11.0.0.1')
  assert.deepEqual(overheard(lone), [MESSAGE.alive])
})

test('with names required a ping whose sender gives none gets no ack, and nobody is pinged for or without a name', () => {
  const lone = new LoneDetector({ requireNodeNames: true })
  const nameless = [ping({}), ping({ SourceNode: '' }), relay({}), relay({ SourceNode: 'p1', Node: '' })]
  for (const packet of nameless) lone.hear(packet)
  lone.advance(600)
  const kinds = () => lone.sent().map(({ to, type }) => `${to} ${type}`)
  assert.deepEqual(kinds(), [], 'no ack, no ping, no nack')
  assert.equal(lone.stats()['drop.nameless'], nameless.length)
  lone.hear(ping({ SourceNode: 'p1' }))
  lone.hear(relay({ SourceNode: 'p1' }))
  assert.deepEqual(kinds(), [`10.0.0.1:7946 ${MESSAGE.ack}`, `10.0.0.2:7946 ${MESSAGE.ping}`])
})

test('without it they all get what they ask for', () => {
  const lone = new LoneDetector()
  for (const packet of [ping({}), relay({}), relay({ SourceNode: 'p1', Node: '' })]) lone.hear(packet)
  assert.deepEqual(
    lone.sent().map(({ type }) => type),
    [MESSAGE.ack, MESSAGE.ping, MESSAGE.ping],
  )
})
