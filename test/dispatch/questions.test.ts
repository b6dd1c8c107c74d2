/** Queries of ours: collected once each, over as soon as all have answered, and the silent named (protocol page 2, section 4.8). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FACT, STATUS } from '../../src/actors/facts.ts'
import { WISH } from '../../src/simulator/questions.ts'
import { answersOf, LoneDispatch, text } from './lone-dispatch.ts'

const pool = (lone: LoneDispatch, ...names: string[]) => lone.members(...names.map((name) => ({ name })))
const heard = (lone: LoneDispatch) =>
  lone.mail.flatMap((mail) =>
    mail.type === 'query-heard' ? mail.answers.map(({ from, payload }) => `${from} ${text(payload)}`) : [],
  )
const acks = (lone: LoneDispatch) =>
  lone.mail.flatMap((mail) => (mail.type === 'query-heard' ? [...mail.acks] : []))

test('over as soon as everyone has answered; nothing that comes later is heard', () => {
  const lone = new LoneDispatch()
  pool(lone, 'a', 'b')
  const time = lone.ask({ timeout: 10_000 })
  lone.answer(time, ['self', '1'], ['a', '2'])
  assert.equal(lone.ended(), undefined)
  lone.answer(time, ['b', '3'])
  assert.deepEqual(lone.ended(), { type: 'query-ended', query: 1, silent: [], how: 'answered' })
  lone.answer(time, ['c', 'late'])
  assert.deepEqual(heard(lone), ['self 1', 'a 2', 'b 3'])
  assert.equal(lone.dispatch.wakeAt, Number.POSITIVE_INFINITY)
})

test('the deadline ends it and names who did not answer; acks alone are no answers', () => {
  const lone = new LoneDispatch()
  pool(lone, 'b', 'a')
  const time = lone.ask({ timeout: 10_000, requestAck: true })
  lone.answer(time, ['self', '1'], ['a', null], ['b', null], ['self', null])
  lone.advance(9_999)
  assert.equal(lone.ended(), undefined)
  lone.advance(1)
  assert.deepEqual([lone.ended()?.how, lone.ended()?.silent], ['deadline', ['a', 'b']])
  assert.deepEqual(acks(lone), ['a', 'b', 'self'])
})

test('the same answer twice and the same ack twice are one each, and counted', () => {
  const lone = new LoneDispatch()
  pool(lone, 'a', 'b')
  const time = lone.ask({ requestAck: true })
  lone.answer(time, ['a', '1'], ['a', '1'], ['a', null], ['a', null])
  lone.answer(time, ['a', 'other'], ['a', null])
  assert.deepEqual([heard(lone), acks(lone)], [['a 1'], ['a']])
  const counted = ['acks', 'duplicate_acks', 'responses', 'duplicate_responses'].map((name) =>
    lone.counter(`serf.query_${name}`),
  )
  assert.deepEqual(counted, [1, 2, 1, 2])
})

test('acks that nobody asked for, other ids and other times are dropped and counted', () => {
  const lone = new LoneDispatch()
  pool(lone, 'a')
  const time = lone.ask({})
  lone.answer(time, ['a', null])
  lone.answer(time + 1, ['a', 'x'])
  const mail = { type: 'answers', weight: 1, bytes: answersOf(time, [['a', 'x']], 12345) } as const
  lone.dispatch.receive(mail, lone.now)
  assert.deepEqual(lone.mail, [])
  assert.deepEqual(
    [lone.counter('drop.query-ack-unasked'), lone.counter('drop.query-answer-unknown')],
    [1, 2],
  )
})

test('who fails, leaves or is reaped meanwhile is waited for no longer, but was silent', () => {
  const lone = new LoneDispatch()
  pool(lone, 'fails', 'leaves', 'reaped', 'answers')
  const time = lone.ask({ timeout: 60_000 })
  lone.answer(time, ['self', ''], ['answers', ''])
  lone.members({ name: 'fails', kind: FACT.memberFailed, status: STATUS.failed })
  lone.members({ name: 'leaves', kind: FACT.memberLeave, status: STATUS.left })
  assert.equal(lone.ended(), undefined)
  lone.members({ name: 'reaped', kind: FACT.memberReap, status: STATUS.left })
  assert.deepEqual([lone.ended()?.how, lone.ended()?.silent], ['answered', ['fails', 'leaves', 'reaped']])
})

test('expected are those who are there and whom the filters fit', () => {
  const lone = new LoneDispatch({ tags: { role: 'db' } })
  lone.members(
    { name: 'web', tags: { role: 'web' } },
    { name: 'other', tags: { role: 'web-2' } },
    { name: 'dead', tags: { role: 'web' }, status: STATUS.failed },
  )
  const time = lone.ask({ tags: { role: '^web' } })
  lone.answer(time, ['web', ''], ['other', ''])
  assert.deepEqual([lone.ended()?.how, lone.ended()?.silent], ['answered', []])
})

test('a name that is known to be dead is silent from the start; one that nobody knows is waited for', () => {
  const lone = new LoneDispatch()
  lone.members({ name: 'dead', status: STATUS.failed }, { name: 'a' })
  const time = lone.ask({ nodes: ['dead', 'a', 'stranger'], timeout: 500 })
  lone.answer(time, ['a', ''])
  assert.equal(lone.ended(), undefined)
  lone.advance(500)
  assert.deepEqual([lone.ended()?.how, lone.ended()?.silent], ['deadline', ['dead', 'stranger']])
})

test('nobody fits: it is over at once', () => {
  const lone = new LoneDispatch()
  lone.ask({ tags: { role: 'nobody' } })
  assert.deepEqual([lone.ended()?.how, lone.ended()?.silent], ['answered', []])
})

test('a member that we had not heard of may answer too', () => {
  const lone = new LoneDispatch()
  const time = lone.ask({})
  lone.answer(time, ['newcomer', 'hello'])
  assert.deepEqual(heard(lone), ['newcomer hello'])
})

test('a ping is over when all have acknowledged it', () => {
  const lone = new LoneDispatch()
  pool(lone, 'a')
  const time = lone.ask({ name: '_serf_ping', requestAck: true, timeout: 60_000 })
  lone.answer(time, ['self', null], ['a', null])
  assert.deepEqual([lone.ended()?.how, lone.ended()?.silent], ['answered', []])
})

test('without a timeout it is 16 gossip intervals times the logarithm of the live pool', () => {
  const lone = new LoneDispatch()
  const waits = () => lone.toGossip.flatMap((mail) => (mail.type === 'ask' ? [mail.question.timeout] : []))
  lone.ask({})
  pool(lone, ...Array.from({ length: 8 }, (_, i) => `m${i}`))
  lone.ask({})
  lone.members({ name: 'dead', status: STATUS.failed })
  lone.ask({})
  pool(lone, 'm9')
  lone.ask({})
  assert.deepEqual(waits(), [3_200, 3_200, 3_200, 6_400])
})

test('names and tags become filters, the names first', () => {
  const lone = new LoneDispatch()
  lone.ask({ nodes: ['foo', 'bar'], tags: { role: '^web', datacenter: 'aws$' } })
  const [ask] = lone.toGossip.flatMap((mail) => (mail.type === 'ask' ? [mail.question.filters] : []))
  assert.deepEqual(
    ask?.map(([kind]) => kind),
    [0, 1, 1],
  )
  lone.ask({})
  assert.equal(
    lone.toGossip.findLast((mail) => mail.type === 'ask')?.question.filters,
    null,
    'no filter is nil, as Serf writes it',
  )
})

test('at most 1,024 at one time, and what a host no longer wants is forgotten', () => {
  const lone = new LoneDispatch()
  pool(lone, 'a')
  for (let i = 0; i < 1_024; i++) lone.ask({}, i)
  const refused = lone.command({ type: 'query', query: 2_000, wish: { ...WISH } })
  assert.equal(refused?.ok === false && refused.error.code, 'ERR_TOO_MANY_QUERIES')
  lone.command({ type: 'query-close', query: 3 })
  assert.equal(lone.counter('open_queries'), 1_023)
  lone.ask({}, 2_001)
})

test('a flood of answers from invented members has a bound', () => {
  const lone = new LoneDispatch()
  pool(lone, 'a')
  const time = lone.ask({})
  lone.answer(time, ...Array.from({ length: 5_000 }, (_, i): [string, string] => [`invented ${i}`, 'x']))
  assert.equal(heard(lone).length, 2 + 64, 'members and so many strangers')
  assert.equal(lone.counter('drop.query-answer-full'), 5_000 - 66)
})

const NAMES = ['self', 'a', 'b', 'c', 'd']

test('any order, duplication and loss of answers: each member once, and over exactly when all have answered', () => {
  const arrival = fc.record({ from: fc.constantFrom(...NAMES), isAck: fc.boolean(), own: fc.boolean() })
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 40 }), fc.nat({ max: 3 }), (arrivals, perTurn) => {
      const lone = new LoneDispatch()
      pool(lone, 'a', 'b', 'c', 'd')
      const time = lone.ask({ requestAck: true, timeout: 1_000 })
      const first = new Set<string>()
      const acked = new Set<string>()
      while (arrivals.length > 0) {
        const turn = arrivals.splice(0, perTurn + 1)
        const isOver = first.size === NAMES.length
        const bytes = turn.map(({ from, isAck }): [string, string | null] => [
          from,
          isAck ? null : `by ${from}`,
        ])
        for (const [i, { own, from, isAck }] of turn.entries()) {
          lone.answer(own ? time : time + 7, bytes[i])
          if (!own || isOver || first.size === NAMES.length) continue
          if (isAck) acked.add(from)
          else first.add(from)
        }
      }
      assert.deepEqual(
        heard(lone),
        [...first].map((from) => `${from} by ${from}`),
      )
      assert.deepEqual(acks(lone), [...acked])
      assert.equal(lone.ended() !== undefined, first.size === NAMES.length)
      lone.advance(1_000)
      assert.deepEqual(lone.ended()?.silent, NAMES.filter((name) => !first.has(name)).sort())
      assert.equal(lone.mail.filter(({ type }) => type === 'query-ended').length, 1)
    }),
    { numRuns: 300 },
  )
})
