/**
 * Delivery as a host sees it, from gossip's facts to listeners and iterators, in virtual time: any history of members, any pace of the
 * host, any policy, and subscribers that come at any moment.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FACT, FactReader, type MemberFact, packMember, packUserEvent, STATUS } from '../src/actors/facts.ts'
import type { Credit, MirrorNews, News } from '../src/actors/mail.ts'
import { Pack } from '../src/actors/packed.ts'
import type { ClusterEvent, ClusterEventType } from '../src/cluster/events.ts'
import { Listeners } from '../src/cluster/listeners.ts'
import { Mirror } from '../src/cluster/mirror.ts'
import type { DeliveryPolicy, EventIterator } from '../src/cluster/subscription.ts'
import { Told } from '../src/cluster/told.ts'
import { after, isLegal, type Known, knownAs } from '../src/dispatch/fold.ts'
import { type CoalesceRules, Gate } from '../src/dispatch/gate.ts'
import { SubscriptionOverflow } from '../src/errors/delivery.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)
const OFF = { coalescePeriod: 0, quiescentPeriod: 0, userCoalescePeriod: 0, userQuiescentPeriod: 0 }
const ON = { ...OFF, coalescePeriod: 400, quiescentPeriod: 100 }
const KINDS = [FACT.memberJoin, FACT.memberLeave, FACT.memberFailed, FACT.memberUpdate, FACT.memberReap]
const STATUS_AFTER: Partial<Record<number, number>> = { [FACT.memberFailed]: 4, [FACT.memberLeave]: 3 }

/** What all members here have in common. */
const PICTURE = {
  statusTime: 0,
  port: 7946,
  versions: Uint8Array.of(1, 5, 2, 2, 5, 5),
  address: Uint8Array.of(127, 0, 0, 1),
  meta: utf8(''),
}

/** A member's way out: dispatch's gate, and the host's end with a loop whose turns are called by hand. */
class Way {
  readonly mirror = new Mirror()
  readonly listeners: Listeners
  gate: Gate
  readonly #rules: CoalesceRules
  /** Rows of a life are numbered anew. */
  #shift = 0
  isCrashed = false
  /** User events so far. */
  users = 0
  readonly emitted: ClusterEvent[] = []
  readonly #turns: (() => void)[] = []
  /** Mail to the host and back, each taken by hand: neither end is ever inside the other. */
  readonly #toHost: (News | MirrorNews)[] = []
  readonly #toDispatch: Credit[] = []
  readonly #truth = new Map<number, { known: Known; instance: number; incarnation: number }>()
  now = 0
  hostTime = 0
  #through = 0
  listenerTime = 0

  constructor(rules: CoalesceRules, heard: readonly ClusterEventType[] = []) {
    const emitter = {
      eventNames: () => [...heard],
      listenerCount: (type: ClusterEventType) => (heard.includes(type) ? 1 : 0),
      rawListeners: (type: string) =>
        heard.some((one) => one === type) ? [(event: ClusterEvent) => this.#emitted(event)] : [],
    }
    const turns = {
      now: () => this.hostTime,
      date: () => 0,
      later: (run: () => void) => {
        this.#turns.push(run)
      },
      isTraced: () => false,
      trace: () => undefined,
      raise: (error: unknown) => {
        throw error
      },
    }
    this.listeners = new Listeners(emitter, this.mirror, turns, undefined, {
      credit: (mail) => this.#toDispatch.push(mail),
      respond: () => Promise.reject(new Error('no queries here')),
    })
    this.#rules = rules
    this.gate = new Gate(rules, (news) => this.#toHost.push(news))
    this.listeners.open()
  }

  /** Something happens to the member of a row: the `choice`th of what can. */
  happen(row: number, choice: number): void {
    const truth = this.#truth.get(row) ?? { known: 'nothing', instance: 1, incarnation: 0 }
    const possible = KINDS.filter((kind) => isLegal(truth.known, kind))
    const kind = possible[choice % possible.length]
    truth.known = after(truth.known, kind)
    truth.incarnation += 1
    const pack = new Pack()
    this.#pack(pack, kind, row, STATUS_AFTER[kind] ?? 1, truth)
    if (kind === FACT.memberReap) truth.instance += 1
    this.#truth.set(row, truth)
    this.#through += 1
    this.gate.facts(pack.take(), this.#through, this.now)
  }

  userEvent(): void {
    this.users += 1
    const pack = new Pack()
    this.#through += 1
    packUserEvent(pack, this.#through, 'single', utf8('deploy'), 0, 6, 6, 6)
    this.gate.facts(pack.take(), this.#through, this.now)
  }

  /** The actors crash, with all mail under way, and start again with the members of the mirror. */
  crash(): void {
    if (this.mirror.size === 0 || this.mirror.isStale) return
    this.isCrashed = true
    this.#shift += 1
    const pack = new Pack()
    for (const [row, truth] of this.#truth) {
      const member = this.mirror.members().find(({ name }) => name.startsWith(`m${row}.`))
      truth.known = member === undefined ? 'nothing' : knownAs(STATUS[member.status])
      if (member === undefined) {
        truth.instance += 1
        continue
      }
      truth.instance = Number(member.name.split('.')[1])
      truth.incarnation = member.incarnation
      this.#pack(pack, FACT.memberKnown, row, STATUS[member.status], truth)
    }
    this.mirror.renew()
    this.listeners.orphan()
    this.#toHost.length = 0
    this.#toDispatch.length = 0
    this.gate = new Gate(this.#rules, (news) => this.#toHost.push(news))
    this.#through = 1
    this.gate.facts(pack.take(), this.#through, this.now)
  }

  #pack(
    pack: Pack,
    kind: MemberFact,
    row: number,
    status: number,
    as: { instance: number; incarnation: number },
  ): void {
    const name = utf8(`m${row}.${as.instance}`)
    packMember(pack, kind, { ...PICTURE, ...as, row: row + this.#shift, status, name })
  }

  /** Virtual time goes on, and mail passes, but the host does not turn. */
  pass(): void {
    this.now += 50
    if (this.gate.wakeAt <= this.now) this.gate.wake(this.now)
    for (const news of this.#toHost.splice(0)) this.listeners.add(news)
    this.#credit()
  }

  turn(): void {
    for (const run of this.#turns.splice(0)) run()
    this.#credit()
  }

  settle(): void {
    for (let i = 0; i < 20; i++) {
      this.now += 1_000
      this.pass()
      while (this.#turns.length > 0) this.turn()
    }
  }

  /** Members as they are, `name@incarnation status`. */
  truth(): string[] {
    const members: string[] = []
    for (const [row, { known, instance, incarnation }] of this.#truth)
      if (known !== 'nothing') members.push(`m${row}.${instance}@${incarnation} ${known}`)
    return members.sort()
  }

  #credit(): void {
    for (const mail of this.#toDispatch.splice(0)) {
      if (mail.type === 'taken') this.gate.taken(mail.number, this.now)
      else if (mail.type === 'mirrored') this.gate.delivery.mirrored(mail.number)
      else this.gate.delivery.feed(mail.feed)
    }
  }

  #emitted(event: ClusterEvent): void {
    this.emitted.push(event)
    this.hostTime += this.listenerTime
  }
}

/** What a reader thinks of the members by what it heard. Every event must be one that can follow. */
class Reckoning {
  readonly members = new Map<string, string>()
  readonly #known = new Map<string, Known>()
  users = 0
  lost = 0

  hear(event: ClusterEvent): void {
    if (event.type === 'lagged') this.lost += event.count
    if (event.type === 'user-event') this.users += 1
    if (event.type === 'lagged' || event.type === 'members') this.#begin(event.members)
    else if ('members' in event) {
      for (const { name, incarnation } of event.members) {
        const known = this.#known.get(name) ?? 'nothing'
        const kind =
          KINDS[
            ['member-join', 'member-leave', 'member-failed', 'member-update', 'member-reap'].indexOf(
              event.type,
            )
          ]
        assert.ok(isLegal(known, kind), `${event.type} of ${name}, which is ${known}`)
        const now = after(known, kind)
        this.#known.set(name, now)
        if (now === 'nothing') this.members.delete(name)
        else this.members.set(name, `${name}@${incarnation} ${now}`)
      }
    }
  }

  /** A snapshot: where nothing was lost it must be what the reader thinks already. */
  #begin(members: readonly { name: string; incarnation: number; status: string }[]): void {
    this.members.clear()
    this.#known.clear()
    for (const { name, incarnation, status } of members) {
      const known = status === 'failed' || status === 'left' ? status : 'alive'
      this.#known.set(name, known)
      this.members.set(name, `${name}@${incarnation} ${known}`)
    }
  }

  view(): string[] {
    return [...this.members.values()].sort()
  }
}

/** Reads up to so many events, as they come. */
class Subscriber {
  readonly reckoning = new Reckoning()
  readonly policy: DeliveryPolicy
  readonly since: number
  readonly #iterator: EventIterator
  #appetite = 0
  #isReading = false
  failure: unknown

  constructor(way: Way, policy: DeliveryPolicy, buffer: number) {
    this.policy = policy
    this.since = way.users
    this.#iterator = way.listeners.iterate({ policy, buffer })
  }

  eat(events: number): void {
    this.#appetite = Math.max(this.#appetite, events)
    if (!this.#isReading) this.#read()
  }

  #read(): void {
    if (this.#appetite <= 0 || this.failure !== undefined) return
    this.#isReading = true
    this.#appetite -= 1
    this.#iterator
      .next()
      .then(
        ({ value }) => {
          this.#isReading = false
          this.reckoning.hear(value)
          this.#read()
        },
        (error: unknown) => {
          this.failure = error
        },
      )
      .catch((error: unknown) => {
        this.failure = error
      })
  }
}

const breath = () => new Promise((resolve) => setImmediate(resolve))

const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant('happen' as const), row: fc.nat(3), choice: fc.nat(20) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('user' as const) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('pass' as const, 'turn' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('eat' as const),
      who: fc.nat(5),
      events: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('subscribe' as const),
      policy: fc.constantFrom<DeliveryPolicy>('latest-per-member', 'drop-oldest', 'lossless'),
      buffer: fc.constantFrom(1, 2, 5, 100),
    }),
  },
)

function act(way: Way, step: { do: 'happen'; row: number; choice: number } | { do: 'pass' | 'turn' }): void {
  if (step.do === 'happen') way.happen(step.row, step.choice)
  else if (step.do === 'pass') way.pass()
  else way.turn()
}

test('any history, pace and policy: legal to every subscriber from its first event, the end is the truth, and losses are counted', async () => {
  const history = fc.array(step, { minLength: 20, maxLength: 200 })
  await fc.assert(
    fc.asyncProperty(history, fc.constantFrom(OFF, ON), async (steps, rules) => {
      const way = new Way(rules)
      const subscribers: Subscriber[] = []
      for (const one of steps) {
        if (one.do === 'crash') way.crash()
        else if (one.do === 'user') way.userEvent()
        else if (one.do === 'subscribe') subscribers.push(new Subscriber(way, one.policy, one.buffer))
        else if (one.do === 'eat') subscribers.at(one.who % (subscribers.length || 1))?.eat(one.events)
        else act(way, one)
        await breath()
      }
      way.settle()
      const truth = way.truth()
      const mirrored = way.mirror.members().map(({ name, incarnation }) => `${name}@${incarnation}`)
      assert.deepEqual(
        mirrored,
        truth.map((member) => member.split(' ')[0]),
        'the mirror is the table',
      )
      for (const subscriber of subscribers) subscriber.eat(100_000)
      await breath()
      // Coalescing says nothing of who was away and is back as it was, and neither does a life that began meanwhile.
      const shown = (member: string) => (rules === ON || way.isCrashed ? member.replace(/@\d+/, '') : member)
      for (const subscriber of subscribers)
        judge(subscriber, truth, way.isCrashed ? 'crashed' : way.users, shown)
    }),
    { numRuns: 300 },
  )
})

function judge(
  { policy, since, reckoning, failure }: Subscriber,
  truth: readonly string[],
  sent: number | 'crashed',
  shown: (member: string) => string,
): void {
  if (failure !== undefined) {
    if (!(failure instanceof SubscriptionOverflow)) throw failure
    assert.equal(policy, 'lossless')
    assert.ok(failure.count > 0)
    return
  }
  assert.deepEqual(reckoning.view().map(shown), truth.map(shown), policy)
  // What user events a crash costs nobody can count.
  if (sent === 'crashed') return
  // Who came late hears also of what waited for listeners when it came.
  const reckoned = reckoning.users + reckoning.lost
  if (policy === 'lossless') assert.equal(reckoning.lost, 0)
  assert.ok(reckoned >= sent - since, `${policy}: ${reckoned} of ${sent - since}`)
  if (policy !== 'drop-oldest') assert.ok(reckoned <= sent)
}

test('what the actors had not told when they crashed is announced, with the members as they are', () => {
  const way = new Way(OFF, ['member-join', 'member-failed', 'lagged'])
  way.listenerTime = 100
  for (let row = 0; row < 30; row++) {
    way.happen(row, 0)
    way.pass()
  }
  way.pass()
  way.turn()
  assert.deepEqual([way.emitted.length, way.mirror.size], [1, 30])
  way.crash()
  way.settle()
  way.happen(30, 0)
  way.settle()
  const types = way.emitted.map(({ type }) => type)
  assert.deepEqual(types, [...Array(8).fill('member-join'), 'lagged', 'member-join'])
  const lagged = way.emitted[8]
  assert.ok(lagged.type === 'lagged' && lagged.count === 22 && lagged.members.length === 30)
})

test('a listener of 100 ms is served one event a turn, and 256 events a turn if it takes no time', () => {
  for (const [listenerTime, most] of [
    [100, 1],
    [0, 256],
    [0.5, 11],
  ]) {
    const way = new Way(OFF, ['member-join'])
    way.listenerTime = listenerTime
    for (let row = 0; row < 1_000; row++) way.happen(row, 0)
    way.pass()
    way.turn()
    assert.ok(way.emitted.length <= most && way.emitted.length > 0, `${way.emitted.length} in one turn`)
    for (let turns = 1; turns < 300; turns++) {
      const before = way.emitted.length
      way.pass()
      way.turn()
      assert.ok(way.emitted.length - before <= most)
    }
    if (listenerTime === 0) assert.equal(way.emitted.length, 1_000)
  }
})

test('the mirror does not wait for a listener: it is the table while thousands of events wait', () => {
  const way = new Way(OFF, ['member-join'])
  way.listenerTime = 100
  for (let row = 0; row < 5_000; row++) {
    way.happen(row, 0)
    if (row % 50 === 0) way.pass()
  }
  way.pass()
  way.pass()
  assert.equal(way.mirror.size, 5_000)
  assert.ok(way.emitted.length < 10)
})

test('who comes while events wait begins with what others have heard so far, and hears the rest once', async () => {
  const way = new Way(OFF, ['member-join'])
  way.listenerTime = 100
  for (let row = 0; row < 20; row++) way.happen(row, 0)
  way.pass()
  way.pass()
  for (let i = 0; i < 5; i++) way.turn()
  assert.equal(way.mirror.size, 20)
  const events: ClusterEvent[] = []
  const iterator = way.listeners.iterate({ types: ['members', 'member-join'] })
  way.settle()
  for (let i = 0; i < 16; i++) events.push((await iterator.next()).value)
  const [first, ...rest] = events
  assert.ok(first.type === 'members' && first.members.length === 5)
  const names = [first, ...rest].flatMap((event) =>
    'members' in event ? event.members.map(({ name }) => name) : [],
  )
  assert.equal(new Set(names).size, 20)
  assert.equal(names.length, 20)
})

test('once all is told nothing is kept of how it was, and changes that are no events show too', () => {
  const mirror = new Mirror()
  const told = new Told(mirror)
  const pack = new Pack()
  packMember(pack, FACT.memberJoin, {
    ...PICTURE,
    row: 0,
    instance: 1,
    incarnation: 1,
    status: 1,
    name: utf8('m'),
  })
  const bytes = pack.take()
  mirror.apply(bytes, 1)
  assert.deepEqual([told.isBehind, told.members()], [true, []])
  told.tell(new FactReader(bytes))
  packMember(pack, FACT.memberChange, {
    ...PICTURE,
    row: 0,
    instance: 1,
    incarnation: 1,
    status: 2,
    name: utf8('m'),
  })
  mirror.apply(pack.take(), 2)
  told.settle(1)
  assert.deepEqual(
    told.members().map(({ status }) => status),
    ['alive'],
  )
  told.settle(2)
  assert.equal(told.isBehind, false)
  assert.deepEqual(
    told.members().map(({ status }) => status),
    ['leaving'],
  )
})
