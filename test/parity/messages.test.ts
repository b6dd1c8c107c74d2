/** What the original's own tests assert of messages, broadcasts and what is let in (protocol page 2, sections 7.1 and 7.3), line by line. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Broadcasts } from '../../src/gossip/broadcasts.ts'
import { encodeNameFilter, readFilters } from '../../src/wire/filter.ts'
import { Writer } from '../../src/wire/msgpack.ts'
import { QUERY_FLAG, RelayCursor, readRelay, writeRelay } from '../../src/wire/query.ts'
import { IntentCursor, readIntent, writeLeave } from '../../src/wire/serf.ts'
import { SERF } from '../../src/wire/types.ts'
import { alive, LoneGossip, utf8 } from '../gossip/lone-gossip.ts'

const LEAVE = { lamportTime: 30, name: utf8('foo'), prune: false }

/** Serf's message alone, its type byte first. */
function leave(): Uint8Array {
  const writer = new Writer()
  writeLeave(writer, LEAVE)
  return writer.copy()
}

function assertIsLeave(bytes: Uint8Array, at: number): void {
  assert.equal(bytes[at], 0)
  const cursor = new IntentCursor()
  assert.ok(readIntent(cursor, bytes, at + 1, bytes.length))
  assert.deepEqual(bytes.subarray(cursor.nodeStart, cursor.nodeEnd), LEAVE.name)
  assert.deepEqual([cursor.lamportTime, cursor.prune], [LEAVE.lamportTime, false])
}

test('TestBroadcastFinished_nilNotify: a broadcast that nobody waits for ends like any other', () => {
  const queue = new Broadcasts()
  queue.add(utf8('sent out'), -1, 2)
  queue.take(100, 2, 1, () => undefined)
  assert.equal(queue.size, 0, 'its last send ends it')
  queue.add(utf8('replaced'), 7, 2)
  queue.add(utf8('by this'), 7, 2)
  queue.add(utf8('crowds out'), -1, 2)
  queue.add(utf8('the first'), -1, 2)
  assert.equal(queue.size, 2, 'so do a replacement and the bound')
})

test('TestQueryFlags: the flag for acks is 1, the one against rebroadcasts 2', () => {
  assert.deepEqual(QUERY_FLAG, { ack: 1, noBroadcast: 2 })
})

test('TestEncodeMessage: a leave begins with its type and reads back equal', () => {
  const message = leave()
  assert.equal(message[0], SERF.leave)
  assertIsLeave(message, 0)
})

test('TestEncodeRelayMessage: type, header with the address, then the leave as it was', () => {
  const writer = new Writer()
  const inner = leave()
  writeRelay(writer, { address: Uint8Array.of(127, 0, 0, 1), port: 1234, name: utf8('test'), inner })
  const message = writer.copy()
  assert.equal(message[0], 9)
  const relay = new RelayCursor()
  assert.ok(readRelay(relay, message, 1, message.length))
  assert.deepEqual([...message.subarray(relay.addressStart, relay.addressEnd)], [127, 0, 0, 1])
  assert.deepEqual(message.subarray(relay.nameStart, relay.nameEnd), utf8('test'))
  assert.equal(relay.port, 1234)
  assertIsLeave(message, relay.innerStart)
})

test('TestEncodeFilter: a filter of names begins with byte 0 and reads back to the same list', () => {
  const filter = encodeNameFilter(['foo', 'bar'])
  assert.equal(filter[0], 0)
  const list = new Writer()
  list.array(1)
  list.raw(filter)
  assert.deepEqual(readFilters(list.copy()), [{ kind: 'names', names: ['foo', 'bar'] }])
})

test('TestValidateMemberInfo: names only with validation, addresses of 4 or 16 bytes, tags of at most 512 bytes for hosts that judge', () => {
  const judging = { admit: { protocol: { least: 2 } } }
  const joins = (options: ConstructorParameters<typeof LoneGossip>[0], ...claims: Partial<Claim>[]) => {
    const lone = new LoneGossip(options)
    for (const claim of claims) lone.hear(alive({ incarnation: 1, name: 'peer', ...claim }))
    return lone.facts.slice(1).map((fact) => fact.split(' ')[1])
  }
  const names = [{ name: 'space-here!' }, { name: 'x'.repeat(132) }]
  assert.deepEqual(joins({ validateNodeNames: true }, ...names), [])
  assert.deepEqual(
    joins({}, ...names),
    names.map(({ name }) => name),
  )
  for (const options of [{}, judging]) {
    assert.deepEqual(joins(options, { address: [1, 2] }, { address: new Array(17).fill(1) }), [])
    assert.deepEqual(joins(options, { name: 'v4', address: [1, 2, 3, 4] }), ['v4'])
    assert.deepEqual(joins(options, { name: 'v6', address: [0xfd, ...new Array(15).fill(1)] }), ['v6'])
    assert.deepEqual(joins(options, { meta: new Uint8Array(512) }), ['peer'])
  }
  assert.deepEqual(joins(judging, { meta: new Uint8Array(513) }), [], '513 bytes of tags')
})

type Claim = Parameters<typeof alive>[0]
