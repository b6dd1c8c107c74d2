/** Queries in virtual time: lost packets, members that die, and answers over others. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CALM } from '../../src/simulator/network.ts'
import { World } from '../../src/simulator/world.ts'

const MINUTE = 60_000

function answering(seed: number, count: number, loss: number): World {
  const world = new World({ seed })
  const nodes = world.pool(count)
  assert.ok(world.runUntil(() => world.isOneView(), 4 * MINUTE) < 4 * MINUTE, 'no one view')
  for (const node of nodes) node.questions.answer = () => new TextEncoder().encode(node.name)
  world.network.weather = { ...CALM, loss }
  return world
}

test('with a fifth of all packets lost and a relay factor of 3, at least 99% of all members are heard (row 41)', () => {
  let expected = 0
  let arrived = 0
  // 99.1% arrive: of fewer than two thousand answers, chance alone now and then takes too many.
  for (let seed = 1; seed <= 12; seed++) {
    const world = answering(seed, 8, 0.2)
    for (let i = 0; i < 25; i++) {
      const query = world.nodes[i % 8].questions.ask({ name: `q${i}`, relayFactor: 3, timeout: 6_000 })
      world.runUntil(() => query.ended !== undefined, 10_000)
      expected += 8
      arrived += query.answers.length
      assert.equal(query.answers.length + (query.ended?.silent.length ?? 0), 8, 'who is missing is named')
    }
  }
  assert.ok(arrived >= expected * 0.99, `${arrived} of ${expected}`)
})

test('in a calm pool of 30 a query is over long before its deadline, and every host hears it once', () => {
  const world = answering(7, 30, 0)
  const query = world.nodes[3].questions.ask({ timeout: 5 * MINUTE, requestAck: true })
  const took = world.runUntil(() => query.ended !== undefined, 5 * MINUTE)
  assert.ok(took < MINUTE, `${took} ms`)
  assert.deepEqual([query.ended?.how, query.ended?.silent, query.answers.length], ['answered', [], 30])
  const heard = world.transitions.filter(({ kind }) => kind === 'query').map(({ observer }) => observer)
  assert.deepEqual(heard.sort(), world.nodes.map(({ name }) => name).sort())
})

test('a member that dies under way is waited for until it is known to be dead', () => {
  const world = answering(9, 5, 0)
  const [asking, , dying] = world.nodes
  dying.kill()
  const query = asking.questions.ask({ timeout: 10 * MINUTE })
  const took = world.runUntil(() => query.ended !== undefined, 10 * MINUTE)
  assert.ok(took < 5 * MINUTE, `${took} ms`)
  assert.deepEqual([query.ended?.how, query.ended?.silent], ['answered', [dying.name]])
})
