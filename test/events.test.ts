/** Iterators over events: a bounded buffer, nothing lost unannounced, nothing left behind at the end. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { InvalidArgument } from '../src/errors.ts'
import { EventIterator, type UserEvent } from '../src/events.ts'

const ignore = () => undefined

function userEvent(name: string): UserEvent {
  return { type: 'user-event', name, payload: new Uint8Array(0), lamportTime: 1, coalesce: false }
}

test('a buffer that could hold nothing, or anything, is refused, and so is a type that never comes', () => {
  for (const buffer of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => new EventIterator({ buffer }, ignore), InvalidArgument, String(buffer))
  }
  const wrong = { types: ['member-joined'] }
  assert.throws(() => Reflect.construct(EventIterator, [wrong, ignore]), /no events of type member-joined/)
})

test('beyond the bound the oldest are dropped, and one event first says how many', async () => {
  const events = new EventIterator({ buffer: 2 }, ignore)
  for (const name of ['a', 'b', 'c', 'd']) events.push(userEvent(name))
  assert.deepEqual((await events.next()).value, { type: 'lagged', count: 2 })
  assert.deepEqual((await events.next()).value, userEvent('c'))
})

test('an announcement that is itself dropped hands its count on', async () => {
  const events = new EventIterator({ buffer: 2 }, ignore)
  events.push({ type: 'lagged', count: 500 })
  for (const name of ['a', 'b', 'c']) events.push(userEvent(name))
  assert.deepEqual((await events.next()).value, { type: 'lagged', count: 501 })
})

test('who reads user events is told of lost ones without asking; who reads only members is not', () => {
  assert.equal(new EventIterator({ types: ['user-event'] }, ignore).wants('lagged'), true)
  assert.equal(new EventIterator({ types: ['member-join'] }, ignore).wants('lagged'), false)
})

test('an iterator that ended leaves no listener on its signal', async () => {
  const { signal } = new AbortController()
  for (let i = 0; i < 5; i++) await new EventIterator({ signal }, ignore).return()
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})
