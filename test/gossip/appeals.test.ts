/** Nobody is buried who was not asked to its face, and who answers is not buried for what others missed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alive, hex, LoneGossip, suspect } from './lone-gossip.ts'

const PEER = 7_001
const THIRD = 7_003
/** Of a pool of three: four probe intervals (protocol page 1, section 7.7). */
const SUSPICION = 4_000

/** A pool of three in which `peer` was just suspected, by what we heard. */
function suspecting(): LoneGossip {
  const lone = new LoneGossip()
  lone.hear(
    alive({ incarnation: 5, name: 'peer', port: PEER }),
    alive({ incarnation: 1, name: 'third', address: [127, 0, 0, 3], port: THIRD }),
  )
  lone.advance(3_000)
  lone.hear(suspect('peer', 5, 'third'))
  return lone
}

function greetings(lone: LoneGossip): number[] {
  return lone.toDetector.flatMap((mail) => (mail.type === 'greet' && mail.port === PEER ? [mail.number] : []))
}

test('whose time is nearly up is told what it is held for, and pinged; with no ack it dies in time', () => {
  const lone = suspecting()
  lone.advance(SUSPICION - 2_001)
  lone.toDetector.length = 0
  lone.advance(1)
  assert.equal(greetings(lone).length, 1)
  assert.deepEqual(lone.sentTo(PEER), [hex(suspect('peer', 5, 'self'))])
  lone.advance(1_980)
  assert.equal(greetings(lone).length, 3, 'and three times more')
  assert.ok(!lone.facts.includes('failed peer failed'))
  lone.advance(10)
  assert.ok(lone.facts.includes('failed peer failed'))
  assert.deepEqual(lone.dialled, [], 'no state is asked of one that does not answer')
})

test('of one that answers the state is asked, and until then it does not die', () => {
  const lone = suspecting()
  lone.advance(SUSPICION - 500)
  const [first] = greetings(lone)
  lone.gossip.receive({ type: 'greeted', number: first }, lone.now)
  lone.gossip.receive({ type: 'greeted', number: first }, lone.now)
  assert.deepEqual(
    lone.dialled.map(({ port }) => port),
    [PEER],
  )
  lone.advance(960)
  assert.ok(!lone.facts.includes('failed peer failed'), 'it is past its time, and lives')
  lone.hear(alive({ incarnation: 6, name: 'peer', port: PEER }))
  lone.advance(60_000)
  assert.ok(!lone.facts.includes('failed peer failed'))
  assert.equal(lone.stats()['folkmoot.appeals-answered'], 1)
})

test('one that answers and never refutes dies an interval later', () => {
  const lone = suspecting()
  lone.advance(SUSPICION - 500)
  lone.gossip.receive({ type: 'greeted', number: greetings(lone)[0] }, lone.now)
  lone.advance(960)
  assert.ok(!lone.facts.includes('failed peer failed'))
  lone.advance(30)
  assert.ok(lone.facts.includes('failed peer failed'))
})

test('an answer of one that was cleared, or of nobody that was asked, changes nothing', () => {
  const lone = suspecting()
  lone.advance(SUSPICION - 500)
  lone.hear(alive({ incarnation: 6, name: 'peer', port: PEER }))
  for (const number of [...greetings(lone), -99]) lone.gossip.receive({ type: 'greeted', number }, lone.now)
  assert.deepEqual(lone.dialled, [])
  assert.equal(lone.stats()['folkmoot.appeals-answered'] ?? 0, 0)
})

test('many who die at once are not all asked, and die in time', () => {
  const lone = new LoneGossip()
  const names = Array.from({ length: 200 }, (_, i) => `peer-${i}`)
  lone.hear(...names.map((name, i) => alive({ incarnation: 1, name, port: 8_000 + i })))
  lone.advance(3_000)
  for (const accuser of ['peer-0', 'a', 'b', 'c'])
    lone.hear(...names.slice(1).map((name) => suspect(name, 1, accuser)))
  lone.advance(30_000)
  assert.equal(lone.facts.filter((fact) => fact.startsWith('failed ')).length, 199)
  const { 'folkmoot.appeals': asked, 'folkmoot.appeals-skipped': skipped } = lone.stats()
  assert.ok(asked + skipped >= 199)
  assert.ok(asked >= 64 && asked <= 192, `${asked}`)
})
