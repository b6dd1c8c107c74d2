/** Queries that are sent once more to those who say nothing: when, to whom, and no more of it than is good. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FACT, STATUS } from '../../src/actors/facts.ts'
import { LoneGossip } from '../gossip/lone-gossip.ts'
import { LoneDispatch } from './lone-dispatch.ts'

/** To how many members of which address a query is sent again, since the last call. */
function again(lone: LoneDispatch): string[] {
  const places = lone.toGossip.flatMap((mail) => (mail.type === 'ask-again' ? mail.places : []))
  lone.toGossip.length = 0
  return places.map(({ ip }) => ip).sort()
}

test('at a third and at two thirds of its time a query goes again to those who neither answered nor acknowledged, and live', () => {
  const lone = new LoneDispatch()
  // Rows 1 to 4: the last byte of their addresses.
  lone.members({ name: 'answers' }, { name: 'acks' }, { name: 'silent' }, { name: 'dies' })
  const time = lone.ask({ timeout: 9_000, requestAck: true })
  lone.answer(time, ['self', ''], ['answers', ''], ['acks', null])
  lone.members({ name: 'dies', kind: FACT.memberFailed, status: STATUS.failed })
  again(lone)
  lone.advance(2_999)
  assert.deepEqual(again(lone), [])
  lone.advance(1)
  assert.deepEqual(again(lone), ['10.0.0.3'])
  lone.advance(3_000)
  assert.deepEqual(again(lone), ['10.0.0.3'])
  lone.advance(2_999)
  assert.deepEqual(again(lone), [])
  lone.advance(1)
  assert.equal(lone.ended()?.how, 'deadline')
  assert.equal(lone.counter('folkmoot.query.sent-again'), 2)
})

test('where more than 64 are silent it goes to 64 of them', () => {
  const lone = new LoneDispatch()
  lone.members(...Array.from({ length: 300 }, (_, i) => ({ name: `m${i}` })))
  lone.ask({ timeout: 3_000 })
  again(lone)
  lone.advance(1_000)
  assert.equal(new Set(again(lone)).size, 64)
})

test('what goes out is the message that was gossiped, and who has heard it drops it', () => {
  const lone = new LoneGossip()
  const question = {
    name: 'q',
    payload: null,
    filters: null,
    flags: 0,
    relayFactor: 0,
    timeout: 1_000,
  }
  lone.gossip.receive({ type: 'ask', number: 1, question }, lone.now)
  lone.advance(0)
  lone.toDetector.length = 0
  const places = [{ ip: '127.0.0.9', port: 999 }]
  lone.gossip.receive({ type: 'ask-again', lamportTime: 1, places }, lone.now)
  const [message] = lone.sentTo(999)
  const heard = new LoneGossip()
  for (let i = 0; i < 2; i++) heard.hear(Buffer.from(message, 'hex'))
  assert.deepEqual(heard.facts.slice(1), ['query q@1'])
  lone.gossip.receive({ type: 'ask-again', lamportTime: 99, places }, lone.now)
  assert.deepEqual(lone.sentTo(999), [], 'of one that is unknown there is nothing to send')
})
