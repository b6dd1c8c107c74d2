/** Queries of others: who is meant, acks, answers and their limits, relays, internal ones (protocol page 2, sections 4.9 and 4.10). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FACT, STATUS } from '../../src/actors/facts.ts'
import { encodeNameFilter, encodeTagFilter } from '../../src/wire/filter.ts'
import { LoneDispatch, QUERY, text, utf8 } from './lone-dispatch.ts'

const respond = (lone: LoneDispatch, payload: string, { lamportTime, id } = QUERY) => {
  const envelope = lone.command({ type: 'respond', lamportTime, queryId: id, payload: utf8(payload) })
  return envelope?.ok === false ? envelope.error.code : 'sent'
}
const names = (lone: LoneDispatch) => lone.hostQueries.map(({ name }) => text(name))

test('a query reaches the host with all it carries; the ack goes out before', () => {
  const lone = new LoneDispatch()
  lone.hear({ flags: 1, payload: utf8('please') })
  assert.deepEqual(lone.sent(), ['ack 5:77 self -> 10.0.0.9:7946'])
  assert.deepEqual(names(lone), ['uptime'])
  const [{ source, payload, timeout }] = lone.hostQueries
  assert.deepEqual([text(source), text(payload), timeout], ['asker', 'please', 1_000])
  assert.equal(respond(lone, '42 days'), 'sent')
  assert.deepEqual(lone.sent(), ['answer 5:77 self 42 days -> 10.0.0.9:7946'])
})

test('filters: names and patterns must all fit, a missing tag is an empty text', () => {
  const tags = { role: 'webserver', datacenter: 'east-aws' }
  const web = encodeTagFilter('role', '^web')
  const aws = encodeTagFilter('datacenter', 'aws$')
  const cases: [string, Uint8Array[] | null, 'ours' | 'not ours'][] = [
    ['none', null, 'ours'],
    ['an empty list', [], 'ours'],
    ['names and tags', [encodeNameFilter(['foo', 'bar', 'zip', 'self']), web, aws], 'ours'],
    ['other names', [encodeNameFilter(['foo', 'bar']), web, aws], 'not ours'],
    ['no names at all', [encodeNameFilter([])], 'not ours'],
    ['a missing tag that should be something', [web, encodeTagFilter('other', 'cool')], 'not ours'],
    [
      'a missing tag that may be anything',
      [encodeTagFilter('other', '.*'), encodeTagFilter('none', '^$')],
      'ours',
    ],
    ['another role', [encodeTagFilter('role', 'db')], 'not ours'],
    ['somewhere inside', [encodeTagFilter('datacenter', 'st-a')], 'ours'],
    ['case folded by a flag', [encodeTagFilter('role', '(?i)WEB')], 'ours'],
    ['look-around, which RE2 has not', [encodeTagFilter('role', '(?=web)')], 'not ours'],
    ['a back-reference', [encodeTagFilter('role', '(w)\\1')], 'not ours'],
    ['an unfinished pattern', [encodeTagFilter('role', '(')], 'not ours'],
    ['an empty item', [web, new Uint8Array(0)], 'not ours'],
    ['an unknown kind', [Uint8Array.of(2, 0x80)], 'not ours'],
    ['half a filter', [web.subarray(0, 5)], 'not ours'],
    ['ten thousand', Array.from({ length: 10_000 }, () => web), 'not ours'],
    ['ten thousand names', [encodeNameFilter(Array.from({ length: 10_000 }, (_, i) => `n${i}`))], 'not ours'],
  ]
  for (const [what, filters, whose] of cases) {
    const lone = new LoneDispatch({ tags })
    lone.hear({ filters, flags: 1 })
    assert.deepEqual([names(lone).length, lone.sent().length], whose === 'ours' ? [1, 1] : [0, 0], what)
  }
})

test('tags are those of now', () => {
  const lone = new LoneDispatch({ tags: { role: 'web' } })
  const filters = [encodeTagFilter('role', '^db$')]
  lone.hear({ filters, id: 1 })
  lone.members({ name: 'self', tags: { role: 'db' }, kind: FACT.memberUpdate })
  lone.hear({ filters, id: 2 })
  assert.deepEqual(
    lone.hostQueries.map(({ id }) => id),
    [2],
  )
})

test('a member of protocol 2 shows its role alone and is asked by all its tags, as they are now', () => {
  const lone = new LoneDispatch({ protocolVersion: 2, tags: { role: 'web', dc: 'x' } })
  lone.members({ name: 'self', tags: { role: 'web' }, kind: FACT.memberUpdate })
  const filters = [encodeTagFilter('dc', '^x$')]
  lone.hear({ filters, id: 1 })
  lone.command({ type: 'keep-tags', tags: { role: 'web', dc: 'y' } })
  lone.hear({ filters, id: 2 })
  assert.deepEqual(
    lone.hostQueries.map(({ id }) => id),
    [1],
  )
})

test('with names required a query without the name of its sender gets neither ack nor answer, and the host is told', () => {
  const lone = new LoneDispatch({ requireNodeNames: true })
  lone.hear({ flags: 1, source: utf8('') })
  assert.deepEqual([names(lone), lone.sent()], [['uptime'], []])
  assert.equal(respond(lone, '42 days'), 'ERR_ORIGIN_UNNAMED')
  assert.deepEqual(lone.sent(), [])
  lone.hear({ flags: 1, id: 78 })
  assert.equal(respond(lone, '42 days', { ...QUERY, id: 78 }), 'sent')
  assert.equal(lone.sent().length, 2)
})

test('respond answers once, before the deadline, within the limit, and says which of these it was not', () => {
  const lone = new LoneDispatch({ queryResponseSizeLimit: 100 })
  lone.hear({})
  // 30 bytes of frame, 5 of the name, 1 each of flags, time and id, 3 in front of the payload: protocol page 2, section 8.
  assert.equal(respond(lone, 'x'.repeat(60)), 'ERR_RESPONSE_TOO_LARGE')
  assert.equal(respond(lone, 'x'.repeat(59)), 'sent')
  assert.equal(lone.sent().length, 1)
  assert.equal(respond(lone, 'again'), 'ERR_QUERY_ANSWERED')
  lone.hear({ id: 78 })
  lone.advance(1_001)
  assert.equal(respond(lone, 'late', { ...QUERY, id: 78 }), 'ERR_QUERY_EXPIRED')
  assert.equal(respond(lone, 'never asked', { ...QUERY, id: 79 }), 'ERR_QUERY_EXPIRED')
  lone.advance(2_000)
  assert.equal(lone.counter('unanswered_queries'), 0)
  assert.deepEqual(lone.sent(), [])
})

test('queries of one time with other ids are others', () => {
  const lone = new LoneDispatch()
  lone.hear({ id: 1 }, { id: 2 }, { id: 3 })
  assert.equal(lone.hostQueries.length, 3)
  for (const id of [3, 1, 2]) assert.equal(respond(lone, `to ${id}`, { ...QUERY, id }), 'sent')
  assert.deepEqual(lone.sent(), [
    'answer 5:3 self to 3 -> 10.0.0.9:7946',
    'answer 5:1 self to 1 -> 10.0.0.9:7946',
    'answer 5:2 self to 2 -> 10.0.0.9:7946',
  ])
})

test('acks and answers also go over members that are alive and able to, never over ourselves', () => {
  const lone = new LoneDispatch()
  lone.members(
    { name: 'one' },
    { name: 'two' },
    { name: 'old', protocolMax: 4 },
    { name: 'dead', status: STATUS.failed },
    { name: 'gone', status: STATUS.left },
    { name: 'leaving', status: STATUS.leaving },
  )
  lone.hear({ relayFactor: 3, flags: 1 })
  const ack = 'ack 5:77 self'
  assert.deepEqual(lone.sent().sort(), [
    `${ack} -> 10.0.0.9:7946`,
    `relay(${ack} for asker 10.0.0.9:7946) -> 10.0.0.1:7946`,
    `relay(${ack} for asker 10.0.0.9:7946) -> 10.0.0.2:7946`,
  ])
  assert.equal(respond(lone, 'x'), 'sent')
  assert.equal(lone.sent().length, 3)
})

test('nobody relays where fewer members are known than it takes', () => {
  const lone = new LoneDispatch()
  lone.members({ name: 'one' }, { name: 'two' })
  lone.hear({ relayFactor: 3, flags: 1 })
  assert.equal(lone.sent().length, 1)
  lone.hear({ relayFactor: 2, flags: 1, id: 78 })
  assert.equal(lone.sent().length, 3)
})

test('each pick of relays differs, none repeats, and the excluded one is never among them', () => {
  const lone = new LoneDispatch()
  const members = Array.from({ length: 600 }, (_, i) => ({
    name: `m${i}`,
    status: i % 3 === 0 ? STATUS.alive : i % 3 === 1 ? STATUS.failed : STATUS.left,
  }))
  lone.members(...members)
  const picks = Array.from({ length: 20 }, (_, i) => {
    lone.hear({ relayFactor: 3, flags: 1, id: i })
    const targets = lone.sent().filter((message) => message.startsWith('relay'))
    const hosts = targets.map((message) => message.split(' -> ')[1])
    assert.equal(new Set(hosts).size, 3)
    // Rows 1, 4, 7, ... are alive; row 0 is ourselves.
    for (const host of hosts) {
      const [, , high, low] = host.split(':')[0].split('.').map(Number)
      assert.equal((high * 256 + low) % 3, 1)
    }
    return hosts.sort().join()
  })
  assert.ok(new Set(picks).size > 15)
})

test('an answer that fits only without its wrapping is sent straight, and that is said', () => {
  const lone = new LoneDispatch({ queryResponseSizeLimit: 100 })
  lone.members({ name: 'one' })
  lone.hear({ relayFactor: 1 })
  assert.equal(respond(lone, 'x'.repeat(59)), 'ERR_RELAY_TOO_LARGE')
  assert.equal(lone.sent().length, 1)
  assert.equal(respond(lone, 'x'), 'ERR_QUERY_ANSWERED')
})

test('queries of Serf itself never reach the host: pings are acknowledged, unknown ones counted', () => {
  const lone = new LoneDispatch()
  lone.hear({ name: utf8('_serf_ping'), flags: 1 })
  assert.deepEqual(lone.sent(), ['ack 5:77 self -> 10.0.0.9:7946'])
  lone.hear({ name: utf8('_serf_unheard-of'), flags: 1, id: 78 })
  lone.hear({ name: utf8('_serf_'), id: 79 })
  assert.equal(lone.counter('drop.query-internal-unknown'), 2)
  assert.deepEqual(lone.hostQueries, [])
})

test('who owns a name: a member says how it sees it, not at all for its own, nil for one it does not know', () => {
  const lone = new LoneDispatch()
  lone.members({ name: 'peer', tags: { role: 'web' } })
  const ask = (name: string, id: number) =>
    lone.hear({ name: utf8('_serf_conflict'), payload: utf8(name), id })
  ask('self', 1)
  assert.deepEqual(lone.sent(), [])
  ask('nobody', 2)
  const [nil] = lone.toGossip.flatMap((mail) => (mail.type === 'answer' ? [mail.bytes] : []))
  assert.deepEqual([...nil.subarray(-2)], [0x06, 0xc0])
  lone.sent()
  ask('peer', 3)
  const [known] = lone.toGossip.flatMap((mail) => (mail.type === 'answer' ? [mail.bytes] : []))
  assert.ok(text(known).includes('Name\xa4peer') || text(known).includes('peer'))
  assert.deepEqual([lone.hostQueries.length, lone.counter('drop.query-internal-unknown')], [0, 0])
})

test('a flood of queries is remembered up to a bound and forgotten after its time', () => {
  const lone = new LoneDispatch()
  for (let i = 0; i < 10_000; i++) {
    lone.hear({ name: utf8(`name ${i}`), id: i, timeout: Number.MAX_SAFE_INTEGER / 2 ** 20 })
  }
  assert.equal(lone.counter('unanswered_queries'), 4_096)
  assert.equal(lone.counter('drop.query-open'), 10_000 - 4_096)
  lone.advance(3_700_000)
  assert.equal(
    lone.counter('unanswered_queries'),
    0,
    'whatever they said, none is kept for more than an hour',
  )
})
