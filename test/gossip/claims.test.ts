/** What claims about members do, branch by branch (protocol page 1, sections 7.8 to 7.13 and 12). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Claim, readAlive } from '../../src/wire/claim.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import { alive, dead, LoneGossip, suspect, utf8 } from './lone-gossip.ts'

const MOST = 0xffff_fffe

function withPeer(incarnation = 5): LoneGossip {
  const lone = new LoneGossip()
  lone.hear(
    alive({ incarnation, name: 'peer' }),
    alive({ incarnation: 1, name: 'third', address: [127, 0, 0, 3] }),
  )
  lone.newFacts()
  return lone
}

test('at the beginning we are the only member, alive at incarnation 1, and say so once there is somebody to hear', () => {
  const lone = new LoneGossip()
  assert.deepEqual(lone.facts, ['join self alive'])
  assert.deepEqual(lone.roster, [], 'nobody probes itself')
  lone.hear(alive({ incarnation: 1, name: 'peer' }))
  lone.advance(300)
  assert.ok([...lone.gossiped].some((hex) => hex.includes(Buffer.from('self').toString('hex'))))
})

test('a new alive member joins, is passed on and is to be probed', () => {
  const lone = new LoneGossip()
  const message = alive({ incarnation: 7, name: 'peer' })
  lone.hear(message)
  assert.deepEqual(lone.facts.slice(1), ['join peer alive'])
  assert.deepEqual(lone.roster, ['peer alive 7'])
  lone.advance(300)
  assert.ok(lone.hasGossiped(message))
})

test('the same alive again, and an older one, change nothing and are not passed on', () => {
  const lone = withPeer()
  lone.advance(5_000)
  lone.toDetector.length = 0
  lone.hear(alive({ incarnation: 5, name: 'peer' }), alive({ incarnation: 4, name: 'peer', meta: utf8('x') }))
  assert.equal(lone.sentTo(7946).length, 1, 'the member itself is told that it is known')
  lone.advance(1_000)
  assert.deepEqual(lone.facts, [])
  assert.equal(lone.gossiped.size, 0)
})

test('new meta under a higher incarnation is an update', () => {
  const lone = withPeer()
  lone.hear(alive({ incarnation: 6, name: 'peer', meta: utf8('role') }))
  assert.deepEqual(lone.facts, ['update peer alive'])
})

test('a suspected member is told to the detector as suspect, and a higher incarnation clears it without an event', () => {
  const lone = withPeer()
  lone.hear(suspect('peer', 5, 'third'))
  assert.ok(lone.roster.includes('peer suspect 5'))
  lone.hear(alive({ incarnation: 6, name: 'peer' }))
  assert.ok(lone.roster.includes('peer alive 6'))
  assert.deepEqual(lone.facts, ['change peer alive'])
  lone.advance(60_000)
  assert.deepEqual(lone.facts, ['change peer alive'], 'the suspicion came to nothing')
})

test('a suspicion that nobody answers becomes a failure, and the death is passed on in our name', () => {
  const lone = withPeer()
  lone.hear(suspect('peer', 5, 'third'))
  lone.advance(3_900)
  assert.deepEqual(lone.facts, [])
  lone.advance(200)
  assert.deepEqual(lone.facts, ['failed peer failed'])
  lone.advance(300)
  assert.ok(lone.hasGossiped(dead('peer', 5, 'self')))
  assert.ok(lone.roster.includes('peer gone 5'))
})

test('a suspicion at an older incarnation, or of somebody unknown, is ignored', () => {
  const lone = withPeer()
  lone.hear(suspect('peer', 4, 'third'), suspect('nobody', 4, 'third'))
  lone.advance(60_000)
  assert.deepEqual(lone.facts, [])
  assert.equal(lone.stats()['drop.accused-unknown'], 1)
})

test('a dead member comes back only with a higher incarnation', () => {
  const lone = withPeer()
  lone.hear(dead('peer', 5, 'third'))
  assert.deepEqual(lone.newFacts(), ['failed peer failed'])
  lone.hear(alive({ incarnation: 5, name: 'peer' }), suspect('peer', 9, 'third'), dead('peer', 9, 'peer'))
  assert.deepEqual(lone.newFacts(), [])
  lone.hear(alive({ incarnation: 6, name: 'peer' }))
  assert.deepEqual(lone.newFacts(), ['join peer alive'])
})

test('a member that says itself that it is dead has left, and its name is free', () => {
  const lone = withPeer()
  lone.hear(dead('peer', 5, 'peer'))
  assert.deepEqual(lone.newFacts(), ['leave peer left'])
  lone.hear(alive({ incarnation: 1, name: 'peer', port: 7000 }))
  assert.deepEqual(
    lone.newFacts(),
    ['join peer alive'],
    'a left name is free at once, at another address with any incarnation',
  )
})

test('an IPv4 address in 16 bytes is the same address as in 4', () => {
  const lone = withPeer()
  const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 2]
  lone.hear(alive({ incarnation: 6, name: 'peer', address: mapped, meta: utf8('m') }))
  assert.deepEqual(lone.facts, ['update peer alive'])
})

for (const [what, message] of [
  ['suspect', suspect('self', 1, 'peer')],
  ['dead', dead('self', 1, 'peer')],
  ['dead in our own name', dead('self', 1, 'self')],
  [
    'alive that is not our word',
    alive({ incarnation: 1, name: 'self', address: [127, 0, 0, 1], meta: utf8('lie') }),
  ],
] as const) {
  test(`${what} about us is refuted with a higher incarnation, our health goes down, and it is not passed on`, () => {
    const lone = withPeer()
    lone.advance(5_000)
    lone.toDetector.length = 0
    lone.hear(message)
    assert.deepEqual(lone.toDetector.filter(({ type }) => type === 'accused').length, 1)
    lone.advance(1_000)
    assert.equal(lone.hasGossiped(message), false)
    assert.equal(lone.stats()['folkmoot.refuted'], 1)
  })
}

test('a refutation takes the place of our news that waits: only the newest word about ourselves is ever sent (B12)', () => {
  const lone = withPeer()
  lone.advance(5_000)
  lone.toDetector.length = 0
  lone.command({ type: 'set-tags', tags: { role: 'web' } })
  lone.hear(suspect('self', 2, 'peer'))
  lone.advance(5_000)
  const ours = [...lone.gossiped].flatMap((message) => {
    const claim = new Claim()
    const bytes = Buffer.from(message, 'hex')
    if (bytes[0] !== MESSAGE.alive || !readAlive(claim, bytes, 1, bytes.length)) return []
    const name = bytes.subarray(claim.nodeStart, claim.nodeEnd).toString()
    return name === 'self' ? [claim.incarnation] : []
  })
  assert.deepEqual(ours, [3])
})

test('whoever accuses us at an incarnation that we have refuted is told again, once at a time', () => {
  const lone = withPeer()
  lone.hear(suspect('self', 1, 'peer'))
  lone.advance(5_000)
  lone.toDetector.length = 0
  lone.hear(suspect('self', 1, 'third'), suspect('self', 1, 'peer'), dead('self', 1, 'third'))
  assert.equal(lone.stats().membership_queue, 1)
  lone.advance(1_000)
  assert.equal(lone.gossiped.size, 1)
  assert.equal(lone.stats()['folkmoot.refuted'], 1, 'our incarnation stays')
})

test('an accusation above our incarnation is answered above it', () => {
  const lone = withPeer()
  lone.hear(suspect('self', 1_000, 'peer'))
  lone.hear(suspect('self', 1_000, 'peer'))
  lone.advance(1_000)
  assert.equal(lone.stats()['folkmoot.refuted'], 1, 'the second is older than our answer')
})

test('our incarnation cannot be wound up to wrap: the highest is refused, one below cannot be answered', () => {
  const lone = withPeer()
  lone.hear(suspect('self', 0xffff_ffff, 'peer'), suspect('peer', 0xffff_ffff, 'third'))
  lone.hear(alive({ incarnation: 0xffff_ffff, name: 'peer' }))
  assert.equal(lone.stats()['drop.incarnation'], 3)
  lone.hear(suspect('self', MOST, 'peer'))
  assert.equal(lone.stats()['folkmoot.refuted'] ?? 0, 0)
  lone.advance(60_000)
  assert.deepEqual(lone.facts, [])
})

test('claims that would poison the pool are refused before a record is made', () => {
  const lone = new LoneGossip()
  lone.hear(
    alive({ incarnation: 0, name: 'zero' }),
    alive({ incarnation: 1, name: '' }),
    alive({ incarnation: 1, name: 'short', versions: Uint8Array.of(1, 5, 2) }),
    alive({ incarnation: 1, name: 'odd', versions: Uint8Array.of(5, 1, 2, 2, 5, 5) }),
    alive({ incarnation: 1, name: 'where', address: [1, 2, 3] }),
    alive({ incarnation: 1, name: 'x'.repeat(1_025) }),
    alive({ incarnation: 1, name: 'big', meta: new Uint8Array(16_385) }),
  )
  assert.deepEqual(lone.facts, ['join self alive'])
  const stats = lone.stats()
  assert.equal(stats.listed, 1)
  assert.deepEqual(
    [
      'incarnation',
      'alive-no-name',
      'alive-versions',
      'alive-address',
      'alive-long-name',
      'alive-long-meta',
    ].map((reason) => stats[`drop.${reason}`]),
    [1, 1, 2, 1, 1, 1],
  )
})

test('a verdict of our detector counts only for the instance and incarnation that it probed', () => {
  const lone = withPeer()
  const roster = lone.roster
  assert.deepEqual(roster, ['peer alive 5', 'third alive 1'])
  lone.gossip.receive({ type: 'silent', row: 1, instance: 99, incarnation: 5 }, lone.now)
  lone.gossip.receive({ type: 'silent', row: 1, instance: 1, incarnation: 4 }, lone.now)
  lone.gossip.receive({ type: 'silent', row: 77, instance: 1, incarnation: 5 }, lone.now)
  assert.equal(lone.stats().suspicions, 0)
  lone.gossip.receive({ type: 'silent', row: 1, instance: 1, incarnation: 5 }, lone.now)
  assert.equal(lone.stats().suspicions, 1)
})

test('after a pause of the whole process suspicions go on for as long as they still had to go', () => {
  const lone = withPeer()
  lone.hear(suspect('peer', 5, 'third'))
  lone.advance(1_000)
  lone.now += 30_000
  lone.gossip.wake(lone.now)
  lone.advance(2_000)
  assert.deepEqual(lone.facts, [])
  lone.advance(3_000)
  assert.deepEqual(lone.facts, ['failed peer failed'])
})
