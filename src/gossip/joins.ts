/**
 * The join command: seeds become addresses, each address gets a push/pull, and if one of them worked we say that we are
 * here (protocol page 1, 7.16; page 2, 4.3). Seeds are dialled side by side, so that one that hangs holds up nobody.
 */
import type { Envelope } from '../actors/contract.ts'
import type { Joined, SeedOutcome, Self } from '../actors/mail.ts'
import { JoinFailed, toPlain } from '../errors.ts'
import { formatIp, parseIp, parseSeed } from '../wire/address.ts'
import type { OldEvents } from './push-pull.ts'
import type { Exchange } from './streams.ts'

export interface JoinParts {
  exchange(ip: string, port: number, exchange: Exchange): void
  resolve(lookup: number, host: string): void
  /** Called once per join that reached somebody. */
  announce(): void
  reply(id: number, envelope: Envelope<Joined>): void
  /** Number of the last fact, for the reply. */
  through(): number
}

interface Join {
  readonly id: number
  readonly oldEvents: OldEvents
  readonly outcomes: SeedOutcome[]
  readonly errors: Map<SeedOutcome, string[]>
  readonly waiting: { outcome: SeedOutcome; ip: string; port: number }[]
  resolving: number
  dialling: number
}

/** Push/pulls of one join that run at once. */
const MOST_AT_ONCE = 10

export class Joins {
  readonly #parts: JoinParts
  readonly #lookups = new Map<number, { join: Join; outcome: SeedOutcome; port: number }>()
  #lookupNumber = 0
  #self: Self = { name: '', ip: '', port: 0, bindPort: 0 }

  constructor(parts: JoinParts) {
    this.#parts = parts
  }

  begin(self: Self): void {
    this.#self = self
  }

  start(id: number, seeds: readonly string[], oldEvents: OldEvents): void {
    const outcomes = seeds.map((seed) => ({ seed, addresses: [], reached: false, error: '' }))
    const join: Join = { id, oldEvents, outcomes, errors: new Map(), waiting: [], resolving: 0, dialling: 0 }
    for (const outcome of outcomes) this.#locate(join, outcome)
    this.#advance(join)
  }

  resolved(lookup: number, ips: readonly string[], error: string): void {
    const asked = this.#lookups.get(lookup)
    if (asked === undefined) return
    const { join, outcome, port } = asked
    this.#lookups.delete(lookup)
    join.resolving -= 1
    if (ips.length === 0) note(join, outcome, error === '' ? 'the name has no address' : error)
    for (const ip of ips) this.#addAddress(join, outcome, ip, port)
    this.#advance(join)
  }

  #locate(join: Join, outcome: SeedOutcome): void {
    const seed = parseSeed(outcome.seed, this.#self.bindPort)
    if (seed === undefined) {
      note(join, outcome, 'not an address: expected [name/]host[:port]')
      return
    }
    const literal = parseIp(seed.host)
    if (literal !== undefined) {
      this.#addAddress(join, outcome, formatIp(literal), seed.port)
      return
    }
    this.#lookupNumber += 1
    this.#lookups.set(this.#lookupNumber, { join, outcome, port: seed.port })
    join.resolving += 1
    this.#parts.resolve(this.#lookupNumber, seed.host)
  }

  #addAddress(join: Join, outcome: SeedOutcome, ip: string, port: number): void {
    outcome.addresses.push(ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)
    if (ip === this.#self.ip && port === this.#self.port) note(join, outcome, 'that is our own address')
    else join.waiting.push({ outcome, ip, port })
  }

  #advance(join: Join): void {
    while (join.dialling < MOST_AT_ONCE) {
      const next = join.waiting.shift()
      if (next === undefined) break
      join.dialling += 1
      const { outcome, ip, port } = next
      const done = (error: string) => {
        join.dialling -= 1
        if (error === '') outcome.reached = true
        else note(join, outcome, `${ip}:${port}: ${error}`)
        this.#advance(join)
      }
      this.#parts.exchange(ip, port, { reason: 'join', oldEvents: join.oldEvents, done })
    }
    if (join.dialling + join.resolving + join.waiting.length === 0) this.#finish(join)
  }

  #finish(join: Join): void {
    const { outcomes, id } = join
    for (const outcome of outcomes) {
      if (!outcome.reached) outcome.error = join.errors.get(outcome)?.join('; ') ?? 'not tried'
    }
    const reached = outcomes.filter((outcome) => outcome.reached).length
    if (reached === 0) {
      this.#parts.reply(id, { ok: false, error: toPlain(new JoinFailed(outcomes)) })
      return
    }
    this.#parts.announce()
    this.#parts.reply(id, { ok: true, value: { reached, outcomes }, after: this.#parts.through() })
  }
}

function note(join: Join, outcome: SeedOutcome, error: string): void {
  const errors = join.errors.get(outcome)
  if (errors === undefined) join.errors.set(outcome, [error])
  else errors.push(error)
}
