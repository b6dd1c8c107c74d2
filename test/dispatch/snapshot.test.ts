/** The snapshot on a simulated disk: Serf's own assertions, full and read-only disks, crashes, forged names. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FACT } from '../../src/actors/facts.ts'
import { eventFacts, LoneSnapshot, memberFacts, PATH, utf8 } from './lone-snapshot.ts'

const places = (map: ReadonlyMap<string, string>) => Object.fromEntries(map)

function lived(leaves: 'forget' | 'keep' = 'forget'): LoneSnapshot {
  const lone = new LoneSnapshot(1, leaves)
  lone.restart(leaves)
  lone.snapshot.facts(eventFacts(42))
  lone.snapshot.facts(memberFacts([FACT.memberJoin, 'foo', 1]))
  lone.snapshot.facts(memberFacts([FACT.memberFailed, 'foo', 1]))
  lone.snapshot.facts(memberFacts([FACT.memberJoin, 'foo', 1]))
  lone.snapshot.memberTime(101)
  lone.run(1_000)
  return lone
}

test('TestSnapshotter: clocks and the alive member come back, and again after one more start', () => {
  const lone = lived()
  for (let start = 0; start < 2; start++) {
    const { clocks, alive, failed } = lone.restart()
    assert.deepEqual(clocks, { member: 100, event: 42, query: 0 })
    assert.deepEqual(places(alive), { foo: '127.0.0.1:5000' })
    assert.equal(failed.size, 0)
    lone.run(1_000)
  }
})

test('TestSnapshotter_leave: after a leave nothing is remembered', () => {
  const lone = lived()
  lone.snapshot.leaving()
  lone.snapshot.facts(eventFacts(50))
  lone.snapshot.facts(memberFacts([FACT.memberJoin, 'bar', 2]))
  lone.run(1_000)
  const { clocks, alive } = lone.restart()
  assert.deepEqual(clocks, { member: 0, event: 0, query: 0 })
  assert.equal(alive.size, 0)
})

test('after a leave the clock of members is still written, as Serf does', () => {
  const lone = lived()
  lone.snapshot.leaving()
  lone.snapshot.memberTime(104)
  lone.run(1_000)
  assert.match(lone.text, /\nleave\nclock: 103\n$/)
  assert.deepEqual(lone.restart().clocks, { member: 103, event: 0, query: 0 })
})

test('TestSnapshotter_leave_rejoin: with rejoinAfterLeave everything is kept', () => {
  const lone = lived('keep')
  lone.snapshot.leaving()
  lone.run(1_000)
  const { clocks, alive } = lone.restart('keep')
  assert.deepEqual(clocks, { member: 100, event: 42, query: 0 })
  assert.deepEqual(places(alive), { foo: '127.0.0.1:5000' })
})

test('TestSnapshotter_forceCompact: a file that has grown long is replaced, and loses nothing', () => {
  const lone = new LoneSnapshot()
  lone.restart()
  lone.snapshot.facts(memberFacts([FACT.memberJoin, 'foo', 1]))
  for (let time = 1; time <= 12_000; time++) {
    lone.snapshot.facts(eventFacts(time))
    lone.run(6)
  }
  assert.equal(lone.counters.report({}).histograms['serf.snapshot.compact']?.count, 1)
  assert.ok(lone.text.length < 131_072, `${lone.text.length} bytes`)
  const { clocks, alive } = lone.restart()
  assert.equal(clocks.event, 12_000)
  assert.deepEqual(places(alive), { foo: '127.0.0.1:5000' })
})

test('a failed member is remembered in a line that Serf takes for a comment, and forgotten when it is reaped', () => {
  const lone = new LoneSnapshot()
  lone.restart()
  lone.snapshot.facts(memberFacts([FACT.memberJoin, 'foo', 1], [FACT.memberJoin, 'bar', 2]))
  lone.snapshot.facts(memberFacts([FACT.memberFailed, 'foo', 1]))
  lone.run(1_000)
  assert.match(lone.text, /\nnot-alive: foo\n# failed: foo 127\.0\.0\.1:5000\n/)
  const first = lone.restart()
  assert.deepEqual(places(first.failed), { foo: '127.0.0.1:5000' })
  assert.deepEqual(places(first.alive), { bar: '127.0.0.2:5000' })
  lone.snapshot.facts(memberFacts([FACT.memberReap, 'foo', 1]))
  lone.run(1_000)
  assert.equal(lone.restart().failed.size, 0)
})

test('names with line feeds, per cent signs, blanks and bytes that are no UTF-8 forge nothing and come back (B15)', () => {
  const names = [
    utf8('x\nclock: 900'),
    utf8('y\r\nnot-alive: bar'),
    utf8('with blank 10.0.0.1:7946'),
    utf8('100%0A'),
    Uint8Array.of(0xff, 0xfe, 0x00, 0x7f),
    utf8('Gruß 🌍'),
  ]
  const lone = new LoneSnapshot()
  lone.restart()
  lone.snapshot.facts(memberFacts([FACT.memberJoin, 'bar', 200]))
  for (const [i, name] of names.entries()) lone.snapshot.facts(memberFacts([FACT.memberJoin, name, i + 1]))
  lone.run(1_000)
  for (const line of lone.text.split('\n')) assert.doesNotMatch(line, /^(clock|not-alive)/)
  const { alive, clocks } = lone.restart()
  assert.equal(clocks.member, 0)
  const expected = [utf8('bar'), ...names].map((name) => Buffer.from(name).toString('latin1'))
  assert.deepEqual([...alive.keys()], expected)
  for (const name of names) lone.snapshot.facts(memberFacts([FACT.memberFailed, name, 9]))
  lone.run(1_000)
  assert.deepEqual([...lone.restart().failed.keys()], expected.slice(1))
  for (const name of names) lone.snapshot.facts(memberFacts([FACT.memberLeave, name, 9]))
  lone.run(1_000)
  const last = lone.restart()
  assert.deepEqual([...last.alive.keys(), ...last.failed.keys()], ['bar'])
})

test('a line that a crash cut off is not read, and what is written next stands on a line of its own', () => {
  const lone = new LoneSnapshot()
  lone.disk.write(PATH, utf8('alive: foo 127.0.0.1:5000\nevent-clock: 40\nevent-clock: 123'))
  lone.disk.mode = 'no-new-files'
  assert.deepEqual(lone.restart().clocks, { member: 0, event: 40, query: 0 })
  lone.snapshot.facts(eventFacts(41))
  lone.run(1_000)
  const { clocks, alive } = lone.restart()
  assert.deepEqual(clocks, { member: 0, event: 41, query: 0 })
  assert.deepEqual(places(alive), { foo: '127.0.0.1:5000' })
})

test('a damaged file is replaced by a whole one at the start', () => {
  const lone = new LoneSnapshot()
  lone.disk.write(
    PATH,
    utf8('alive: foo 127.0.0.1:5000\nclock: 12x\nalive: nowhere\n\0\0\0\0\nquery-clock: 7\nali'),
  )
  const { clocks, alive } = lone.restart()
  assert.deepEqual(clocks, { member: 0, event: 0, query: 7 })
  assert.equal(alive.size, 1)
  assert.equal(lone.counters.get('folkmoot.snapshot.damaged-lines'), 4)
  lone.run(1_000)
  assert.equal(lone.text, 'alive: foo 127.0.0.1:5000\nclock: 0\nevent-clock: 0\nquery-clock: 7\n')
})

test('old, unknown and commented lines are skipped; clocks near 2^64 are not taken', () => {
  const lone = new LoneSnapshot()
  lone.disk.write(
    PATH,
    utf8(
      'coordinate: {"Vec":[]}\n# a remark\n#\n\nclock: 5\nclock: 18446744073709551615\nclock: 9007199254740993\n',
    ),
  )
  assert.deepEqual(lone.restart().clocks, { member: 5, event: 0, query: 0 })
})

test('a full disk stops nothing: it is told, and all is in the file once there is room', () => {
  const lone = new LoneSnapshot()
  lone.restart()
  lone.snapshot.facts(memberFacts([FACT.memberJoin, 'foo', 1]))
  lone.run(1_000)
  lone.disk.capacity = lone.text.length + 10
  for (let time = 1; time <= 100; time++) {
    lone.snapshot.facts(eventFacts(time))
    lone.snapshot.facts(memberFacts([FACT.memberJoin, `m${time}`, time]))
    lone.run(100)
  }
  assert.equal(lone.troubles[0].code, 'ENOSPC')
  assert.ok(lone.troubles.length <= 2, `told ${lone.troubles.length} times in 10 s`)
  lone.disk.capacity = Number.POSITIVE_INFINITY
  lone.run(60_000)
  const { clocks, alive } = lone.restart()
  assert.equal(clocks.event, 100)
  assert.equal(alive.size, 101)
})

test('where no file can be made beside the old one, everything is appended behind a leave', () => {
  const lone = new LoneSnapshot()
  lone.restart()
  lone.snapshot.facts(memberFacts([FACT.memberJoin, 'foo', 1], [FACT.memberJoin, 'bar', 2]))
  lone.run(1_000)
  lone.disk.mode = 'read-only'
  lone.snapshot.facts(memberFacts([FACT.memberLeave, 'bar', 2]))
  lone.snapshot.facts(eventFacts(7))
  lone.run(1_000)
  lone.disk.mode = 'no-new-files'
  lone.run(60_000)
  lone.snapshot.facts(eventFacts(8))
  lone.run(1_000)
  const { clocks, alive } = lone.restart()
  assert.equal(clocks.event, 8)
  assert.deepEqual(places(alive), { foo: '127.0.0.1:5000' })
})

test('while the disk is stuck nothing is held in memory for ever, and nobody is lost', () => {
  const lone = new LoneSnapshot()
  lone.restart()
  lone.disk.delay = 1e9
  lone.snapshot.facts(eventFacts(1))
  for (let i = 0; i < 20_000; i++) {
    lone.snapshot.facts(memberFacts([FACT.memberJoin, `${'n'.repeat(100)}${i}`, 1]))
  }
  assert.ok(lone.counters.get('folkmoot.snapshot.overrun') > 0)
  lone.disk.delay = 0
  lone.run(2e9)
  assert.equal(lone.restart().alive.size, 20_000)
})

test('sync calls back when the disk holds everything, also when it refuses', () => {
  const lone = new LoneSnapshot()
  lone.restart()
  let synced = 0
  lone.snapshot.facts(eventFacts(3))
  lone.snapshot.sync(() => {
    synced += 1
    lone.disk.losePower('gone')
    assert.match(lone.text, /event-clock: 3\n/)
  })
  lone.run(1_000)
  assert.equal(synced, 1)
  lone.disk.mode = 'read-only'
  lone.snapshot.facts(eventFacts(4))
  lone.snapshot.sync(() => {
    synced += 1
  })
  lone.run(1_000)
  assert.equal(synced, 2)
})

test('after any crash at any moment, events that were let through to the host are known to be seen', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('event' as const), by: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ do: fc.constant('run' as const), by: fc.integer({ min: 0, max: 8 }) }),
    fc.record({ do: fc.constant('crash' as const), by: fc.constant(0) }),
  )
  fc.assert(
    fc.property(fc.nat(), fc.array(step, { maxLength: 60 }), (seed, steps) => {
      const lone = new LoneSnapshot(seed)
      lone.restart()
      let time = 0
      let letThrough = 0
      let waiting: { line: number; time: number }[] = []
      const look = () => {
        for (const one of waiting) if (one.line <= lone.written) letThrough = Math.max(letThrough, one.time)
        waiting = waiting.filter(({ line }) => line > lone.written)
      }
      for (const { do: what, by } of steps) {
        if (what === 'event') {
          time += by
          waiting.push({ line: lone.snapshot.facts(eventFacts(time)), time })
        } else if (what === 'run') lone.run(by)
        look()
        if (what !== 'crash') continue
        const { event } = lone.restart().clocks
        assert.ok(event >= letThrough, `let through ${letThrough}, remembered ${event}`)
        waiting = []
        lone.written = 0
        time = Math.max(time, event)
      }
    }),
    { numRuns: 300 },
  )
})
