/** Our address when it was given by name: looked up again while we are alone, and told to everybody when it is another. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alive, LoneGossip, suspect } from './lone-gossip.ts'

const NAMED = { advertise: 'me.example.org', rejoin: { seeds: ['127.0.0.9'] } }

test('while alone it is looked up with every try to rejoin, one question at a time; a new one is taken', () => {
  const lone = new LoneGossip(NAMED)
  assert.deepEqual(lone.advertised, ['127.0.0.1'])
  lone.advance(20_000)
  assert.equal(lone.advertised.length, 1, 'the first question is not answered yet')
  lone.gossip.receive({ type: 'advertised', ip: '' }, lone.now)
  lone.advance(40_000)
  assert.equal(lone.advertised.length, 2)
  lone.newFacts()
  lone.gossip.receive({ type: 'advertised', ip: '127.0.0.7' }, lone.now)
  assert.deepEqual(lone.newFacts(), ['change self alive'])
  const told = lone.toDetector.flatMap((mail) => (mail.type === 'self' ? [mail.self.ip] : []))
  assert.deepEqual(told, ['127.0.0.7'])
  lone.advance(60_000)
  assert.equal(lone.advertised.at(-1), '127.0.0.7')
})

test('in a pool it is not looked up, and an answer that comes too late is no news', () => {
  const lone = new LoneGossip(NAMED)
  lone.hear(alive({ incarnation: 1, name: 'peer' }))
  lone.advance(120_000)
  lone.newFacts()
  lone.gossip.receive({ type: 'advertised', ip: '127.0.0.7' }, lone.now)
  assert.deepEqual(lone.newFacts(), [])
  assert.equal(lone.advertised.length, 1)
})

test('a literal address, and one that we are bound to, is never looked up', () => {
  for (const options of [{ advertise: '127.0.0.1' }, {}]) {
    const lone = new LoneGossip({ ...options, rejoin: { seeds: ['127.0.0.9'] } })
    lone.advance(120_000)
    assert.deepEqual(lone.advertised, [])
  }
})

test('who knows us at our old address is late and no rival, however long after; accusations are refuted from the new one', () => {
  const lone = new LoneGossip(NAMED)
  lone.gossip.receive({ type: 'advertised', ip: '127.0.0.7' }, lone.now)
  lone.hear(alive({ incarnation: 1, name: 'peer' }))
  lone.advance(10 * 60_000)
  lone.dialled.length = 0
  lone.hear(alive({ incarnation: 9, name: 'self', address: [127, 0, 0, 1] }))
  assert.deepEqual([lone.notices, lone.answerPings()], [[], []])
  assert.equal(lone.stats()['folkmoot.stale-address'], 1)
  lone.hear(suspect('self', 9, 'peer'))
  lone.advance(1_000)
  const versions = Uint8Array.of(1, 5, 2, 2, 5, 5)
  assert.ok(
    lone.hasGossiped(
      alive({
        incarnation: 10,
        name: 'self',
        address: [127, 0, 0, 7],
        meta: Uint8Array.of(255, 0x80),
        versions,
      }),
    ),
  )
  lone.hear(alive({ incarnation: 9, name: 'self', address: [127, 0, 0, 4] }))
  lone.answerPings(7946)
  assert.equal(lone.notices.length, 1, 'another place is a conflict as ever')
})
