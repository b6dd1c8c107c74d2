/** What strangers can make us send to others: acks and pings that are asked for elsewhere are few, small, and never to more than one host. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MOST_ELSEWHERE } from '../../src/detector/elsewhere.ts'
import { MOST_RELAYS } from '../../src/detector/relay.ts'
import { encodeTree } from '../../src/wire/encode.ts'
import { LoneDetector } from './lone-detector.ts'

const ping = (SeqNo: number, SourceAddr: number[], SourcePort = 9) =>
  encodeTree({
    type: 'message',
    name: 'ping',
    fields: { Node: 'self', SeqNo, SourceAddr: Uint8Array.from(SourceAddr), SourceNode: 'x', SourcePort },
  })
const relay = (SeqNo: number, Target: number[]) =>
  encodeTree({
    type: 'message',
    name: 'indirectPing',
    fields: { Nack: true, Node: 'x', Port: 9, SeqNo, Target: Uint8Array.from(Target) },
  })

test('acks that go elsewhere than the ping came from are limited; those to where it came from are not', () => {
  const lone = new LoneDetector()
  lone.now = 5_000
  for (let i = 0; i < 1_000; i++) lone.hear(ping(i, [10, 9, 9, 9]), '10.0.0.1')
  assert.equal(lone.sent().filter(({ to }) => to === '10.9.9.9:9').length, MOST_ELSEWHERE)
  assert.equal(lone.stats()['drop.reflection'], 1_000 - MOST_ELSEWHERE)
  for (let i = 0; i < 1_000; i++) lone.hear(ping(i, [10, 0, 0, 1]), '10.0.0.1')
  assert.equal(lone.sent().filter(({ to }) => to === '10.0.0.1:9').length, 1_000)
  // A tenth of a second later a tenth as many may go.
  lone.now += 100
  for (let i = 0; i < 1_000; i++) lone.hear(ping(i, [10, 9, 9, 9]), '10.0.0.1')
  const { length } = lone.sent().filter(({ to }) => to === '10.9.9.9:9')
  assert.ok(length > 0 && length <= MOST_ELSEWHERE / 10, `${length}`)
})

test('nothing goes to multicast, broadcast or unspecified addresses, whoever asks', () => {
  const nowhere = [
    [224, 0, 0, 1],
    [239, 255, 255, 250],
    [255, 255, 255, 255],
    [0, 0, 0, 0],
    [0xff, 2, ...new Array<number>(13).fill(0), 1],
    new Array<number>(16).fill(0),
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 224, 0, 0, 1],
  ]
  const lone = new LoneDetector()
  for (const [i, address] of nowhere.entries()) {
    lone.hear(ping(i, address))
    lone.hear(relay(i, address))
  }
  assert.deepEqual(lone.sent(), [])
  assert.equal(lone.stats()['drop.destination'], 2 * nowhere.length)
})

test('pings for others are bounded, and what is asked above it is counted', () => {
  const lone = new LoneDetector()
  for (let i = 0; i < 3_000; i++) lone.hear(relay(i, [10, 9, 9, 9]))
  assert.equal(lone.sent().filter(({ to }) => to === '10.9.9.9:9').length, MOST_RELAYS)
  const stats = lone.stats()
  assert.equal(stats['drop.relay-full'], 3_000 - MOST_RELAYS)
  lone.advance(5_000)
  assert.equal(lone.stats()['relay.pending'], 0)
})
