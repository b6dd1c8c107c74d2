/** What the original's own tests assert of queries (protocol page 2, sections 7.4 and 7.5), line by line, in virtual time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Question } from '../../src/actors/mail.ts'
import { World } from '../../src/simulator/index.ts'
import { LoneDispatch, queryMessage } from '../dispatch/lone-dispatch.ts'
import { LoneGossip, utf8 } from '../gossip/lone-gossip.ts'

const LIMIT = 1_024

test('TestSerf_Query_Filter: of three members the one that is named acknowledges and answers, and nobody else', () => {
  const world = new World({ seed: 11 })
  const [s1, ...others] = world.pool(3)
  assert.ok(world.runUntil(() => world.isOneView(), 60_000) < 60_000)
  for (const node of world.nodes) node.questions.answer = () => utf8('test')
  const wish = { nodes: [s1.name], requestAck: true, relayFactor: 1, payload: utf8('sup girl') }
  const query = others[0].questions.ask({ name: 'load', ...wish })
  assert.ok(world.runUntil(() => query.ended !== undefined, 60_000) < 60_000)
  // Long enough for what comes a second time, over a relay.
  world.run(2_000)
  assert.deepEqual(query.acks, [s1.name])
  assert.deepEqual(query.answers, [{ from: s1.name, payload: utf8('test') }])
  const heard = world.transitions.filter(({ kind }) => kind === 'query').map(({ observer }) => observer)
  assert.deepEqual(heard, [s1.name])
})

function asked(lone: LoneGossip, payload: Uint8Array) {
  const question: Question = { name: 'x', payload, filters: null, flags: 0, relayFactor: 0, timeout: 1_000 }
  lone.gossip.receive({ type: 'ask', number: 1, question }, lone.now)
  const mail = lone.toDispatch.findLast(({ type }) => type === 'asked')
  if (mail?.type !== 'asked') throw new Error('not asked')
  return mail.outcome
}

test('TestSerf_Query_sizeLimit: a payload as large as the limit of queries is refused with that limit', () => {
  const outcome = asked(new LoneGossip(), new Uint8Array(LIMIT))
  assert.ok(!outcome.ok)
  assert.equal(outcome.error.code, 'ERR_QUERY_TOO_LARGE')
  assert.equal(outcome.error.details.limit, LIMIT)
})

test('TestSerf_Query_sizeLimitIncreased: the same query passes with twice the limit', () => {
  assert.ok(asked(new LoneGossip({ querySizeLimit: 2 * LIMIT }), new Uint8Array(LIMIT)).ok)
})

test('TestSerf_query_oldMessage: a query from before the ring is not passed on', () => {
  const lone = new LoneGossip()
  lone.hear(queryMessage({ lamportTime: 512 + 1_000, id: 1 }))
  const old = queryMessage({ lamportTime: 1, id: 2 })
  lone.hear(old)
  lone.advance(5_000)
  assert.equal(lone.hasGossiped(old), false)
  assert.equal(lone.stats().query_time, 512 + 1_001)
})

test('TestSerfQueries_Passthrough: user events, members and ordinary queries pass; only queries of Serf itself stay here', () => {
  const dispatch = new LoneDispatch()
  dispatch.members({ name: 'peer' })
  dispatch.hear(
    { name: utf8('foo'), id: 1 },
    { name: utf8('_serf_ping'), id: 2 },
    { name: utf8('_serf'), id: 3 },
  )
  dispatch.userEvent('event')
  dispatch.advance(100)
  assert.deepEqual(dispatch.heard, ['join self', 'join peer', 'query foo', 'query _serf', 'user event'])
})
