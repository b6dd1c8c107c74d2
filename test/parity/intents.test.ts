/** What the original's own tests assert of clocks, tags and intents (protocol page 2, sections 7.1, 7.3 and 7.6), line by line; and any order of intents. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FactReader } from '../../src/actors/facts.ts'
import { memberOf } from '../../src/cluster/member.ts'
import { RecentIntents } from '../../src/gossip/intents.ts'
import { LamportClock } from '../../src/gossip/lamport.ts'
import { settle } from '../../src/options/options.ts'
import { decodeTags, encodeTags } from '../../src/wire/serf.ts'
import { alive, dead, joinIntent, LoneGossip, leaveIntent, userEvent, utf8 } from '../gossip/lone-gossip.ts'

/** The last picture of a member, as the host has it. */
function picture(lone: LoneGossip, name: string) {
  lone.advance(10)
  let last: ReturnType<typeof memberOf> | undefined
  for (const mail of lone.toDispatch) {
    if (mail.type !== 'facts') continue
    for (const reader = new FactReader(mail.bytes); !reader.atEnd; reader.next()) {
      if (reader.isMember && new TextDecoder().decode(reader.name) === name) last = memberOf(reader)
    }
  }
  return last && { status: last.status, statusTime: last.statusTime }
}

const PEER = alive({ incarnation: 1, name: 'peer' })

/** A pool of two whose peer has joined at a Lamport time. */
function joinedAt(lamportTime: number): LoneGossip {
  const lone = new LoneGossip()
  lone.hear(PEER, joinIntent('peer', lamportTime))
  lone.advance(5_000)
  lone.toDetector.length = 0
  return lone
}

/** Whether hearing this passes it on. */
function passesOn(lone: LoneGossip, message: Uint8Array): boolean {
  lone.toDetector.length = 0
  lone.hear(message)
  lone.advance(5_000)
  return lone.hasGossiped(message)
}

test('TestLamportClock: it counts, and witnesses only what is not behind it', () => {
  const clock = new LamportClock(0)
  assert.equal(clock.time, 0)
  assert.equal(clock.increment(), 1)
  for (const seen of [41, 41, 30]) clock.witness(seen)
  assert.equal(clock.time, 42)
})

test('TestDelegate_NodeMeta_Old: at version 2 the meta is the bare role, and reads back as the role', () => {
  assert.deepEqual(encodeTags({ role: 'test', zone: 'a' }, 2), utf8('test'))
  assert.deepEqual({ ...decodeTags(utf8('test')) }, { role: 'test' })
  assert.throws(() => settle({ protocolVersion: 2, tags: { role: 'x'.repeat(513) } }, 'x'), /512/)
})

test('TestDelegate_NodeMeta_New: from version 3 on the meta holds all tags, and its size is limited', () => {
  for (const version of [3, 4, 5]) {
    const meta = encodeTags({ role: 'test', zone: 'a' }, version)
    assert.equal(meta[0], 255)
    assert.deepEqual({ ...decodeTags(meta) }, { role: 'test', zone: 'a' })
  }
  assert.doesNotThrow(() => settle({ tags: { role: 'x'.repeat(502) } }, 'x'))
  assert.throws(
    () => settle({ tags: { role: 'x'.repeat(503) } }, 'x'),
    /at most 512 bytes when encoded, not 513/,
  )
})

test("tags of any text, empty ones and JavaScript's own words among them, come back as they went", () => {
  const text = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.constantFrom('', '__proto__', 'constructor', 'role', '\n'),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { maxLength: 8 }), (pairs) => {
      const tags: Record<string, string> = Object.create(null)
      for (const [name, value] of pairs) tags[name] = value
      const read = decodeTags(encodeTags(tags, 5))
      assert.equal(Object.getPrototypeOf(read), null)
      assert.deepEqual(Object.entries(read).sort(), Object.entries(tags).sort())
    }),
  )
  assert.deepEqual({ ...decodeTags(new Uint8Array(0)) }, { role: '' })
  assert.deepEqual({ ...decodeTags(Uint8Array.of(0x66, 0xff, 0xfe)) }, { role: 'f\ufffd\ufffd' })
})

test('TestSerf_join_pendingIntent: a join that came before the member gives it its time', () => {
  const lone = new LoneGossip()
  lone.hear(joinIntent('peer', 5), PEER)
  assert.deepEqual(picture(lone, 'peer'), { status: 'alive', statusTime: 5 })
})

test('TestSerf_join_pendingIntents: of a join and a newer leave that came before the member the leave counts', () => {
  const lone = new LoneGossip()
  lone.hear(joinIntent('peer', 5), leaveIntent('peer', 6), PEER)
  assert.deepEqual(picture(lone, 'peer'), { status: 'leaving', statusTime: 6 })
})

test('TestSerf_leaveIntent_bufferEarly: a leave of somebody unknown is passed on the first time only, and kept', () => {
  const lone = joinedAt(1)
  assert.equal(passesOn(lone, leaveIntent('later', 10)), true)
  assert.equal(passesOn(lone, leaveIntent('later', 10)), false)
  lone.hear(alive({ incarnation: 1, name: 'later', address: [127, 0, 0, 9] }))
  assert.deepEqual(picture(lone, 'later'), { status: 'leaving', statusTime: 10 })
})

test('TestSerf_leaveIntent_oldMessage: a leave older than the join is not passed on and not kept', () => {
  const lone = joinedAt(12)
  assert.equal(passesOn(lone, leaveIntent('peer', 10)), false)
  assert.deepEqual(picture(lone, 'peer'), { status: 'alive', statusTime: 12 })
  assert.equal(passesOn(lone, leaveIntent('peer', 12)), false, 'nor one of the same time')
})

test('TestSerf_leaveIntent_newer: a leave newer than the join is passed on, makes leaving, and moves the clock past it', () => {
  const lone = joinedAt(12)
  assert.equal(passesOn(lone, leaveIntent('peer', 14)), true)
  assert.deepEqual(picture(lone, 'peer'), { status: 'leaving', statusTime: 14 })
  assert.equal(lone.stats().member_time, 15)
})

test('TestSerf_joinIntent_bufferEarly: a join of somebody unknown is passed on the first time only, and kept', () => {
  const lone = joinedAt(1)
  assert.equal(passesOn(lone, joinIntent('later', 10)), true)
  assert.equal(passesOn(lone, joinIntent('later', 10)), false)
  lone.hear(alive({ incarnation: 1, name: 'later', address: [127, 0, 0, 9] }))
  assert.deepEqual(picture(lone, 'later'), { status: 'alive', statusTime: 10 })
})

test('TestSerf_joinIntent_oldMessage: a join older than what is known is not passed on', () => {
  const lone = joinedAt(12)
  assert.equal(passesOn(lone, joinIntent('peer', 10)), false)
  assert.equal(lone.stats().member_time, 13)
})

test('TestSerf_joinIntent_newer: a newer join is passed on and moves time and clock', () => {
  const lone = joinedAt(12)
  assert.equal(passesOn(lone, joinIntent('peer', 14)), true)
  assert.equal(lone.stats().member_time, 15)
  lone.hear(leaveIntent('peer', 14))
  assert.equal(picture(lone, 'peer')?.status, 'alive', 'its time is 14 now')
})

test('TestSerf_joinIntent_resetLeaving: a newer join of a leaving member makes it alive', () => {
  const lone = joinedAt(10)
  lone.hear(leaveIntent('peer', 12))
  assert.equal(passesOn(lone, joinIntent('peer', 14)), true)
  assert.deepEqual(picture(lone, 'peer'), { status: 'alive', statusTime: 14 })
  assert.equal(lone.stats().member_time, 15)
})

test('TestRecentIntent: the newest by name, whatever its kind, until it is too old', () => {
  const recent = new RecentIntents()
  assert.equal(recent.get('foo'), undefined)
  const keep = (name: string, kind: 'join' | 'leave', lamportTime: number, heardAt: number) =>
    recent.keep(name, { kind, lamportTime, heardAt })
  assert.deepEqual(
    [keep('foo', 'join', 1, 0), keep('bar', 'leave', 2, 0), keep('baz', 'join', 3, 1_000)],
    [true, true, true],
  )
  assert.deepEqual(
    [keep('bar', 'join', 4, 0), keep('bar', 'join', 0, 0), keep('bar', 'join', 5, 0)],
    [true, false, true],
  )
  assert.deepEqual(
    ['foo', 'bar', 'baz', 'qux'].map((name) => recent.get(name)?.lamportTime),
    [1, 5, 3, undefined],
  )
  recent.forgetBefore(1_000)
  assert.deepEqual(
    ['foo', 'bar', 'baz'].map((name) => recent.get(name)?.lamportTime),
    [undefined, undefined, 3],
  )
  recent.forgetBefore(2_000)
  assert.equal(recent.size, 0)
})

test('TestMemberStatus_String: the statuses that a host sees have their names of Serf', () => {
  const lone = new LoneGossip()
  const seen: (string | undefined)[] = []
  for (const message of [
    PEER,
    leaveIntent('peer', 5),
    dead('peer', 1, 'peer'),
    alive({ incarnation: 2, name: 'peer' }),
  ]) {
    lone.hear(message)
    seen.push(picture(lone, 'peer')?.status)
  }
  lone.hear(dead('peer', 2, 'other'))
  assert.deepEqual([...seen, picture(lone, 'peer')?.status], ['alive', 'leaving', 'left', 'alive', 'failed'])
})

interface Intent {
  kind: 'join' | 'leave'
  time: number
}

const INTENTS = fc.uniqueArray(
  fc.record({
    kind: fc.constantFrom('join' as const, 'leave' as const),
    time: fc.integer({ min: 1, max: 40 }),
  }),
  { minLength: 1, maxLength: 12, selector: ({ time }) => time },
)

function say(lone: LoneGossip, { kind, time }: Intent): void {
  lone.hear(kind === 'join' ? joinIntent('peer', time) : leaveIntent('peer', time))
}

test('intents about a member in any order, doubled and some lost: the newest that came counts, and the clock is past it', () => {
  fc.assert(
    fc.property(INTENTS, fc.infiniteStream(fc.nat(99)), fc.nat(12), (intents, chance, introduced) => {
      const lone = new LoneGossip()
      const came: Intent[] = []
      const heard = intents.flatMap((intent) => {
        const fate = chance.next().value
        return fate < 20 ? [] : fate < 50 ? [intent, intent] : [intent]
      })
      heard.forEach((intent, i) => {
        if (i === introduced) lone.hear(PEER)
        say(lone, intent)
        came.push(intent)
      })
      if (introduced >= heard.length) lone.hear(PEER)
      const newest = came.toSorted((a, b) => b.time - a.time)[0]
      const status = newest?.kind === 'leave' ? 'leaving' : 'alive'
      assert.equal(picture(lone, 'peer')?.status, status, JSON.stringify(came))
      assert.equal(lone.stats().member_time, 1 + Math.max(0, newest?.time ?? 0))
      lone.hear(dead('peer', 1, 'other'))
      assert.equal(picture(lone, 'peer')?.status, status === 'leaving' ? 'left' : 'failed')
    }),
    { numRuns: 200 },
  )
})

test('user events in any order, doubled and some lost: each that came is heard once, whatever way it came', () => {
  const events = fc.array(
    fc.record({ time: fc.integer({ min: 1, max: 600 }), name: fc.constantFrom('a', 'b') }),
    {
      maxLength: 40,
    },
  )
  fc.assert(
    fc.property(events, (came) => {
      const lone = new LoneGossip()
      lone.newFacts()
      const told: string[] = []
      for (const { time, name } of [...came, ...came]) {
        lone.command({ type: 'user-event', name: `own-${name}`, payload: null, coalesce: false })
        const message = userEvent(name, time)
        lone.hear(message, message)
        told.push(`user ${name}@${time}`)
      }
      const heard = lone.newFacts().filter((fact) => !fact.includes('own-'))
      assert.equal(new Set(heard).size, heard.length, 'nothing twice')
      assert.ok(heard.every((fact) => told.includes(fact)))
      // The ring remembers 512 times: with all of them within it nothing that came is missing.
      const oldest = Math.min(...came.map(({ time }) => time))
      const newest = Math.max(...came.map(({ time }) => time), came.length * 2)
      if (newest - oldest < 500) assert.deepEqual([...heard].sort(), [...new Set(told)].sort())
    }),
    { numRuns: 100 },
  )
})
