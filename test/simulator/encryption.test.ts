/** An encrypted pool in virtual time: keys are rotated under loss, and whoever has none of them stays outside. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Actor } from '../../src/actors/contract.ts'
import type { ToGossip } from '../../src/actors/mail.ts'
import { World } from '../../src/simulator/index.ts'
import { CALM } from '../../src/simulator/network.ts'

const MINUTE = 60_000
const keyOf = (number: number) => new Uint8Array(32).fill(number)
const [OLD, NEW] = [keyOf(1), keyOf(2)]

for (const seed of [1, 2, 3]) {
  test(`eight members install, use and remove keys one after the other under 10% loss, and nobody is called failed (seed ${seed})`, () => {
    const gossips = new Map<string, Actor<ToGossip>>()
    const world = new World({
      seed,
      options: { encryptionKeys: [OLD], label: 'east' },
      weather: { ...CALM, loss: 0.1 },
      tamper: (actor, node) => {
        gossips.set(node.name, actor)
        return actor
      },
    })
    const nodes = world.pool(8)
    assert.ok(world.runUntil(() => world.isOneView(), 4 * MINUTE) < 4 * MINUTE)
    const rounds = [[OLD, NEW], [NEW, OLD], [NEW]]
    rounds.forEach((keys, number) => {
      for (const node of nodes) {
        world.run(world.faults.below(2_000))
        gossips.get(node.name)?.receive({ type: 'keyring', number, keys }, world.now)
      }
      world.event(nodes[number], `round-${number}`)
    })
    world.run(2 * MINUTE)
    assert.ok(world.isOneView())
    assert.deepEqual(
      world.transitions.filter(({ kind }) => kind === 'failed'),
      [],
    )
    for (const node of nodes) {
      const heard = world.transitions.filter(
        ({ kind, observer }) => kind === 'user' && observer === node.name,
      )
      assert.equal(heard.length, rounds.length, node.name)
    }
    const late = world.startOne({ encryptionKeys: [NEW] })
    const stale = world.startOne({ encryptionKeys: [OLD] })
    const elsewhere = world.startOne({ encryptionKeys: [NEW], label: 'west' })
    const replies = [late, stale, elsewhere].map((node) => world.join(node, nodes[0]))
    world.run(2 * MINUTE)
    assert.deepEqual(
      replies.map(({ envelope }) => envelope?.ok),
      [true, false, false],
    )
    assert.equal(nodes[3].inStatus('alive').length, 9)
    assert.deepEqual(stale.inStatus('alive'), [stale.name])
  })
}
