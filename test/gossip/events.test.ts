/** User events: sent, heard once, passed on, refused (protocol page 2, section 4.7). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alive, LoneGossip, userEvent, utf8 } from './lone-gossip.ts'

const send = (lone: LoneGossip, name: string, payload: Uint8Array | null = null) =>
  lone.replies.get(lone.command({ type: 'user-event', name, payload, coalesce: false }))

test('an event of ours reaches our own host, counts the clock and is gossiped', () => {
  const lone = new LoneGossip()
  lone.hear(alive({ incarnation: 1, name: 'peer' }))
  lone.newFacts()
  const envelope = send(lone, 'deploy', utf8('1.2.3'))
  assert.deepEqual(envelope, { ok: true, value: { lamportTime: 1 }, after: 0 })
  assert.deepEqual(lone.newFacts(), ['user deploy@1 1.2.3'])
  assert.equal(lone.stats().event_time, 2)
  lone.advance(300)
  assert.ok(lone.hasGossiped(userEvent('deploy', 1, '1.2.3')))
})

test('an event that is heard twice reaches the host once and is passed on in its bytes', () => {
  const lone = new LoneGossip()
  lone.hear(alive({ incarnation: 1, name: 'peer' }))
  lone.newFacts()
  const message = userEvent('deploy', 41, 'x')
  lone.hear(message)
  lone.hear(message)
  assert.deepEqual(lone.newFacts(), ['user deploy@41 x'])
  assert.equal(lone.stats().event_time, 42)
  lone.advance(300)
  assert.ok(lone.hasGossiped(message))
})

test('events of one time that differ in name or payload are distinct and come in their order', () => {
  const lone = new LoneGossip()
  lone.newFacts()
  lone.hear(
    userEvent('first', 1, 'test'),
    userEvent('first', 1, 'newpayload'),
    userEvent('second', 1, 'other'),
  )
  assert.deepEqual(lone.newFacts(), ['user first@1 test', 'user first@1 newpayload', 'user second@1 other'])
})

test('an event from before the ring is dropped and counted', () => {
  const lone = new LoneGossip()
  lone.hear(userEvent('new', 1_512))
  lone.newFacts()
  lone.hear(userEvent('old', 1))
  assert.deepEqual(lone.newFacts(), [])
  assert.equal(lone.stats()['drop.event-old'], 1)
})

test('with the default limit and a one-letter name 481 bytes fit and 482 do not, and a refusal names both numbers', () => {
  const lone = new LoneGossip()
  assert.equal(send(lone, 'n', new Uint8Array(481))?.ok, true)
  const envelope = send(lone, 'n', new Uint8Array(482))
  assert.ok(envelope && !envelope.ok)
  assert.equal(envelope.error.code, 'ERR_EVENT_TOO_LARGE')
  assert.deepEqual(envelope.error.details, { bytes: 513, limit: 512, where: 'after encoding' })
  assert.equal(
    envelope.error.message,
    'user event of 513 bytes exceeds the limit of 512 bytes after encoding',
  )
  const raw = send(lone, 'n', new Uint8Array(512))
  assert.ok(raw && !raw.ok)
  assert.deepEqual(raw.error.details, { bytes: 513, limit: 512, where: 'before encoding' })
  assert.equal(lone.stats().event_time, 2, 'a refused event does not count the clock')
})

test('an event that the limit allows but no packet can carry is refused, not left in the queue', () => {
  const lone = new LoneGossip({ userEventSizeLimit: 9_216 })
  assert.equal(send(lone, 'n', new Uint8Array(1_300))?.ok, true)
  const envelope = send(lone, 'n', new Uint8Array(1_400))
  assert.equal(envelope?.ok === false && envelope.error.code, 'ERR_EVENT_TOO_LARGE')
  assert.equal(lone.stats().event_queue, 1)
})

test('a Lamport time near 2^64 or 2^53 is refused and the clock stays', () => {
  const lone = new LoneGossip()
  const far = userEvent('far', 1, 'x')
  const at = Buffer.from(far).indexOf('LTime') + 5
  for (const high of [0xffff_ffff, 0x8000_0000, 0x0020_0000]) {
    const wide = new Uint8Array(far.length + 8)
    wide.set(far.subarray(0, at))
    wide[at] = 0xcf
    new DataView(wide.buffer).setUint32(at + 1, high)
    wide.fill(high === 0xffff_ffff ? 255 : 0, at + 5, at + 9)
    wide.set(far.subarray(at + 1), at + 9)
    lone.hear(wide)
  }
  lone.newFacts()
  assert.equal(lone.stats().event_time, 1)
  lone.hear(userEvent('near', 1, 'x'))
  assert.deepEqual(lone.newFacts(), ['user near@1 x'])
})

test('a time far ahead of the clock is refused, so that no single message can bring the clock to its end', () => {
  const lone = new LoneGossip()
  lone.hear(userEvent('far', 2 ** 52, 'x'), userEvent('ahead', 100_000, 'x'))
  assert.deepEqual(lone.newFacts().slice(-1), ['user ahead@100000 x'])
  assert.equal(lone.stats()['drop.lamport-time'], 1)
  assert.equal(lone.stats().event_time, 100_001)
})

test('a hundred names of events are counted apart, ten thousand more under one', () => {
  const lone = new LoneGossip()
  for (let i = 0; i < 200; i++)
    lone.hear(...Array.from({ length: 50 }, (_, j) => userEvent(`n${i * 50 + j}`, 1 + i)))
  const names = Object.keys(lone.stats()).filter((key) => key.startsWith('serf.events.name'))
  assert.equal(names.length, 101)
  assert.equal(lone.stats()['serf.events.name{name=other}'], 9_900)
  assert.equal(lone.stats()['serf.events'], 10_000)
})

test('a malformed event is counted and nothing else happens', () => {
  const lone = new LoneGossip()
  lone.newFacts()
  lone.hear(
    userEvent('cut', 1, 'payload').subarray(0, 20),
    Uint8Array.of(8),
    Uint8Array.of(8, 3),
    // Types that no user message has (page 2, section 2): push/pull, conflict, key request, key answer, and one that nobody knows.
    ...[2, 6, 7, 8, 10, 77].map((type) => Uint8Array.of(8, type, 0x80)),
  )
  assert.deepEqual(lone.newFacts(), [])
  const stats = lone.stats()
  assert.equal(stats['drop.user-event'], 2)
  assert.equal(stats['drop.serf-empty'], 1)
  assert.equal(stats['drop.serf-type'], 6)
})

test('an event longer than any member may send is dropped', () => {
  const lone = new LoneGossip({ compression: false })
  lone.newFacts()
  lone.hear(userEvent('long', 3, 'x'.repeat(9_300)), userEvent('longest', 4, 'x'.repeat(9_100)))
  assert.deepEqual(
    lone.newFacts().map((fact) => fact.slice(0, 14)),
    ['user longest@4'],
  )
  assert.equal(lone.stats()['drop.event-too-long'], 1)
})

test('ten thousand events at once leave a queue within its bound', () => {
  const lone = new LoneGossip()
  for (let i = 0; i < 10_000; i++) lone.hear(userEvent('storm', i + 1, String(i)))
  assert.equal(lone.stats().event_queue, 4_096)
  assert.equal(lone.facts.filter((fact) => fact.startsWith('user storm')).length, 10_000)
})
