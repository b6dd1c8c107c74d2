/** Stale words are answered straight to whom they concern, once in a while (known defects B9 and B10). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachDelivery } from '../../src/actors/packed.ts'
import { alive, dead, hex, LoneGossip, suspect, utf8 } from './lone-gossip.ts'

const PEER = 7_001
const THIRD = 7_003

/** A pool in which nothing is left to gossip: every packet from now on is an answer. */
function quiet(): LoneGossip {
  const lone = new LoneGossip()
  lone.hear(
    alive({ incarnation: 100, name: 'peer', port: PEER }),
    alive({ incarnation: 1, name: 'third', address: [127, 0, 0, 3], port: THIRD }),
  )
  settle(lone)
  return lone
}

/** Lets what was just heard be gossiped to the end. */
function settle(lone: LoneGossip): void {
  lone.advance(3_000)
  lone.toDetector.length = 0
}

test('a member that we hold dead and that shows up at an old incarnation is told so to its face', () => {
  const lone = quiet()
  lone.hear(dead('peer', 100, 'third'))
  settle(lone)
  lone.hear(alive({ incarnation: 1, name: 'peer', port: PEER }))
  assert.deepEqual(lone.sentTo(PEER), [hex(dead('peer', 100, 'self'))])
  lone.hear(alive({ incarnation: 101, name: 'peer', port: PEER }))
  assert.ok(lone.facts.includes('join peer alive'), 'its refutation is believed')
})

test('one that we hold suspect or left is told that; what left is told in its own name', () => {
  const lone = quiet()
  lone.hear(suspect('peer', 100, 'third'))
  settle(lone)
  lone.hear(alive({ incarnation: 1, name: 'peer', port: PEER }))
  assert.deepEqual(lone.sentTo(PEER), [hex(suspect('peer', 100, 'self'))])
  lone.hear(dead('peer', 100, 'peer'))
  settle(lone)
  lone.hear(alive({ incarnation: 1, name: 'peer', port: PEER }))
  assert.deepEqual(lone.sentTo(PEER), [hex(dead('peer', 100, 'peer'))])
})

test('a flood of stale words is answered once a second', () => {
  const lone = quiet()
  lone.hear(dead('peer', 100, 'third'))
  settle(lone)
  for (let i = 0; i < 1_000; i++) lone.hear(alive({ incarnation: 1 + (i % 9), name: 'peer', port: PEER }))
  assert.equal(lone.sentTo(PEER).length, 1)
  lone.advance(1_000)
  lone.hear(alive({ incarnation: 1, name: 'peer', port: PEER }))
  assert.equal(lone.sentTo(PEER).length, 1)
})

test('an accuser that missed the refutation is told it, alone', () => {
  const lone = quiet()
  lone.hear(suspect('peer', 99, 'third'), dead('peer', 98, 'third'))
  assert.deepEqual(lone.sentTo(THIRD), [hex(alive({ incarnation: 100, name: 'peer', port: PEER }))])
  lone.advance(2_000)
  assert.equal(lone.gossiped.size, 0, 'all others know')
})

test('a stale accusation from somebody unknown, or from us, is answered to nobody', () => {
  const lone = quiet()
  lone.hear(suspect('peer', 99, 'stranger'), suspect('peer', 99, 'self'))
  assert.equal(lone.toDetector.filter(({ type }) => type === 'deliver').length, 0)
})

test('an accusation about somebody unknown waits for it: when it is introduced it is told what it has to refute', () => {
  const lone = quiet()
  lone.hear(dead('late', 100, 'third'), suspect('later', 5, 'third'))
  lone.toDetector.length = 0
  lone.hear(alive({ incarnation: 1, name: 'late', port: 7_777 }))
  assert.deepEqual(
    lone.sentTo(7_777),
    [],
    'somebody said that it is dead: it is asked first whether it is there',
  )
  lone.answerPings(7_777)
  assert.ok(lone.sentTo(7_777).includes(hex(dead('late', 100, 'third'))))
  lone.hear(alive({ incarnation: 6, name: 'later', port: 7_778 }))
  lone.advance(0)
  assert.equal(lone.stats()['folkmoot.told-accused'], 1, 'later has refuted it already')
})

test('accusations about made-up names take bounded memory, and are forgotten', () => {
  const lone = quiet()
  for (let i = 0; i < 5_000; i++) lone.hear(dead(`ghost-${i}`, 1, 'third'))
  assert.equal(lone.stats()['accusations-unknown'], 1_024)
  lone.advance(60_000)
  assert.equal(lone.stats()['accusations-unknown'], 0)
})

test('a member that is said to have left is told so, for nobody gossips to it any more, and refutes if it is a lie', () => {
  const lone = quiet()
  lone.hear(dead('peer', 100, 'peer'))
  lone.advance(10)
  const told: string[] = []
  for (const mail of lone.toDetector)
    if (mail.type === 'deliver')
      eachDelivery(mail.bytes, (message, _ip, port) => {
        if (port === PEER) told.push(hex(message))
      })
  assert.ok(
    told.some((message) => message.includes(hex(dead('peer', 100, 'peer')))),
    'it hears what it is held for',
  )
  lone.hear(alive({ incarnation: 101, name: 'peer', port: PEER }))
  assert.ok(lone.facts.includes('join peer alive'), 'its refutation is believed')
  lone.advance(10)
  assert.ok(lone.roster.includes('peer alive 101'), `${lone.roster}`)
})

test('who accuses us hears our answer before all others', () => {
  const lone = quiet()
  lone.hear(suspect('self', 1, 'third'))
  const words = lone.sentTo(THIRD)
  assert.equal(words.length, 1)
  assert.ok(words[0].includes(hex(utf8('self'))))
  assert.equal(lone.stats()['folkmoot.told-accuser'], 1)
})

test('who is suspected is told so: by whose probe it was at once, by the others with the chance that makes them eight', () => {
  const lone = quiet()
  lone.hear(suspect('peer', 100, 'third'))
  assert.deepEqual(lone.sentTo(PEER), [hex(suspect('peer', 100, 'third'))], 'in a pool of three all tell')
  const large = new LoneGossip()
  const names = Array.from({ length: 800 }, (_, i) => `peer-${i}`)
  large.hear(...names.map((name, i) => alive({ incarnation: 1, name, port: 8_000 + i })))
  large.hear(...names.map((name) => suspect(name, 1, 'peer-0')))
  const { 'folkmoot.told-accused': told } = large.stats()
  assert.ok(told > 0 && told < 40, `${told} of 800, eight on average`)
})

test('a member that says an older word than we hold has begun anew, and is told where it was', () => {
  const lone = quiet()
  lone.hear(alive({ incarnation: 1, name: 'peer', port: PEER }))
  assert.deepEqual(lone.sentTo(PEER), [hex(alive({ incarnation: 100, name: 'peer', port: PEER }))])
  lone.hear(
    alive({ incarnation: 1, name: 'peer', port: PEER }),
    alive({ incarnation: 100, name: 'peer', port: PEER }),
  )
  assert.equal(lone.stats()['folkmoot.told-restarted'], 1, 'once a second, and never what it knows')
})

test('whom our own probe did not hear is told so, however large the pool', () => {
  const large = new LoneGossip()
  const names = Array.from({ length: 800 }, (_, i) => `peer-${i}`)
  large.hear(...names.map((name, i) => alive({ incarnation: 1, name, port: 8_000 + i })))
  for (let row = 1; row <= 20; row++)
    large.gossip.receive({ type: 'silent', row, instance: 1, incarnation: 1 }, large.now)
  assert.equal(large.stats()['folkmoot.told-accused'], 20)
})
