/** Keys at gossip: streams that are not ours, keys that change while messages wait, and the warning of a pool that anybody can enter. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachDelivery } from '../../src/actors/packed.ts'
import { fillFrom, SeededRandom } from '../../src/actors/random.ts'
import { coatsOf } from '../../src/options/coats.ts'
import { type ClusterOptions, settle } from '../../src/options/options.ts'
import type { Coats } from '../../src/wire/packet.ts'
import { sealStream } from '../../src/wire/seal-stream.ts'
import { StreamAssembler } from '../../src/wire/stream.ts'
import { fromHex } from '../vectors.ts'
import { alive, LoneGossip } from './lone-gossip.ts'

const keyOf = (number: number) => new Uint8Array(16).fill(number)
/** A push/pull of nobody. */
const STATE = fromHex('0683a44a6f696ec3a54e6f64657300ac5573657253746174654c656e00')

function coatsFor(options: ClusterOptions): Coats {
  return coatsOf(settle(options, 'peer'), fillFrom(new SeededRandom(3)))
}

/** What a stream with these bytes is answered, as a peer with these coats reads it; `nothing` when there is none. */
function answerTo(lone: LoneGossip, bytes: Uint8Array, reader: Coats, stream = 1): string {
  lone.gossip.receive({ type: 'stream-accepted', stream, ip: '10.0.0.7', port: 40_000 }, lone.now)
  lone.gossip.receive({ type: 'stream-data', stream, bytes }, lone.now)
  lone.advance(0)
  const written = lone.written.get(stream)
  if (written === undefined) return 'nothing'
  const assembler = new StreamAssembler(reader, 'reply')
  for (const chunk of written) assembler.push(chunk)
  let step = assembler.step()
  while (step.kind === 'working') step = assembler.step()
  return step.kind === 'refused' ? `refused ${step.reason}` : step.kind
}

test('a push/pull under a key of ours is answered under our first key, without a label header', () => {
  const options = { encryptionKeys: [keyOf(1), keyOf(2)], label: 'east' }
  const lone = new LoneGossip(options)
  const peer = coatsFor({ encryptionKeys: [keyOf(2), keyOf(1)], label: 'east' })
  assert.equal(answerTo(lone, sealStream(STATE, peer), peer), 'push-pull')
  assert.equal(lone.stats()['memberlist.size.remote.count'], 1)
})

test('streams that are not ours are refused: with a sealed word of why, or without one when the label is wrong', () => {
  const options = { encryptionKeys: [keyOf(1)], label: 'east' }
  const ours = coatsFor(options)
  const refusals: [what: ClusterOptions, answer: string, counter: string][] = [
    [{ label: 'east' }, 'err', 'drop.stream-unencrypted'],
    [{ ...options, encryptionKeys: [keyOf(3)] }, 'err', 'drop.stream-decrypt'],
    [{ ...options, label: 'west' }, 'nothing', 'drop.stream-label'],
    [{ ...options, label: '' }, 'nothing', 'drop.stream-label'],
  ]
  for (const [theirs, answer, counter] of refusals) {
    const lone = new LoneGossip(options)
    assert.equal(answerTo(lone, sealStream(STATE, coatsFor(theirs)), ours), answer, counter)
    assert.equal(lone.stats()[counter], 1)
    assert.match(lone.logged.join(), /10\.0\.0\.7/)
    assert.equal(lone.closedStreams.length, 1)
  }
  const plain = new LoneGossip({})
  assert.equal(
    answerTo(plain, sealStream(STATE, coatsFor({ encryptionKeys: [keyOf(1)] })), coatsFor({})),
    'err',
  )
  assert.equal(plain.stats()['drop.stream-encrypted'], 1)
})

test('keys that come by mail go to the detector too, and dispatch hears when both have them', () => {
  const lone = new LoneGossip({ encryptionKeys: [keyOf(1)] })
  const keys = [keyOf(2), keyOf(1)]
  lone.gossip.receive({ type: 'keyring', number: 3, keys }, 0)
  assert.deepEqual(lone.toDetector.at(-1), { type: 'keyring', number: 3, keys })
  assert.ok(!lone.toDispatch.some(({ type }) => type === 'keyring-set'))
  lone.gossip.receive({ type: 'keyring-set', number: 3 }, 0)
  assert.deepEqual(lone.toDispatch.at(-1), { type: 'keyring-set', number: 3 })
  const peer = coatsFor({ encryptionKeys: [keyOf(2)] })
  assert.equal(answerTo(lone, sealStream(STATE, peer), peer), 'push-pull')
  lone.gossip.receive({ type: 'keyring', number: 4, keys: [] }, 0)
  assert.equal(answerTo(lone, STATE, coatsFor({}), 2), 'push-pull', 'no key at all: plain')
})

test('a message that no longer fits once the first key came is dropped and counted, not kept for ever', () => {
  const lone = new LoneGossip({ userEventSizeLimit: 9_216 })
  lone.command({ type: 'user-event', name: 'x', payload: new Uint8Array(1_345), coalesce: false })
  lone.command({ type: 'user-event', name: 'y', payload: new Uint8Array(100), coalesce: false })
  assert.equal(lone.stats().event_queue, 2)
  lone.gossip.receive({ type: 'keyring', number: 1, keys: [keyOf(1)] }, 0)
  assert.equal(lone.stats().event_queue, 1)
  assert.equal(lone.stats()['drop.broadcast-too-large'], 1)
})

test('bound to an address that strangers reach, a member without keys says so at its start', () => {
  const warned = (options: ClusterOptions) =>
    new LoneGossip(options).logged.some((line) => line.includes('without encryption keys'))
  assert.equal(warned({ bind: '0.0.0.0:7946' }), true)
  assert.equal(warned({ bind: '10.0.0.1:7946' }), true)
  assert.equal(warned({ bind: '[fd00::1]:7946' }), true)
  assert.equal(warned({ bind: '0.0.0.0:7946', encryptionKeys: [keyOf(1)] }), false)
  for (const bind of ['127.0.0.1:7946', '127.9.9.9:0', '[::1]:7946']) assert.equal(warned({ bind }), false)
})

test('an encrypted stream near its limit of 20 MiB is taken with a word of warning, one beyond it is refused', () => {
  const options = { encryptionKeys: [keyOf(1)], compression: false }
  const large = (length: number) => {
    const message = new Uint8Array(18 + length)
    message.set(fromHex('0881aa557365724d73674c656ece'))
    new DataView(message.buffer).setUint32(14, length)
    return sealStream(message, coatsFor(options))
  }
  const lone = new LoneGossip(options)
  assert.equal(answerTo(lone, large(1_000), coatsFor(options), 1), 'nothing')
  assert.deepEqual(lone.logged, [])
  assert.equal(answerTo(lone, large(13_000_000), coatsFor(options), 2), 'nothing')
  assert.match(lone.logged.join(), /13000047 bytes from 10\.0\.0\.7 is near the limit/)
  assert.equal(lone.stats()['serf.msgs.received.count'], 2)
  assert.equal(answerTo(lone, fromHex('0a01400001'), coatsFor(options), 3), 'err')
  assert.equal(lone.stats()['drop.stream-too-large'], 1)
})

test('a large buffer holds more messages than a compound may: they go in several, each of 127 parts at most', () => {
  const lone = new LoneGossip({ udpBufferSize: 65_507 })
  lone.hear(alive({ name: 'peer', incarnation: 1 }))
  for (let i = 0; i < 600; i++) {
    lone.command({ type: 'user-event', name: `e${i}`, payload: null, coalesce: false })
  }
  lone.toDetector.length = 0
  lone.advance(250)
  const counts: number[] = []
  for (const mail of lone.toDetector) {
    if (mail.type === 'deliver')
      eachDelivery(mail.bytes, ([type, count]) => counts.push(type === 7 ? count : 1))
  }
  assert.ok(counts.reduce((sum, count) => sum + count, 0) > 500, `${counts}`)
  assert.ok(Math.max(...counts) <= 127, `${counts}`)
})
