/** Coalescing (protocol page 2, sections 4.12 and 7.2): what is held back, when it goes on, and what a host hears then. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FACT, FactReader, type MemberFact, packMember, packUserEvent } from '../../src/actors/facts.ts'
import type { MirrorNews, News } from '../../src/actors/mail.ts'
import { Pack } from '../../src/actors/packed.ts'
import { type ClusterEvent, Stage } from '../../src/cluster/events.ts'
import { Mirror } from '../../src/cluster/mirror.ts'
import { Told } from '../../src/cluster/told.ts'
import { after, isLegal, type Known } from '../../src/dispatch/fold.ts'
import { type CoalesceRules, Gate } from '../../src/dispatch/gate.ts'
import { settle } from '../../src/options/options.ts'
import { encodeTags } from '../../src/wire/serf.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)
const KINDS: Record<string, MemberFact> = {
  join: FACT.memberJoin,
  leave: FACT.memberLeave,
  failed: FACT.memberFailed,
  update: FACT.memberUpdate,
  reap: FACT.memberReap,
  change: FACT.memberChange,
}
const STATUS_AFTER: Record<string, number> = { failed: 4, leave: 3, reap: 3 }
const BOTH: CoalesceRules = {
  coalescePeriod: 1_000,
  quiescentPeriod: 300,
  userCoalescePeriod: 1_000,
  userQuiescentPeriod: 300,
}
const OFF: CoalesceRules = {
  coalescePeriod: 0,
  quiescentPeriod: 0,
  userCoalescePeriod: 0,
  userQuiescentPeriod: 0,
}

/** A gate in virtual time whose host takes everything at once, unless it is told to be slow. */
class Pool {
  readonly gate: Gate
  readonly heard: string[] = []
  readonly mirror = new Map<string, number>()
  readonly #rows = new Map<string, number>()
  readonly #stage: Stage
  readonly #news: News[] = []
  isSlow = false
  now = 0
  #through = 0

  constructor(rules: CoalesceRules) {
    const respond = () => Promise.reject(new Error('no queries here'))
    const hear = (event: ClusterEvent) => this.#hear(event)
    const audience = {
      isThere: true,
      wants: () => true,
      hear,
      renewed: () => undefined,
      thinned: () => undefined,
      respond,
    }
    // Each in a turn of its own, as in a host: what is later is now.
    this.#stage = new Stage(
      audience,
      { now: () => 0, date: () => 0, later: (serve) => serve() },
      new Told(new Mirror()),
      () => undefined,
    )
    this.#stage.open()
    this.gate = new Gate(rules, (news) => this.#take(news))
  }

  /** Member facts as «kind name [role]», one buffer. */
  tell(...facts: string[]): void {
    const pack = new Pack()
    for (const fact of facts) {
      const [kind, name, role = ''] = fact.split(' ')
      const row = this.#rows.get(name) ?? this.#rows.size
      this.#rows.set(name, row)
      this.#through += 1
      packMember(pack, KINDS[kind], {
        row,
        incarnation: 1,
        status: STATUS_AFTER[kind] ?? 1,
        instance: 1,
        statusTime: 0,
        port: 7946,
        versions: Uint8Array.of(1, 5, 2, 2, 5, 5),
        address: Uint8Array.of(127, 0, 0, 1),
        name: utf8(name),
        meta: encodeTags({ role }, 5),
      })
    }
    this.gate.facts(pack.take(), this.#through, this.now)
  }

  /** User events as «name@time payload». */
  event(...events: string[]): void {
    this.#user('coalesce', events)
  }

  single(...events: string[]): void {
    this.#user('single', events)
  }

  advance(milliseconds: number): void {
    const until = this.now + milliseconds
    while (this.gate.wakeAt <= until) {
      this.now = Math.max(this.now, this.gate.wakeAt)
      this.gate.wake(this.now)
    }
    this.now = until
  }

  /** The host takes what it got. */
  take(): void {
    this.isSlow = false
    for (const { number } of this.#news.splice(0)) this.gate.taken(number, this.now)
  }

  newlyHeard(): string[] {
    return this.heard.splice(0)
  }

  #user(coalesce: 'coalesce' | 'single', events: string[]): void {
    const pack = new Pack()
    for (const event of events) {
      const [, name, time, payload = ''] = /^(.*?)@(\d+) ?(.*)$/.exec(event) ?? []
      const bytes = utf8(name + payload)
      packUserEvent(
        pack,
        Number(time),
        coalesce,
        bytes,
        0,
        utf8(name).length,
        utf8(name).length,
        bytes.length,
      )
    }
    this.gate.facts(pack.take(), this.#through, this.now)
  }

  #take(news: News | MirrorNews): void {
    const buffers = news.type === 'mirror' ? [news.bytes] : news.buffers.slice(0, news.fresh)
    for (const buffer of buffers) {
      for (const reader = new FactReader(buffer); !reader.atEnd; reader.next()) {
        if (reader.isMember) this.mirror.set(new TextDecoder().decode(reader.name), reader.kind)
      }
    }
    if (news.type === 'mirror') return this.gate.delivery.mirrored(news.number)
    this.#stage.add(news)
    if (this.isSlow) this.#news.push(news)
    else this.gate.taken(news.number, this.now)
  }

  #hear(event: ClusterEvent): void {
    if (event.type === 'user-event') {
      this.heard.push(`${event.name}@${event.lamportTime} ${new TextDecoder().decode(event.payload)}`.trim())
    } else if ('members' in event) {
      const members = event.members.map(({ name, tags }) => `${name}${tags.role ? `:${tags.role}` : ''}`)
      this.heard.push(`${event.type.slice('member-'.length)} ${members.join(' ')}`)
    }
  }
}

/** A pool whose host knows these members alive. */
function knowing(...names: string[]): Pool {
  const pool = new Pool(BOTH)
  pool.tell(...names.map((name) => `join ${name}`))
  pool.advance(2_000)
  pool.newlyHeard()
  return pool
}

test('held events go on when nothing more came for the quiescent period', () => {
  const pool = new Pool(BOTH)
  pool.tell('join a')
  pool.advance(299)
  pool.tell('join b')
  pool.advance(299)
  assert.deepEqual(pool.heard, [])
  pool.advance(1)
  assert.deepEqual(pool.heard, ['join a b'])
})

test('held events go on after the coalesce period though more keep coming', () => {
  const pool = new Pool(BOTH)
  for (let i = 0; i < 10; i++) {
    pool.tell(`join m${i}`)
    pool.advance(110)
  }
  assert.deepEqual(pool.heard, ['join m0 m1 m2 m3 m4 m5 m6 m7 m8 m9'])
})

test('what a stage does not handle passes at once, and may overtake what is held', () => {
  const pool = new Pool({ ...BOTH, userCoalescePeriod: 0, userQuiescentPeriod: 0 })
  pool.tell('join a')
  pool.event('deploy@1')
  assert.deepEqual(pool.heard, ['deploy@1'])
  const users = new Pool({ ...OFF, userCoalescePeriod: 1_000, userQuiescentPeriod: 300 })
  users.event('deploy@1')
  users.tell('join a')
  assert.deepEqual(users.heard, ['join a'])
})

test('with both stages off everything passes at once', () => {
  const pool = new Pool(OFF)
  pool.tell('join a', 'update a')
  pool.event('deploy@1')
  assert.deepEqual(pool.heard, ['join a', 'update a', 'deploy@1'])
  assert.equal(pool.gate.wakeAt, Number.POSITIVE_INFINITY)
})

test('of many events of a member the last state counts: leave of two, one update with the last tags, a reap', () => {
  const pool = knowing('bar', 'zip', 'dead', 'foo')
  pool.tell('failed foo', 'failed dead')
  pool.advance(2_000)
  pool.newlyHeard()
  pool.tell('join foo', 'leave foo', 'leave bar', 'update zip foo', 'update zip bar', 'reap dead')
  pool.advance(2_000)
  assert.deepEqual(pool.newlyHeard(), ['update zip:bar', 'leave foo bar', 'reap dead'])
})

test('two updates of one member in two windows are both heard', () => {
  const pool = knowing('foo')
  pool.tell('update foo one')
  pool.advance(2_000)
  pool.tell('update foo two')
  pool.advance(2_000)
  assert.deepEqual(pool.heard, ['update foo:one', 'update foo:two'])
})

test('all five member events are held, user events are not', () => {
  const pool = new Pool({ ...BOTH, userCoalescePeriod: 0, userQuiescentPeriod: 0 })
  for (const kind of ['join', 'update', 'failed', 'leave', 'reap']) {
    pool.tell(`${kind} m`)
    assert.deepEqual(pool.heard, [], kind)
  }
  pool.event('a@1')
  assert.deepEqual(pool.heard, ['a@1'])
})

test('an update is said once, and not again at every flush that follows', () => {
  const pool = knowing('foo')
  pool.tell('update foo')
  pool.advance(2_000)
  for (let i = 0; i < 5; i++) {
    pool.tell(`join other-${i}`)
    pool.advance(2_000)
  }
  assert.deepEqual(
    pool.heard.filter((event) => event.includes('foo')),
    ['update foo'],
  )
})

test('a member that flapped within a window is no news, one that came back with other tags is an update', () => {
  const pool = knowing('foo', 'bar')
  pool.tell('failed foo', 'join foo', 'failed bar', 'join bar web')
  pool.advance(2_000)
  assert.deepEqual(pool.heard, ['update bar:web'])
})

test('who came and went within a window was never there; who came and changed has joined', () => {
  const pool = new Pool(BOTH)
  pool.tell('join foo', 'failed foo', 'leave foo', 'reap foo', 'join bar', 'update bar web')
  pool.advance(2_000)
  assert.deepEqual(pool.heard, ['join bar:web'])
})

test('the mirror is never held up', () => {
  const pool = new Pool(BOTH)
  pool.tell('join foo')
  assert.equal(pool.mirror.get('foo'), FACT.memberJoin)
  pool.tell('reap foo')
  assert.equal(pool.mirror.get('foo'), FACT.memberReap)
})

test('of user events of one name those with the highest time are heard, all of them, and others stay out of it', () => {
  const pool = new Pool(BOTH)
  pool.event('foo@1', 'foo@2', 'bar@2 test1', 'bar@2 test2', 'foo@1 late')
  pool.advance(2_000)
  assert.deepEqual(pool.heard, ['foo@2', 'bar@2 test1', 'bar@2 test2'])
  pool.newlyHeard()
  pool.event('foo@1')
  pool.advance(2_000)
  assert.deepEqual(pool.heard, ['foo@1'], 'what was flushed is forgotten')
})

test('only user events whose sender allows it are held', () => {
  const pool = new Pool(BOTH)
  pool.single('foo@1', 'foo@2')
  assert.deepEqual(pool.heard, ['foo@1', 'foo@2'])
})

test('ten thousand names are held within bounds: at the bound what is held goes on before its time', () => {
  const pool = new Pool(BOTH)
  for (let i = 0; i < 20_000; i += 1_000)
    pool.event(...Array.from({ length: 1_000 }, (_, j) => `name-${i + j}@${i + j}`))
  assert.ok(pool.heard.length >= 16_384, `${pool.heard.length} heard before time`)
  pool.advance(2_000)
  assert.equal(pool.heard.length, 20_000)
})

test('a slow host hears member events when it is back, merged from all that happened meanwhile', () => {
  const pool = knowing('foo', 'bar')
  pool.isSlow = true
  for (let i = 1; i <= 8; i++) pool.single(`fill@${i}`)
  pool.newlyHeard()
  pool.tell('failed foo', 'update bar a')
  pool.advance(5_000)
  pool.tell('leave foo', 'update bar b', 'join new')
  pool.advance(5_000)
  assert.deepEqual(pool.heard, [])
  pool.take()
  pool.advance(2_000)
  assert.deepEqual(pool.heard, ['join new', 'update bar:b', 'leave foo'])
})

test('one period without the other is refused', () => {
  assert.throws(() => settle({ coalescePeriod: 3_000 }, 'x'), /option quiescentPeriod is 0.*coalescePeriod/)
  assert.throws(() => settle({ userQuiescentPeriod: 1 }, 'x'), /option userCoalescePeriod is 0/)
  assert.equal(settle({ coalescePeriod: 3_000, quiescentPeriod: 1_000 }, 'x').coalescePeriod, 3_000)
})

const NEXT: Record<Known, string[]> = {
  nothing: ['join'],
  alive: ['update', 'failed', 'leave', 'change'],
  failed: ['join', 'leave', 'reap', 'change'],
  left: ['join', 'reap', 'change'],
}

test('any lives of any members, in any windows: what is heard is legal for each member and ends in what is true', () => {
  const steps = fc.array(
    fc.record({ member: fc.nat(4), choice: fc.nat(9), pause: fc.constantFrom(0, 0, 0, 100, 400, 1_500) }),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(steps, fc.boolean(), (lives, isSlow) => {
      const pool = new Pool(BOTH)
      const truth = new Map<string, Known>()
      const updates = new Map<string, number>()
      pool.isSlow = isSlow
      for (const { member, choice, pause } of lives) {
        const name = `m${member}`
        const known = truth.get(name) ?? 'nothing'
        const kind = NEXT[known][choice % NEXT[known].length]
        truth.set(name, after(known, KINDS[kind]))
        if (kind === 'update') updates.set(name, (updates.get(name) ?? 0) + 1)
        pool.tell(`${kind} ${name}`)
        pool.advance(pause)
      }
      pool.take()
      pool.advance(5_000)
      pool.take()
      const heard = new Map<string, Known>()
      for (const event of pool.heard) {
        const [kind, ...names] = event.split(' ')
        for (const name of names) {
          const known = heard.get(name) ?? 'nothing'
          assert.ok(isLegal(known, KINDS[kind]), `${kind} after ${known} in ${pool.heard}`)
          heard.set(name, after(known, KINDS[kind]))
          if (kind === 'update') updates.set(name, (updates.get(name) ?? 0) - 1)
        }
      }
      for (const [name, known] of truth) {
        const isUnheard = (heard.get(name) ?? 'nothing') === 'nothing' && known !== 'alive'
        assert.ok(isUnheard || heard.get(name) === known, `${name} is ${known}, heard: ${pool.heard}`)
        assert.ok((updates.get(name) ?? 0) >= 0, `an update of ${name} was heard twice`)
      }
    }),
    { numRuns: 500 },
  )
})

test('user events of any names and times, in any order and doubled: the newest of each window is heard, each once', () => {
  const events = fc.array(
    fc.record({ name: fc.constantFrom('a', 'b', 'c'), time: fc.integer({ min: 1, max: 9 }) }),
    {
      minLength: 1,
      maxLength: 40,
    },
  )
  fc.assert(
    fc.property(events, (window) => {
      const pool = new Pool(BOTH)
      const unique = [...new Set(window.map(({ name, time }) => `${name}@${time}`))]
      pool.event(...unique)
      pool.advance(2_000)
      const newest = unique.filter((event) => {
        const [name, time] = event.split('@')
        return unique.every(
          (other) => !other.startsWith(`${name}@`) || Number(other.split('@')[1]) <= Number(time),
        )
      })
      assert.deepEqual([...pool.heard].sort(), newest.sort())
    }),
  )
})
