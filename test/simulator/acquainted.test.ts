/** A pool that knows itself from the beginning is as one that formed by itself and is at rest. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { World } from '../../src/simulator/index.ts'

const MEMBERS = 512

test('512 members that begin acquainted: all know all, nobody has news, nobody is failed, an event reaches all', () => {
  const options = { compression: false }
  const world = new World({ seed: 3, handling: 'share', hosts: 'light', options, keep: isTold })
  const nodes = world.acquainted(MEMBERS)
  world.run(1_000)
  for (const { inside, name } of nodes) {
    assert.equal(inside?.gossip.table.active, MEMBERS, name)
    assert.equal(seenBy(inside?.dispatch.view), MEMBERS, name)
    assert.equal(inside?.detector.ring.probed.length, MEMBERS - 1, name)
  }
  const before = world.network.counters.snapshot().sent
  world.run(5_000)
  // A probe and its ack each: nothing is gossiped.
  const sent = (world.network.counters.snapshot().sent - before) / MEMBERS / 5
  assert.ok(sent > 1.8 && sent < 2.2, `${sent} datagrams a second and member`)
  assert.deepEqual(world.transitions, [])
  world.event(nodes[0], 'all')
  world.run(3_000)
  assert.equal(world.transitions.length, MEMBERS)
})

function seenBy(view: { each(visit: () => void): void } | undefined): number {
  let seen = 0
  view?.each(() => {
    seen += 1
  })
  return seen
}

function isTold({ kind }: { kind: string }): boolean {
  return kind === 'user' || kind === 'failed' || kind === 'leave'
}
