/** Queries in gossip: heard once, passed on, asked in order, answered to us alone; relays (protocol page 2, sections 4.8 and 4.9). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Question } from '../../src/actors/mail.ts'
import { eachDelivery } from '../../src/actors/packed.ts'
import { encodeNameFilter } from '../../src/wire/filter.ts'
import { Writer } from '../../src/wire/msgpack.ts'
import { type QueryWords, writeAnswer, writeRelay } from '../../src/wire/query.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import { queryMessage } from '../dispatch/lone-dispatch.ts'
import { alive, LoneGossip, utf8 } from './lone-gossip.ts'

const QUESTION: Question = {
  name: 'uptime',
  payload: null,
  filters: null,
  flags: 0,
  relayFactor: 0,
  timeout: 1_000,
}

const query = (lamportTime: number, id: number, words: Partial<QueryWords> = {}) =>
  queryMessage({ lamportTime, id, ...words })

function message(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer()
  writer.byte(MESSAGE.user)
  write(writer)
  return writer.copy()
}

const answer = (lamportTime: number, id: number) =>
  message((writer) =>
    writeAnswer(writer, { lamportTime, id, flags: 0, from: utf8('peer'), payload: utf8('x') }),
  )

const relay = (address: number[], port: number, inner: Uint8Array) =>
  message((writer) => writeRelay(writer, { address: Uint8Array.from(address), port, name: utf8('n'), inner }))

function withPeer(options: ConstructorParameters<typeof LoneGossip>[0] = {}): LoneGossip {
  const lone = new LoneGossip(options)
  lone.hear(alive({ incarnation: 1, name: 'peer' }))
  lone.newFacts()
  lone.toDetector.length = 0
  return lone
}

const ask = (lone: LoneGossip, question: Partial<Question> = {}) => {
  lone.gossip.receive({ type: 'ask', number: 1, question: { ...QUESTION, ...question } }, lone.now)
  const asked = lone.toDispatch.findLast((mail) => mail.type === 'asked')
  if (asked === undefined) throw new Error('not asked')
  return asked.outcome
}

/** Directed messages that went out: «ip:port bytes». */
const delivered = (lone: LoneGossip) => {
  const sent: string[] = []
  for (const mail of lone.toDetector) {
    if (mail.type !== 'deliver') continue
    eachDelivery(mail.bytes, (bytes, ip, port) => {
      sent.push(`${ip}:${port} ${Buffer.from(bytes).toString('hex')}`)
    })
  }
  lone.toDetector.length = 0
  return sent
}

test('a query that is heard twice reaches dispatch once and is passed on in its bytes, filters or not', () => {
  const lone = withPeer()
  const message = query(41, 7, { filters: [encodeNameFilter(['somebody else'])], payload: utf8('x') })
  lone.hear(message)
  lone.hear(message)
  assert.deepEqual(lone.newFacts(), ['query uptime@41 x'])
  assert.equal(lone.stats().query_time, 42)
  lone.advance(300)
  assert.ok(lone.hasGossiped(message))
})

test('one that is not to be rebroadcast is heard and stays here', () => {
  const lone = withPeer()
  const message = query(41, 7, { flags: 2 })
  lone.hear(message)
  assert.equal(lone.newFacts().length, 1)
  lone.advance(5_000)
  assert.equal(lone.hasGossiped(message), false)
})

test('three queries of one time with other ids are all heard, each once, in their order', () => {
  const lone = withPeer()
  const all = [1, 2, 3].map((id) => query(1, id, { name: utf8(`q${id}`) }))
  lone.hear(...all, ...all)
  assert.deepEqual(lone.newFacts(), ['query q1@1', 'query q2@1', 'query q3@1'])
  assert.equal(lone.stats().query_queue, 3)
})

test('one from before the ring is dropped and not passed on', () => {
  const lone = withPeer()
  lone.hear(query(1_512, 1))
  const old = query(1, 2)
  lone.hear(old)
  assert.equal(lone.newFacts().length, 1)
  assert.equal(lone.stats()['drop.query-old'], 1)
  lone.advance(2_000)
  assert.equal(lone.hasGossiped(old), false)
})

test('Lamport times that the clock cannot follow are refused and the clock stays', () => {
  const lone = withPeer()
  const last = query(2 ** 60, 1)
  // The time's eight bytes stand behind its key and their type.
  const at = Buffer.from(last).indexOf('LTime') + 6
  last.fill(255, at, at + 8)
  lone.hear(query(Number.MAX_SAFE_INTEGER, 1), query(2 ** 60, 2), last)
  assert.deepEqual(lone.newFacts(), [])
  assert.equal(lone.stats().query_time, 1)
})

test('a query of ours: asked before anybody can answer, heard by ourselves, gossiped, its answers let through', () => {
  const lone = withPeer()
  const outcome = ask(lone, { flags: 1, payload: utf8('p') })
  assert.ok(outcome.ok)
  const { lamportTime, id } = outcome.value
  assert.equal(lamportTime, 1)
  lone.advance(10)
  const kinds = lone.toDispatch.map(({ type }) => type)
  assert.ok(kinds.indexOf('asked') >= 0 && kinds.indexOf('asked') < kinds.indexOf('facts'))
  assert.deepEqual(lone.newFacts(), ['query uptime@1 p'])
  lone.hear(answer(lamportTime, id), answer(lamportTime, id ^ 1), answer(9, id))
  assert.equal(lone.toDispatch.filter(({ type }) => type === 'answers').length, 1)
  assert.equal(lone.stats()['drop.query-response-unknown'], 2)
  lone.advance(1_001)
  lone.hear(answer(lamportTime, id))
  assert.equal(lone.stats()['drop.query-response-late'], 1)
  assert.equal(lone.stats().query_time, 2)
})

test('one that is too long for its limit or for a packet is sent to nobody, and the clock stays', () => {
  const lone = withPeer({ querySizeLimit: 2_000 })
  const refused = [
    ask(lone, { payload: new Uint8Array(2_000) }),
    ask(lone, { payload: new Uint8Array(1_500) }),
  ]
  const [ours] = refused.map((outcome) => (outcome.ok ? 0 : Number(outcome.error.details.limit)))
  assert.ok(refused.every((outcome) => !outcome.ok && outcome.error.code === 'ERR_QUERY_TOO_LARGE'))
  assert.equal(ours, 2_000)
  assert.deepEqual([lone.newFacts(), lone.stats().query_time, lone.stats().query_queue], [[], 1, 0])
  // Both numbers of a refusal are of one kind: the first that does not fit has a byte more than the limit, the packet's room less what a part costs.
  const sizes = Array.from({ length: 60 }, (_, i) => 1_250 + i)
  const first = sizes.map((size) => ask(lone, { payload: new Uint8Array(size) })).find(({ ok }) => !ok)
  assert.deepEqual(first?.ok === false && first.error.details, { bytes: 1_392, limit: 1_391 })
})

test('the largest payload: 1,024 bytes with its frame, and one more is refused', () => {
  const lone = withPeer()
  const sizes = Array.from({ length: 40 }, (_, i) => 900 + i)
  const largest = sizes.findLast((size) => ask(lone, { payload: new Uint8Array(size) }).ok) ?? 0
  const outcome = ask(lone, { payload: new Uint8Array(largest + 6) })
  assert.ok(!outcome.ok && Number(outcome.error.details.bytes) > 1_024)
})

test('an answer to ourselves stays in the house; others go out in a packet each', () => {
  const lone = withPeer()
  const outcome = ask(lone)
  assert.ok(outcome.ok)
  const bytes = answer(outcome.value.lamportTime, outcome.value.id)
  lone.gossip.receive({ type: 'answer', ip: '127.0.0.1', port: 7946, bytes }, lone.now)
  assert.equal(lone.toDispatch.filter(({ type }) => type === 'answers').length, 1)
  lone.toDetector.length = 0
  lone.gossip.receive({ type: 'answer', ip: '127.0.0.9', port: 7946, bytes }, lone.now)
  assert.deepEqual(delivered(lone), [`127.0.0.9:7946 ${Buffer.from(bytes).toString('hex')}`])
})

test('a relay passes on what it holds unchanged, whatever it is', () => {
  const lone = withPeer()
  lone.hear(relay([10, 0, 0, 7], 1234, Uint8Array.of(99, 1, 2, 3)))
  assert.deepEqual(delivered(lone), ['10.0.0.7:1234 0863010203'])
  const outcome = ask(lone)
  assert.ok(outcome.ok)
  const inner = answer(outcome.value.lamportTime, outcome.value.id).subarray(1)
  lone.hear(relay([127, 0, 0, 1], 7946, inner))
  assert.equal(lone.toDispatch.filter(({ type }) => type === 'answers').length, 1, 'to ourselves')
})

test('a relay to nobody in particular, to many, of nothing or round in circles is dropped and counted', () => {
  const lone = withPeer()
  const inner = Uint8Array.of(5)
  lone.hear(
    relay([255, 255, 255, 255], 7946, inner),
    relay([239, 1, 2, 3], 7946, inner),
    relay([0, 0, 0, 0], 7946, inner),
    relay([10, 0, 0, 7], 0, inner),
    relay([10, 0, 0], 7946, inner),
    relay([127, 0, 0, 1], 7946, relay([127, 0, 0, 1], 7946, inner).subarray(1)),
    relay([10, 0, 0, 7], 7946, new Uint8Array(0)),
  )
  assert.deepEqual(delivered(lone), [])
  assert.deepEqual([lone.stats()['drop.relay-destination'], lone.stats()['drop.relay']], [6, 1])
})

test('with names required nothing is passed on to whoever bears none', () => {
  const lone = new LoneGossip({ requireNodeNames: true })
  const inner = Uint8Array.of(99, 1)
  const nameless = message((writer) =>
    writeRelay(writer, { address: Uint8Array.of(10, 0, 0, 7), port: 1234, name: utf8(''), inner }),
  )
  lone.hear(nameless)
  assert.equal(delivered(lone).length, 0)
  assert.equal(lone.stats()['drop.nameless'], 1)
  lone.hear(relay([10, 0, 0, 7], 1234, inner))
  assert.equal(delivered(lone).length, 1)
})

test('relays have a rate: a flood is passed on up to it and no further', () => {
  const lone = withPeer()
  const one = relay([10, 0, 0, 7], 1234, Uint8Array.of(5))
  for (let i = 0; i < 50; i++) lone.hear(...Array.from({ length: 100 }, () => one))
  assert.equal(delivered(lone).length, 1_000)
  assert.equal(lone.stats()['drop.relay-rate'], 4_000)
  lone.advance(100)
  lone.hear(...Array.from({ length: 200 }, () => one))
  const more = delivered(lone).length
  assert.ok(more >= 99 && more <= 101, `${more}`)
})

test('ten thousand distinct names: a hundred are counted by name, all others as one', () => {
  const lone = withPeer()
  for (let i = 0; i < 100; i++) {
    const hundred = Array.from({ length: 100 }, (_, j) =>
      query(i + 1, j, { name: utf8(`name ${i}-${j}\n{,=}`) }),
    )
    lone.hear(...hundred)
  }
  const named = Object.entries(lone.stats()).filter(([name]) => name.startsWith('serf.queries.name'))
  assert.equal(named.length, 101)
  assert.equal(lone.stats()['serf.queries.name{name=other}'], 10_000 - 100)
  assert.equal(lone.stats()['serf.queries'], 10_000)
  assert.ok(lone.stats().query_queue <= 4_096)
})

test('any order, duplication and loss: each query once, and the clock is past all that came', () => {
  const heard = fc.record({ lamportTime: fc.integer({ min: 1, max: 600 }), id: fc.nat({ max: 3 }) })
  fc.assert(
    fc.property(fc.array(heard, { maxLength: 60 }), (queries) => {
      const lone = withPeer()
      const expected = new Set<string>()
      let clock = 1
      for (const { lamportTime, id } of queries) {
        lone.hear(query(lamportTime, id, { name: utf8(`q${id}`) }))
        clock = Math.max(clock, lamportTime + 1)
        const isOld = clock > 512 && lamportTime < clock - 512
        if (!isOld) expected.add(`query q${id}@${lamportTime}`)
      }
      const facts = lone.newFacts()
      // A slot that another time has taken forgets: then one may be heard again, but never twice in its place.
      assert.deepEqual(new Set(facts), expected)
      assert.equal(lone.stats().query_time, clock)
    }),
    { numRuns: 200 },
  )
})
