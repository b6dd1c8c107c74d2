/** Whether a member is in a pool: told by gossip, folded for a slow host. Over sockets: cluster-join.test.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Connection, ConnectionChange, NameConflict } from '../src/actors/notices.ts'
import { WaitingNotices } from '../src/dispatch/waiting-notices.ts'
import { type SimulatedNode, World } from '../src/simulator/index.ts'

const MINUTE = 60_000

function changes(node: SimulatedNode): string[] {
  return node.notices.flatMap((notice) =>
    notice.type === 'connection' ? [`${notice.previous} ${notice.connection}`] : [],
  )
}

test('a member with seeds is joining, joined, isolated and joined again, and each is told once', () => {
  const world = new World({ seed: 6 })
  const early = world.startOne({ rejoin: { seeds: ['first.example.org'] } })
  world.run(MINUTE)
  assert.deepEqual(changes(early), ['isolated joining'])
  const first = world.startOne()
  world.names.set('first.example.org', [first.ip])
  world.runUntil(() => world.isOneView(), MINUTE)
  world.run(1_000)
  assert.deepEqual(changes(early), ['isolated joining', 'joining joined'])
  assert.deepEqual(changes(first), ['isolated joined'])
  first.kill()
  world.run(2 * MINUTE)
  assert.deepEqual(changes(early).slice(2), ['joined isolated'])
  world.names.set('first.example.org', [world.startOne().ip])
  world.run(2 * MINUTE)
  assert.deepEqual(changes(early).slice(3), ['isolated joined'])
})

test('a leave is no isolation: nothing is told any more', () => {
  const world = new World({ seed: 7 })
  const [one, two] = world.pool(2)
  world.runUntil(() => world.isOneView(), MINUTE)
  two.command({ type: 'leave' })
  world.run(MINUTE)
  assert.deepEqual(changes(two), ['isolated joined'])
  assert.deepEqual(changes(one), ['isolated joined', 'joined isolated'])
})

function change(previous: Connection, connection: Connection): ConnectionChange {
  return { type: 'connection', previous, connection }
}

test('changes that wait are told as one, and not at all when they come to nothing', () => {
  const waiting = new WaitingNotices()
  waiting.add(change('joining', 'joined'))
  waiting.add(change('joined', 'isolated'))
  assert.deepEqual(waiting.take(), [change('joining', 'isolated')])
  waiting.add(change('isolated', 'joined'))
  waiting.add(change('joined', 'isolated'))
  assert.deepEqual(waiting.take(), [])
})

test('256 notices wait, no more; where we stand is never among those that are dropped', () => {
  const waiting = new WaitingNotices()
  const place = { ip: '127.0.0.1', port: 7946 }
  const conflict = (name: string): NameConflict => ({
    ...{ type: 'name-conflict', about: 'member', name },
    existing: place,
    other: place,
  })
  waiting.add(change('isolated', 'joined'))
  for (let i = 0; i < 1_000; i++) waiting.add(conflict(`m${i}`))
  const taken = waiting.take()
  assert.equal(taken.length, 256)
  assert.deepEqual(taken[0], change('isolated', 'joined'))
  assert.deepEqual(taken.at(-1), conflict('m999'))
})
