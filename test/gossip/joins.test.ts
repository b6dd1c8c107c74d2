/** Joins in virtual time: who is dialled when, what is answered when, and what each seed is told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FoundPlace, SeedOutcome } from '../../src/actors/mail.ts'
import type { Exchange } from '../../src/gossip/exchange.ts'
import { Joins } from '../../src/gossip/joins.ts'

const SELF = { name: 'self', ip: '10.0.0.99', port: 7946, bindPort: 7946 }

/** A world in which addresses answer after so many milliseconds, or never. */
class Harbour {
  now = 0
  answers: Record<string, number> = {}
  readonly names = new Map<string, { places: FoundPlace[]; after: number }>()
  readonly dialled: { place: string; at: number }[] = []
  readonly cancelled: number[] = []
  readonly joins: Joins
  outcomes: SeedOutcome[] | undefined
  answeredAt = Number.NaN
  mostOpen = 0
  #open = new Map<number, { exchange: Exchange; at: number }>()
  readonly #lookups: { lookup: number; places: FoundPlace[]; at: number }[] = []

  constructor(bindIp = '10.0.0.99', self: Partial<typeof SELF> & { boundIps?: string[] } = {}) {
    this.joins = new Joins(bindIp, 10_000, {
      exchange: (ip, port, exchange) => {
        const place = `${ip}:${port}`
        this.dialled.push({ place, at: this.now })
        // An address that nobody answers at hangs until the stream's deadline.
        this.#open.set(this.dialled.length, { exchange, at: this.now + (this.answers[place] ?? 10_000) })
        this.mostOpen = Math.max(this.mostOpen, this.#open.size)
        return this.dialled.length
      },
      cancel: (id) => {
        this.#open.delete(id)
        this.cancelled.push(id)
      },
      now: () => this.now,
      resolve: (lookup, host) => {
        const { places, after } = this.names.get(host) ?? { places: [], after: 5 }
        this.#lookups.push({ lookup, places, at: this.now + after })
      },
    })
    this.joins.begin({ ...SELF, ...self })
  }

  join(seeds: string[], ticket = 0): void {
    const done = (outcomes: SeedOutcome[]) => {
      assert.equal(this.outcomes, undefined, 'answered twice')
      this.outcomes = outcomes
      this.answeredAt = this.now
    }
    this.joins.start(ticket, { seeds, oldEvents: 'deliver', done })
  }

  run(milliseconds: number): void {
    for (const until = this.now + milliseconds; this.now < until; this.now++) {
      for (const [id, { exchange, at }] of [...this.#open]) {
        if (at > this.now || !this.#open.delete(id)) continue
        const { place } = this.dialled[id - 1]
        exchange.done(place in this.answers ? '' : 'no answer within 10000 ms', {})
      }
      for (const asked of this.#lookups.splice(0)) {
        if (asked.at > this.now) this.#lookups.push(asked)
        else this.joins.resolved(asked.lookup, asked.places, asked.places.length > 0 ? '' : 'ENOTFOUND')
      }
      if (this.now >= this.joins.wakeAt) this.joins.wake()
    }
  }

  outcome(seed: string): SeedOutcome {
    const found = this.outcomes?.find((outcome) => outcome.seed === seed)
    assert.ok(found !== undefined, `no outcome for ${seed}`)
    return found
  }
}

const holes = (count: number) => Array.from({ length: count }, (_, i) => `10.9.0.${i + 1}`)

test('32 addresses that swallow everything and a good one at the end: joined in less than two seconds', () => {
  const harbour = new Harbour()
  harbour.answers = { '10.0.0.1:7946': 40 }
  harbour.join([...holes(32), '10.0.0.1'])
  harbour.run(60_000)
  const contact = harbour.dialled.find(({ place }) => place === '10.0.0.1:7946')
  assert.ok(contact !== undefined && contact.at < 1_000, `dialled at ${contact?.at}`)
  assert.ok(harbour.answeredAt < 2_000 + 50, `answered at ${harbour.answeredAt}`)
  assert.equal(harbour.outcome('10.0.0.1').reached, true)
  assert.match(harbour.outcome('10.9.0.1').error, /no answer/)
  assert.equal(harbour.joins.size, 0, 'something is kept')
})

test('ten are dialled at once, and never more than 64 hang', () => {
  const harbour = new Harbour()
  harbour.join(holes(200))
  assert.equal(harbour.dialled.length, 10)
  harbour.run(299)
  assert.equal(harbour.dialled.length, 10)
  harbour.run(5)
  assert.equal(harbour.dialled.length, 20)
  harbour.run(100_000)
  assert.equal(harbour.mostOpen, 64)
  assert.equal(harbour.dialled.length, 200)
  assert.ok(harbour.outcomes?.every(({ reached }) => !reached))
})

test('all that answer soon are reached: a join of two pools joins both', () => {
  const harbour = new Harbour()
  harbour.answers = { '10.0.0.1:7946': 20, '10.0.0.2:7946': 700 }
  harbour.join(['10.0.0.1', '10.0.0.2'])
  harbour.run(2_000)
  assert.ok(harbour.outcomes?.every(({ reached }) => reached))
})

test('one that answers after the others were waited for is still heard of by gossip', () => {
  const harbour = new Harbour()
  harbour.answers = { '10.0.0.1:7946': 20, '10.0.0.2:7946': 3_000 }
  harbour.join(['10.0.0.1', '10.0.0.2'])
  harbour.run(2_000)
  assert.equal(harbour.outcome('10.0.0.2').reached, false)
  assert.equal(harbour.joins.size, 1)
  harbour.run(2_000)
  assert.deepEqual([harbour.joins.size, harbour.cancelled], [0, []])
})

test('a name stands for all its addresses; SRV brings ports; the same place is dialled once', () => {
  const harbour = new Harbour()
  const fifty = holes(50).map((ip) => ({ ip, port: 0 }))
  harbour.names.set('many.example.org', { places: fifty, after: 5 })
  harbour.names.set('_serf._udp.example.org', { places: [{ ip: '10.9.0.1', port: 7000 }], after: 5 })
  harbour.answers = { '10.9.0.50:7946': 5, '10.9.0.1:7000': 5 }
  harbour.join(['many.example.org', '_serf._udp.example.org', '10.9.0.50'])
  harbour.run(20_000)
  assert.equal(harbour.dialled.length, 51)
  assert.equal(harbour.outcome('many.example.org').addresses.length, 50)
  assert.ok(
    harbour.outcomes?.every(({ reached }) => reached),
    'a seed was not reached',
  )
})

test('a name that stands for ourselves reaches nobody', () => {
  const bound = { ip: '10.0.0.99', boundIps: ['10.0.0.99', '192.168.1.7', 'fd00::7'] }
  for (const ip of ['10.0.0.99', '192.168.1.7', '127.0.0.1', '127.9.9.9', '::1', 'fd00::7']) {
    const harbour = new Harbour('::', bound)
    harbour.names.set('me', { places: [{ ip, port: 0 }], after: 5 })
    harbour.join(['me'])
    harbour.run(100)
    assert.match(harbour.outcome('me').error, /our own address/, ip)
    assert.deepEqual(harbour.dialled, [])
  }
  const other = new Harbour('0.0.0.0', bound)
  other.join(['127.0.0.1:7947'])
  assert.equal(other.dialled.length, 1, 'another port of this host is somebody else')
})

test('addresses of a family that our packets cannot be of are not dialled, and say why', () => {
  const harbour = new Harbour('0.0.0.0')
  harbour.names.set('both', {
    places: [
      { ip: 'fd00::1', port: 0 },
      { ip: '10.0.0.1', port: 0 },
    ],
    after: 5,
  })
  harbour.answers = { '10.0.0.1:7946': 5 }
  harbour.join(['both', '[fd00::2]:7946'])
  harbour.run(2_000)
  assert.deepEqual(
    harbour.dialled.map(({ place }) => place),
    ['10.0.0.1:7946'],
  )
  assert.match(harbour.outcome('[fd00::2]:7946').error, /bound to IPv4 only/)
})

test('a resolver that hangs costs its own seed only, and not for ever', () => {
  const harbour = new Harbour()
  harbour.names.set('slow', { places: [{ ip: '10.0.0.2', port: 0 }], after: 60_000 })
  harbour.answers = { '10.0.0.1:7946': 5 }
  harbour.join(['slow', '10.0.0.1', 'nobody', 'no place'])
  harbour.run(1_100)
  assert.ok(harbour.answeredAt < 1_100)
  assert.match(harbour.outcome('nobody').error, /ENOTFOUND/)
  assert.match(harbour.outcome('no place').error, /not an address/)
  harbour.run(60_000)
  assert.deepEqual([harbour.joins.size, harbour.dialled.length], [0, 1])
})

test('a cancelled join drops its dials, dials nobody any more, and answers at once', () => {
  const harbour = new Harbour()
  harbour.join(holes(30), 7)
  harbour.run(100)
  harbour.joins.cancel(8)
  assert.equal(harbour.outcomes, undefined)
  harbour.joins.cancel(7)
  assert.match(harbour.outcome('10.9.0.1').error, /given up/)
  assert.deepEqual(harbour.cancelled, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  harbour.run(20_000)
  assert.deepEqual([harbour.dialled.length, harbour.joins.size], [10, 0])
})

test('a join that may choose dials what it chose, once all names are known', () => {
  const harbour = new Harbour()
  harbour.names.set('late', { places: [{ ip: '10.0.0.3', port: 0 }], after: 500 })
  harbour.answers = { '10.0.0.3:7946': 5 }
  const seen: string[] = []
  harbour.joins.start(0, {
    seeds: ['10.0.0.1', 'late'],
    oldEvents: 'deliver',
    choose: (places) => {
      seen.push(...places.map(({ ip }) => ip))
      return places.filter(({ ip }) => ip === '10.0.0.3')
    },
    done: (outcomes) => {
      harbour.outcomes = outcomes
    },
  })
  harbour.run(499)
  assert.deepEqual([harbour.dialled, seen], [[], []])
  harbour.run(100)
  assert.deepEqual(seen, ['10.0.0.1', '10.0.0.3'])
  assert.deepEqual(
    harbour.dialled.map(({ place }) => place),
    ['10.0.0.3:7946'],
  )
  assert.equal(harbour.outcome('late').reached, true)
  assert.equal(harbour.outcome('10.0.0.1').reached, false)
})
