/** The ring of seen events: what is new, what was seen, what is too old, and what a flood meets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type SeenEvent, SeenEvents } from '../../src/gossip/seen.ts'

function event(name: string, payload: string | null): SeenEvent {
  const bytes = new TextEncoder().encode(name + (payload ?? ''))
  return {
    bytes,
    nameStart: 0,
    nameEnd: name.length,
    payloadStart: name.length,
    payloadEnd: bytes.length,
    payloadNil: payload === null,
  }
}

function admit(ring: SeenEvents, time: number, clock: number, one: SeenEvent): string {
  const novelty = ring.novelty(time, clock, one)
  if (novelty === 'new') ring.remember(time, one)
  return novelty
}

test('the oldest time taken is clock minus length; one below is old', () => {
  const ring = new SeenEvents(512)
  assert.equal(admit(ring, 489, 1_001, event('a', 'x')), 'new')
  assert.equal(admit(ring, 488, 1_001, event('a', 'x')), 'old')
})

test('equal name and payload at one time are one event; nil and empty payload are equal', () => {
  const ring = new SeenEvents(8)
  assert.equal(admit(ring, 3, 4, event('a', '')), 'new')
  assert.equal(admit(ring, 3, 4, event('a', null)), 'seen')
  assert.equal(admit(ring, 3, 4, event('a', 'x')), 'new')
  assert.equal(admit(ring, 4, 5, event('a', 'x')), 'new')
  assert.equal(admit(ring, 3, 5, event('ax', '')), 'new', 'where the name ends matters')
})

test('events below the least time of a join are refused, the least time itself is taken', () => {
  const ring = new SeenEvents(512)
  ring.minTime = 5
  assert.equal(admit(ring, 4, 6, event('a', '')), 'old')
  assert.equal(admit(ring, 5, 6, event('a', '')), 'new')
})

test('a flood of distinct events is bounded, and new times still come through', () => {
  const ring = new SeenEvents(4)
  const counts = new Map<string, number>()
  for (let i = 0; i < 2_000; i++) {
    const novelty = admit(ring, 1, 2, event(`e${i}`, ''))
    counts.set(novelty, (counts.get(novelty) ?? 0) + 1)
  }
  assert.deepEqual(
    [...counts],
    [
      ['new', 256],
      ['full', 1_744],
    ],
  )
  assert.equal(admit(ring, 5, 6, event('later', '')), 'new', 'takes the slot over')
  assert.equal(admit(ring, 2, 6, event('other slot', '')), 'new')
})

test('for any events in any order each distinct one is new exactly once', () => {
  const one = fc.record({ time: fc.integer({ min: 0, max: 3 }), name: fc.integer({ min: 0, max: 30 }) })
  fc.assert(
    fc.property(fc.array(one, { maxLength: 300 }), (events) => {
      const ring = new SeenEvents(16)
      const seen = new Set<string>()
      for (const { time, name } of events) {
        const expected = seen.has(`${time} ${name}`) ? 'seen' : 'new'
        assert.equal(admit(ring, time, 4, event(`n${name}`, 'p')), expected)
        seen.add(`${time} ${name}`)
      }
    }),
  )
})

test('a ring full of long events takes no more beside others of their time, and room comes back with time', () => {
  const ring = new SeenEvents(4)
  const long = 'x'.repeat(9_000)
  const taken = Array.from({ length: 1_000 }, (_, i) => admit(ring, 1, 2, event(`${i}`, long)))
  // The bound on their number is 256 here; that on bytes is 8 MiB in all.
  assert.equal(taken.filter((novelty) => novelty === 'new').length, 256)
  const wide = new SeenEvents(64)
  const held = Array.from({ length: 1_000 }, (_, i) => admit(wide, 1, 2, event(`${i}`, long)))
  assert.equal(held.filter((novelty) => novelty === 'new').length, 932)
  assert.equal(admit(wide, 2, 3, event('another time', '')), 'new')
  assert.equal(admit(wide, 2, 3, event('and one more', '')), 'full')
  assert.equal(admit(wide, 65, 66, event('in the place of all', '')), 'new')
  assert.equal(admit(wide, 2, 66, event('and one more', '')), 'new')
})
