/** What makes a join true, in virtual time: which sign proves what, and what is said when none comes within two probe intervals. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Confirmations, type Verdict, type Waiting } from '../../src/gossip/confirmations.ts'
import type { Exchange, Findings } from '../../src/gossip/exchange.ts'
import type { Listing } from '../../src/gossip/own-listing.ts'

const INTERVAL = 1_000
const PLACE = { ip: '10.0.0.1', port: 7946 }
const listing = (standing: Listing['standing'], place = '10.0.0.9:7946'): Listing => ({ standing, place })
const ABSENT = listing('absent', '')
const HELD = listing('held')

/** A join and a peer: what the peer's later states say, and whether it acknowledges. */
class Quay {
  now = 0
  isAlone = true
  /** After how many milliseconds a greeting is acknowledged. */
  ackAfter = Number.POSITIVE_INFINITY
  later: { error: string; findings: Findings; after: number } = { error: '', findings: {}, after: 5 }
  greeted = 0
  exchanges: { at: number; done: Exchange['done'] }[] = []
  verdict: Verdict | undefined
  verdictAt = Number.NaN
  readonly confirmations: Confirmations
  readonly #due: { at: number; run(): void }[] = []

  constructor(interval = INTERVAL) {
    this.confirmations = new Confirmations(interval, {
      isAlone: () => this.isAlone,
      now: () => this.now,
      greet: (number) => {
        this.greeted += 1
        this.#due.push({ at: this.now + this.ackAfter, run: () => this.confirmations.greeted(number) })
      },
      exchange: (_ip, _port, { done, reason }) => {
        assert.equal(reason, 'sync')
        this.exchanges.push({ at: this.now, done })
        const { error, findings, after } = this.later
        this.#due.push({ at: this.now + after, run: () => done(error, findings) })
        return this.exchanges.length
      },
    })
  }

  /** The verdict in two words; empty while there is none. */
  get said(): string {
    const { verdict } = this
    if (verdict === undefined) return ''
    return verdict.kind === 'held' ? 'held' : `${verdict.kind} ${verdict.reason}`
  }

  get detail(): string {
    return this.verdict === undefined || this.verdict.kind === 'held' ? '' : this.verdict.detail
  }

  join(first: Listing = ABSENT, ticket = 0): Waiting {
    const waiting = this.confirmations.open(ticket, 'deliver')
    this.confirmations.reached(waiting, PLACE, first)
    this.confirmations.settle(waiting, (verdict) => {
      assert.equal(this.verdict, undefined, 'answered twice')
      this.verdict = verdict
      this.verdictAt = this.now
    })
    return waiting
  }

  run(milliseconds: number): void {
    for (const until = this.now + milliseconds; this.now < until; this.now++) {
      for (const one of this.#due.splice(0)) {
        if (one.at > this.now) this.#due.push(one)
        else one.run()
      }
      if (this.now >= this.confirmations.wakeAt) this.confirmations.wake()
    }
  }
}

test('our own word that comes back confirms the join of who was alone, without another push/pull', () => {
  const quay = new Quay()
  quay.join()
  quay.run(30)
  assert.equal(quay.said, '')
  quay.confirmations.heard('another')
  assert.equal(quay.said, '', 'a packet alone proves nothing')
  quay.confirmations.heard('ours')
  assert.equal(quay.said, 'held')
  assert.deepEqual([quay.exchanges.length, quay.confirmations.isOpen], [0, false])
})

test('a ping that names us confirms it, and so does a state that lists us once a packet came', () => {
  const pinged = new Quay()
  pinged.join()
  pinged.confirmations.greeted(0)
  assert.equal(pinged.said, 'held')
  const pushed = new Quay()
  pushed.join()
  pushed.confirmations.served('sync', HELD)
  assert.equal(pushed.said, '', 'TCP alone does not make a member')
  pushed.confirmations.heard('another')
  assert.equal(pushed.said, 'held')
})

test('without a sign the member is asked again after one interval: listed and acknowledged is held', () => {
  const quay = new Quay()
  quay.ackAfter = 3
  quay.later = { error: '', findings: { listing: HELD }, after: 5 }
  quay.join()
  quay.run(5_000)
  assert.equal(quay.said, 'held')
  assert.ok(quay.verdictAt >= INTERVAL && quay.verdictAt < INTERVAL + 20, `${quay.verdictAt}`)
})

test('listed, and no packet ever comes: a firewall, at two intervals', () => {
  for (const first of [ABSENT, HELD]) {
    const quay = new Quay()
    quay.later = { error: '', findings: { listing: HELD }, after: 5 }
    quay.join(first)
    quay.run(10_000)
    assert.equal(quay.said, 'unconfirmed firewall')
    assert.equal(quay.verdictAt, 2 * INTERVAL)
    assert.ok(quay.greeted >= 5 && quay.greeted <= 9, `${quay.greeted} greetings`)
    assert.ok(quay.exchanges.length <= 3, `${quay.exchanges.length} push/pulls`)
  }
})

test('not listed although packets come and go: a rule, at two intervals', () => {
  const quay = new Quay()
  quay.ackAfter = 3
  quay.later = { error: '', findings: { listing: ABSENT }, after: 5 }
  quay.join()
  quay.run(10_000)
  assert.equal(quay.said, 'refused rule')
  assert.equal(quay.verdictAt, 2 * INTERVAL)
})

test('our name at another address: refused as soon as the other one is known to be there, at two intervals otherwise', () => {
  const other = { ip: '10.0.0.7', port: 7946 }
  const elsewhere = listing('elsewhere', '10.0.0.7:7946')
  const early = new Quay()
  early.join(elsewhere)
  const conflict = { type: 'name-conflict' as const, name: 'self', existing: PLACE, other }
  early.confirmations.conflict({ ...conflict, about: 'member' })
  early.confirmations.conflict({ ...conflict, about: 'self', other: { ip: '10.0.0.8', port: 7946 } })
  assert.equal(early.said, '')
  early.confirmations.conflict({ ...conflict, about: 'self' })
  assert.equal(early.said, 'refused name')
  const late = new Quay()
  late.ackAfter = 3
  late.later = { error: '', findings: { listing: elsewhere }, after: 5 }
  late.join(elsewhere)
  late.run(10_000)
  assert.equal(late.detail.includes('10.0.0.7:7946'), true)
  assert.equal(late.verdictAt, 2 * INTERVAL)
  // The old owner was dead, and the name moved to us meanwhile.
  const freed = new Quay()
  freed.ackAfter = 3
  freed.later = { error: '', findings: { listing: HELD }, after: 5 }
  freed.join(elsewhere)
  freed.run(10_000)
  assert.equal(freed.said, 'held')
})

test('a member that is not there any more, or holds us for gone, leaves the join in doubt', () => {
  const quay = new Quay()
  quay.later = { error: 'ECONNREFUSED', findings: {}, after: 5 }
  quay.join()
  quay.run(10_000)
  assert.equal(quay.detail.includes('ECONNREFUSED'), true)
  const gone = new Quay()
  gone.later = { error: '', findings: { listing: listing('gone') }, after: 5 }
  gone.join(listing('gone'))
  gone.run(10_000)
  assert.equal(gone.said, 'unconfirmed silent')
})

test('an answer that is under way at two intervals is waited for, if there was none before', () => {
  const quay = new Quay()
  quay.ackAfter = 3
  quay.later = { error: '', findings: { listing: HELD }, after: 4_000 }
  quay.join()
  quay.run(4_900)
  assert.equal(quay.said, '')
  quay.run(200)
  assert.equal(quay.said, 'held')
})

test('a process that was stopped over the deadline looks once more before it judges, and once only', () => {
  const stopped = new Quay()
  stopped.join()
  stopped.run(500)
  stopped.now = 60_000
  stopped.run(100)
  assert.equal(stopped.said, '')
  stopped.confirmations.heard('ours')
  assert.equal(stopped.said, 'held')
  const alone = new Quay()
  alone.later = { error: 'ECONNREFUSED', findings: {}, after: 5 }
  alone.join()
  alone.run(500)
  alone.now = 60_000
  alone.run(900)
  assert.equal(alone.said, '')
  alone.now = 90_000
  alone.run(10)
  assert.equal(alone.said, 'unconfirmed silent')
})

test('who is known to others already believes the one that it joined, and nobody else', () => {
  const quay = new Quay()
  quay.isAlone = false
  quay.ackAfter = 3
  quay.later = { error: '', findings: { listing: ABSENT }, after: 5 }
  quay.join()
  for (let i = 0; i < 3; i++) quay.confirmations.heard('ours')
  quay.confirmations.greeted(0)
  quay.confirmations.served('sync', HELD)
  assert.equal(quay.said, '')
  quay.run(4)
  assert.equal(quay.exchanges.length, 1, 'asked as soon as it acknowledged')
  quay.run(10_000)
  assert.equal(quay.said, 'refused rule')
  const known = new Quay()
  known.isAlone = false
  known.ackAfter = 3
  known.join(HELD)
  known.run(5)
  assert.deepEqual([known.said, known.exchanges.length], ['held', 0])
})

test('somebody who joins us meanwhile, or a second join of ours, proves nothing for the first', () => {
  const joined = new Quay()
  joined.join()
  joined.confirmations.served('join', undefined)
  joined.confirmations.heard('ours')
  assert.equal(joined.said, '')
  const twice = new Quay()
  twice.join()
  twice.confirmations.open(2, 'deliver')
  twice.confirmations.heard('ours')
  assert.equal(twice.said, '')
})

test('an older life of ours in the first state proves nothing, in a later one that we are held', () => {
  const quay = new Quay()
  quay.ackAfter = 3
  quay.later = { error: '', findings: { listing: listing('older') }, after: 5 }
  quay.join(listing('older'))
  quay.run(500)
  assert.equal(quay.said, '')
  quay.run(1_000)
  assert.equal(quay.said, 'held')
})

test('a join that is given up is over, and nothing is asked any more', () => {
  const quay = new Quay()
  quay.join(ABSENT, 7)
  quay.confirmations.cancel(8)
  assert.equal(quay.said, '')
  quay.confirmations.cancel(7)
  assert.equal(quay.said, 'unconfirmed silent')
  const asked = quay.greeted
  quay.run(10_000)
  assert.deepEqual([quay.greeted, quay.exchanges.length, quay.confirmations.wakeAt], [asked, 0, Infinity])
})

test('short intervals leave gossip its time: a second at least', () => {
  const quay = new Quay(50)
  quay.join()
  quay.run(999)
  assert.equal(quay.said, '')
  quay.run(100)
  assert.equal(quay.said, 'unconfirmed silent')
})
