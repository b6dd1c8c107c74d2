/** Iterators over events: a bounded buffer, nothing lost unannounced, nothing left behind at the end. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import type { UserEvent } from '../src/cluster/events.ts'
import { type Company, EventIterator } from '../src/cluster/subscription.ts'
import { SubscriptionOverflow } from '../src/errors/delivery.ts'
import { InvalidArgument } from '../src/errors/errors.ts'

const ignore: Company = { members: () => [], ended: () => undefined }

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
  const events = new EventIterator({ buffer: 2, initial: 'none' }, ignore)
  for (const name of ['a', 'b', 'c', 'd']) events.push(userEvent(name), [])
  assert.deepEqual((await events.next()).value, { type: 'lagged', count: 2, members: [] })
  assert.deepEqual((await events.next()).value, userEvent('c'))
})

test('what was lost on the way here is told first, to those who read it; a reader that waits hears it at once', async () => {
  const events = new EventIterator({ buffer: 2, types: ['user-event'] }, ignore)
  for (const name of ['a', 'b', 'c']) events.push(userEvent(name), [])
  events.thinned(500, 0)
  assert.deepEqual((await events.next()).value, { type: 'lagged', count: 501, members: [] })
  assert.deepEqual(
    [(await events.next()).value, (await events.next()).value],
    [userEvent('b'), userEvent('c')],
  )
  const next = events.next()
  events.thinned(3, 0)
  assert.deepEqual((await next).value, { type: 'lagged', count: 3, members: [] })
  const members = new EventIterator({ types: ['member-join'] }, ignore)
  members.thinned(500, 7)
  members.close()
  assert.equal((await members.next()).done, true, 'members are folded, not lost')
})

test('without loss: what has room can be read, then comes an error with the count, and then the end', async () => {
  const events = new EventIterator({ buffer: 2, policy: 'lossless', types: ['user-event'] }, ignore)
  for (const name of ['a', 'b', 'c', 'd']) events.push(userEvent(name), [])
  assert.equal(events.isLossless, false)
  assert.deepEqual(
    [(await events.next()).value, (await events.next()).value],
    [userEvent('a'), userEvent('b')],
  )
  await assert.rejects(
    events.next(),
    (error) =>
      error instanceof SubscriptionOverflow &&
      error.count === 2 &&
      error.code === 'ERR_SUBSCRIPTION_OVERFLOW',
  )
  assert.equal((await events.next()).done, true)
})

test('without loss: what was folded or dropped on the way here ends it too, if it is read', async () => {
  const users = new EventIterator({ policy: 'lossless', types: ['user-event'] }, ignore)
  users.thinned(0, 9)
  assert.equal(users.isLossless, true)
  const next = users.next()
  users.thinned(4, 9)
  await assert.rejects(next, /4 events had no room/)
  const members = new EventIterator({ policy: 'lossless', types: ['member-join'] }, ignore)
  members.thinned(4, 9)
  await assert.rejects(members.next(), /9 events had no room/)
})

test('who asks for all events, or for members, hears first who is there', async () => {
  for (const options of [
    {},
    { types: ['members'] as const },
    { types: ['query'] as const, initial: 'members' as const },
  ])
    assert.deepEqual((await new EventIterator(options, ignore).next()).value, {
      type: 'members',
      members: [],
    })
})

test('a policy or a beginning that there is not is refused', () => {
  for (const wrong of [{ policy: 'newest' }, { initial: 'everything' }])
    assert.throws(() => Reflect.construct(EventIterator, [wrong, ignore]), InvalidArgument)
})

test('an iterator that ended leaves no listener on its signal', async () => {
  const { signal } = new AbortController()
  for (let i = 0; i < 5; i++) await new EventIterator({ signal }, ignore).return()
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})
