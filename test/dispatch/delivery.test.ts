/** Delivery with credit: nothing is touched while the host keeps up; while it does not, members fold and user events are bounded. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FACT, FactReader, type MemberFact, packMember, packUserEvent } from '../../src/actors/facts.ts'
import type { MirrorNews, News } from '../../src/actors/mail.ts'
import { Pack } from '../../src/actors/packed.ts'
import { Delivery } from '../../src/dispatch/delivery.ts'
import { after, isLegal, type Known } from '../../src/dispatch/fold.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)

const STATUS_AFTER: Partial<Record<number, number>> = { [FACT.memberFailed]: 4, [FACT.memberLeave]: 3 }

function member(pack: Pack, kind: MemberFact, row: number, incarnation = 1, instance = 1): void {
  packMember(pack, kind, {
    row,
    incarnation,
    status: STATUS_AFTER[kind] ?? 1,
    instance,
    statusTime: 0,
    port: 7946,
    versions: Uint8Array.of(1, 5, 2, 2, 5, 5),
    address: Uint8Array.of(127, 0, 0, 1),
    name: utf8(`m${row}.${instance}`),
    meta: utf8(''),
  })
}

function event(pack: Pack, time: number, payload = ''): void {
  const bytes = utf8(`deploy${payload}`)
  packUserEvent(pack, time, 'single', bytes, 0, 6, 6, bytes.length)
}

function facts(write: (pack: Pack) => void): Uint8Array {
  const pack = new Pack()
  write(pack)
  return pack.take()
}

/** What a host hears of a delivery: kind and row, or kind and time. */
function heard(news: News): string[] {
  const events: string[] = []
  for (let i = 0; i < news.runs.length; i += 3) {
    const reader = new FactReader(news.buffers[news.runs[i]], news.runs[i + 1])
    for (let left = news.runs[i + 2]; left > 0; left--, reader.next()) {
      events.push(reader.isMember ? `${reader.kind} m${reader.row}` : `${reader.kind} @${reader.lamportTime}`)
    }
  }
  return events
}

function delivery(): { delivery: Delivery; news: News[]; mirror: MirrorNews[] } {
  const news: News[] = []
  const mirror: MirrorNews[] = []
  const send = (one: News | MirrorNews) => {
    if (one.type === 'news') news.push(one)
    else mirror.push(one)
  }
  return { delivery: new Delivery(send), news, mirror }
}

/** A delivery whose host has taken nothing of eight news. */
function stuck() {
  const parts = delivery()
  for (let i = 1; i <= 8; i++)
    parts.delivery.facts(
      facts((pack) => event(pack, i)),
      0,
    )
  assert.equal(parts.news.length, 8)
  return parts
}

test('with credit the buffer itself goes on, and its events in their order with changes left out', () => {
  const { delivery: one, news } = delivery()
  const bytes = facts((pack) => {
    member(pack, FACT.memberJoin, 1)
    event(pack, 7)
    member(pack, FACT.memberChange, 1, 2)
    member(pack, FACT.memberUpdate, 1, 3)
  })
  one.facts(bytes, 3)
  assert.equal(news[0].buffers[0], bytes)
  assert.equal(news[0].through, 3)
  assert.deepEqual(heard(news[0]), [
    `${FACT.memberJoin} m1`,
    `${FACT.userEvent} @7`,
    `${FACT.memberUpdate} m1`,
  ])
})

test('at most eight news are on their way; the rest waits and comes as one when credit comes back', () => {
  const { delivery: one, news } = stuck()
  one.facts(
    facts((pack) => member(pack, FACT.memberJoin, 1)),
    1,
  )
  one.facts(
    facts((pack) => event(pack, 9)),
    1,
  )
  one.facts(
    facts((pack) => member(pack, FACT.memberJoin, 2)),
    2,
  )
  assert.equal(news.length, 8)
  one.taken(1)
  assert.equal(news.length, 9)
  assert.deepEqual(heard(news[8]), [`${FACT.memberJoin} m1`, `${FACT.userEvent} @9`, `${FACT.memberJoin} m2`])
  assert.equal(news[8].through, 2)
  assert.equal(one.waiting, 0)
})

test('a member that flaps while the host is slow is one event, and the mirror gets its last picture', () => {
  const { delivery: one, news, mirror } = stuck()
  for (let i = 1; i <= 1_000; i++) {
    one.facts(
      facts((pack) => member(pack, i % 2 === 1 ? FACT.memberJoin : FACT.memberFailed, 1, i)),
      i,
    )
  }
  one.facts(
    facts((pack) => member(pack, FACT.memberJoin, 1, 1_001)),
    1_001,
  )
  assert.equal(one.waiting, 1)
  assert.equal(mirror.length, 8, 'the mirror has eight on their way, whatever listeners do')
  one.mirrored(8)
  assert.equal(mirror.length, 9)
  assert.deepEqual(
    [mirror[8].bytes.length, new FactReader(mirror[8].bytes).incarnation],
    [new FactReader(mirror[8].bytes).length, 1_001],
    'of what waited it gets the last picture alone',
  )
  assert.equal(mirror[8].through, 1_001)
  one.taken(8)
  assert.deepEqual(heard(news[8]), [`${FACT.memberJoin} m1`])
  assert.equal(news[8].buffers[0].length, 0, 'and none twice')
  assert.equal(news[8].folded, 1_000)
  assert.deepEqual([news[0].told, news[8].told], ['all', 'all'])
})

test('pictures that the mirror has no credit for go with the events', () => {
  const { delivery: one, news, mirror } = stuck()
  for (let i = 1; i <= 20; i++)
    one.facts(
      facts((pack) => member(pack, FACT.memberJoin, i)),
      i,
    )
  assert.equal(mirror.length, 8)
  one.taken(8)
  const rows: number[] = []
  for (const reader = new FactReader(news[8].buffers[0]); !reader.atEnd; reader.next()) rows.push(reader.row)
  assert.deepEqual(rows, [9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
  assert.equal(heard(news[8]).length, 20)
  one.mirrored(8)
  assert.equal(mirror.length, 8, 'nothing is left to send')
})

test('for who reads without loss nothing is folded up to the bound; at the bound all is', () => {
  const { delivery: one, news } = stuck()
  one.feed('whole')
  const flap = (times: number) => {
    for (let i = 1; i <= times; i++)
      one.facts(
        facts((pack) => member(pack, i % 2 === 1 ? FACT.memberJoin : FACT.memberFailed, 1, i)),
        i,
      )
  }
  flap(1_000)
  one.taken(8)
  assert.equal(heard(news[8]).length, 1_000)
  assert.equal(news[8].folded, 0)
  for (let i = 0; i < 7; i++)
    one.facts(
      facts((pack) => event(pack, i)),
      0,
    )
  assert.equal(one.untaken, 8)
  flap(65_536)
  assert.equal(one.waiting, 65_536)
  flap(2)
  assert.ok(one.waiting < 3, `${one.waiting} wait`)
  one.taken(16)
  const last = news.at(-1)
  assert.ok(last !== undefined && last.folded + heard(last).length === 65_538)
})

test('user events beyond the bound are dropped oldest first, and the host is told how many', () => {
  const { delivery: one, news } = stuck()
  for (let i = 0; i < 70; i++) {
    one.facts(
      facts((pack) => {
        for (let j = 0; j < 1_000; j++) event(pack, 1_000 + i * 1_000 + j)
      }),
      0,
    )
  }
  one.taken(8)
  assert.equal(news[8].lagged, 70_000 - 65_536)
  const events = heard(news[8])
  assert.equal(events.length, 65_536)
  assert.equal(events.at(-1), `${FACT.userEvent} @70999`)
})

test('user events that wait are bounded in bytes too', () => {
  const { delivery: one, news } = stuck()
  const payload = 'x'.repeat(9_000)
  for (let i = 0; i < 3_000; i++)
    one.facts(
      facts((pack) => event(pack, i, payload)),
      0,
    )
  one.taken(8)
  assert.ok(news[8].buffers[1].length <= 16 * 1024 * 1024)
  assert.equal(news[8].lagged + heard(news[8]).length, 3_000)
})

test('credit for news that were never sent is not believed', () => {
  const { delivery: one } = delivery()
  one.taken(1_000_000)
  assert.equal(one.untaken, 0)
  for (let i = 1; i <= 8; i++)
    one.facts(
      facts((pack) => event(pack, i)),
      0,
    )
  assert.equal(one.untaken, 8)
})

test('who came and was reaped unseen stays unseen; who came and failed is told of, and its reap then', () => {
  const { delivery: one, news } = stuck()
  for (const kind of [FACT.memberJoin, FACT.memberFailed]) {
    one.facts(
      facts((pack) => {
        member(pack, kind, 1)
        member(pack, kind, 2)
      }),
      1,
    )
  }
  one.facts(
    facts((pack) => member(pack, FACT.memberReap, 2)),
    1,
  )
  one.taken(8)
  one.facts(
    facts((pack) => member(pack, FACT.memberReap, 1)),
    2,
  )
  assert.deepEqual(news.slice(8).flatMap(heard), [
    `${FACT.memberJoin} m1`,
    `${FACT.memberFailed} m1`,
    `${FACT.memberReap} m1`,
  ])
})

test('each folded event shows the status that the member had then', () => {
  const { delivery: one, news } = delivery()
  one.facts(
    facts((pack) => member(pack, FACT.memberJoin, 1)),
    1,
  )
  for (let i = 2; i <= 8; i++)
    one.facts(
      facts((pack) => event(pack, i)),
      1,
    )
  for (const kind of [FACT.memberFailed, FACT.memberJoin])
    one.facts(
      facts((pack) => member(pack, kind, 1)),
      2,
    )
  one.taken(8)
  const reader = new FactReader(news[8].buffers[1])
  assert.deepEqual([reader.kind, reader.status], [FACT.memberFailed, 4])
  reader.next()
  assert.deepEqual([reader.kind, reader.status], [FACT.memberJoin, 1])
})

test('two members that lived in one row while the host was slow are told apart', () => {
  const { delivery: one, news } = delivery()
  one.facts(
    facts((pack) => member(pack, FACT.memberJoin, 1)),
    1,
  )
  for (let i = 2; i <= 8; i++)
    one.facts(
      facts((pack) => event(pack, i)),
      1,
    )
  for (const kind of [FACT.memberFailed, FACT.memberReap])
    one.facts(
      facts((pack) => member(pack, kind, 1)),
      2,
    )
  one.facts(
    facts((pack) => member(pack, FACT.memberJoin, 1, 1, 2)),
    3,
  )
  one.taken(8)
  const told: string[] = []
  for (const reader = new FactReader(news[8].buffers[1]); !reader.atEnd; reader.next()) {
    told.push(`${reader.kind} ${Buffer.from(reader.name)}`)
  }
  assert.deepEqual(told, [`${FACT.memberFailed} m1.1`, `${FACT.memberReap} m1.1`, `${FACT.memberJoin} m1.2`])
})

const HAPPENINGS = [FACT.memberJoin, FACT.memberLeave, FACT.memberFailed, FACT.memberUpdate, FACT.memberReap]

/** What a host thinks after all deliveries, and how many user events it heard and missed. Every member event must be a legal one. */
function reckoned(news: readonly News[]): { known: Map<string, Known>; events: number; lagged: number } {
  const known = new Map<string, Known>()
  let events = 0
  for (const told of news) {
    for (let i = 0; i < told.runs.length; i += 3) {
      const reader = new FactReader(told.buffers[told.runs[i]], told.runs[i + 1])
      for (let left = told.runs[i + 2]; left > 0; left--, reader.next()) {
        if (reader.isMember) hearMember(known, reader)
        else events += 1
      }
    }
  }
  return { known, events, lagged: news.reduce((sum, told) => sum + told.lagged, 0) }
}

function hearMember(known: Map<string, Known>, { row, instance, kind }: FactReader): void {
  const name = `${row}.${instance}`
  const before = known.get(name) ?? 'nothing'
  assert.ok(isLegal(before, kind), `${name}: ${kind} for a host that thinks ${before}`)
  known.set(name, after(before, kind))
}

test('for any history and any pace of the host: what it hears is legal, ends in the truth, and every event is told or counted', () => {
  const step = fc.record({
    row: fc.nat(2),
    choice: fc.nat(20),
    pace: fc.constantFrom('take', 'wait', 'wait', 'wait'),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const { delivery: one, news } = delivery()
      const truth: Known[] = ['nothing', 'nothing', 'nothing']
      const instances = [1, 1, 1]
      let sent = 0
      for (const { row, choice, pace } of steps) {
        const possible = HAPPENINGS.filter((kind) => isLegal(truth[row], kind))
        const kind = possible[choice % possible.length]
        truth[row] = after(truth[row], kind)
        sent += 1
        one.facts(
          facts((pack) => {
            member(pack, kind, row, sent, instances[row])
            event(pack, sent)
          }),
          sent,
        )
        if (kind === FACT.memberReap) instances[row] += 1
        if (pace === 'take') one.taken(news.length)
      }
      one.taken(news.length)
      one.taken(news.length)
      const { known, events, lagged } = reckoned(news)
      assert.equal(events + lagged, sent)
      for (const [row, now] of truth.entries()) {
        const heardOf = known.get(`${row}.${instances[row]}`) ?? 'nothing'
        assert.equal(heardOf, now, `${row}`)
        for (let gone = 1; gone < instances[row]; gone++) {
          assert.equal(known.get(`${row}.${gone}`) ?? 'nothing', 'nothing', `${row}.${gone} was reaped`)
        }
      }
    }),
    { numRuns: 500 },
  )
})

test('dropped events are let go of: what is held stays near the bound however many are dropped', () => {
  const { delivery: one } = stuck()
  const payload = 'x'.repeat(9_000)
  // Nine times the bound goes by; the list holds what waits, and dropped ones at most as many.
  for (let i = 0; i < 16_000; i++)
    one.facts(
      facts((pack) => event(pack, i, payload)),
      0,
    )
  assert.ok(one.heldRecords <= 2 * one.waiting + 1, `${one.heldRecords} records are held for ${one.waiting}`)
})
