/** The small machines of the detector: health, numbers of pings, destinations, what is overheard. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counters } from '../../src/actors/counters.ts'
import type { ToGossip } from '../../src/actors/mail.ts'
import { eachOverheard } from '../../src/actors/packed.ts'
import { SeededRandom } from '../../src/actors/random.ts'
import { isUnicast } from '../../src/detector/destination.ts'
import { Health } from '../../src/detector/health.ts'
import { LASTING, LASTING_GATHER, Overheard } from '../../src/detector/overheard.ts'
import { Sequence } from '../../src/detector/sequence.ts'

test('health stays within 0 and the multiplier less one', () => {
  const health = new Health(8)
  health.change(-1)
  assert.equal(health.score, 0)
  health.change(3)
  health.change(9)
  assert.equal(health.score, 7)
  health.change(-1)
  assert.equal(health.score, 6)
  const fixed = new Health(1)
  fixed.change(5)
  assert.equal(fixed.score, 0, 'a multiplier of 1 switches it off')
})

test('pings are numbered from a random place on, within 32 bits, and never 0', () => {
  const first = (seed: number) => new Sequence(new SeededRandom(seed)).next()
  assert.notEqual(first(1), first(2))
  const last = new Sequence({ next: () => 0.5, below: () => 0xffff_fffe })
  assert.deepEqual([last.next(), last.next(), last.next()], [0xffff_ffff, 1, 2])
})

test('a datagram goes to one host and nobody else', () => {
  const hosts = [
    '10.0.0.1',
    '127.0.0.1',
    '223.255.255.255',
    '240.0.0.1',
    '::1',
    'fe80::1',
    'ff::1',
    '2001:db8::ff02',
  ]
  const others = [
    '',
    '0.0.0.0',
    '255.255.255.255',
    '224.0.0.1',
    '239.255.255.255',
    '::',
    'ff02::1',
    'ff0e:0:1::5',
  ]
  for (const ip of hosts) assert.ok(isUnicast(ip), ip)
  for (const ip of others) assert.ok(!isUnicast(ip), ip)
})

function overhearing(depth: number, waiting = 0) {
  const told: ToGossip[] = []
  const counters = new Counters()
  const overheard = new Overheard(
    { tell: (mail) => told.push(mail), waiting: () => waiting },
    depth,
    counters,
  )
  return { told, counters, overheard }
}

test('lanes have bounds of their own, and what was heard arrives unchanged and in order', () => {
  const { told, counters, overheard } = overhearing(3)
  for (let i = 0; i < 5; i++) overheard.add('others', Uint8Array.of(9, 8, i, 9), 1, 3)
  overheard.add('alive', Uint8Array.of(4, 44), 0, 2)
  overheard.wake(0)
  assert.deepEqual([counters.get('drop.handoff-others'), counters.get('drop.handoff-alive')], [2, 0])
  const heard = told.flatMap((mail) => {
    const messages: string[] = []
    if (mail.type === 'overheard')
      eachOverheard(mail.bytes, (bytes, start, end) => {
        messages.push(`${mail.lane} ${bytes.subarray(start, end).join()}`)
      })
    return messages
  })
  assert.deepEqual(heard, ['alive 4,44', 'others 8,0', 'others 8,1', 'others 8,2'])
  assert.equal(overheard.wakeAt, Number.POSITIVE_INFINITY)
})

test('claims that members are alive say where they come from, and what is dropped leaves nothing behind', () => {
  const { told, overheard } = overhearing(3)
  for (const [i, ip] of ['10.0.0.1', '10.0.0.1', 'fd00::2', '10.0.0.3', '10.0.0.4'].entries())
    overheard.add('alive', Uint8Array.of(4, i), 0, 2, ip)
  overheard.wake(0)
  overheard.add('alive', Uint8Array.of(4, 9), 0, 2, 'fd00::2')
  overheard.wake(10)
  const heard = told.map((mail) => {
    const words: string[] = []
    if (mail.type !== 'overheard') return words
    eachOverheard(
      mail.bytes,
      (bytes, start) => words.push(`${bytes[start + 1]}`),
      (ip) => words.push(ip),
    )
    return words
  })
  assert.deepEqual(heard, [
    ['10.0.0.1', '0', '1', 'fd00::2', '2'],
    ['fd00::2', '9'],
  ])
})

test('long messages weigh more, so that the bound holds memory too', () => {
  const { counters, overheard } = overhearing(64)
  const long = new Uint8Array(64_000)
  for (let i = 0; i < 10; i++) overheard.add('others', long, 0, long.length)
  assert.equal(counters.get('drop.handoff-others'), 8, 'each weighs 32')
})

test('a burst that lasts is gathered for longer, unless much has come; after a pause the first goes at once again', () => {
  const { told, overheard } = overhearing(10_000)
  const hear = (now: number, messages = 1) => {
    for (let i = 0; i < messages; i++) overheard.add('others', Uint8Array.of(9, 8), 0, 2)
    overheard.wake(now)
    return told.length
  }
  for (let i = 0; i <= LASTING; i++) assert.equal(hear(10 * i), i + 1, 'not yet lasting')
  const lastAt = 10 * LASTING
  const before = told.length
  assert.equal(hear(lastAt + 10), before)
  assert.equal(overheard.wakeAt, lastAt + LASTING_GATHER)
  assert.equal(hear(lastAt + 11, 600), before + 1, 'much has come')
  assert.equal(hear(lastAt + 12, 600), before + 1, 'however much, not before the shorter time')
  overheard.wake(lastAt + 16)
  assert.equal(told.length, before + 2)
  for (let i = 0; i < 3; i++) assert.equal(hear(lastAt + 1_000 + 6 * i), before + 3 + i, 'a new burst')
})

test('when gossip is behind by the bound nothing more is gathered, and later it is again', () => {
  const { told, counters, overheard } = overhearing(10, 10)
  overheard.add('alive', Uint8Array.of(4, 1), 0, 2)
  overheard.wake(100)
  assert.deepEqual([told.length, counters.get('drop.handoff-alive')], [0, 1])
  assert.equal(overheard.wakeAt, Number.POSITIVE_INFINITY)
})
