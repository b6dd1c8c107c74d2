/**
 * The address that peers are told, when it was given by name or left to the system: while we are alone it is looked up again with every try to
 * rejoin, and a new one is taken. Not while we are in a pool: there a member that shows up at another address is two members that claim one
 * name (protocol page 1, section 7.8, step 5), and whoever still reaches the old one would say so.
 *
 *     alone, a try ---> asked ---> the same, or nothing        nothing changes
 *                             '--> another: next incarnation, told to all machines that show our address
 */
import type { Counters } from '../actors/counters.ts'
import type { Self } from '../actors/mail.ts'
import type { Settings } from '../options/options.ts'
import { parseIp } from '../wire/address.ts'
import type { Claims } from './claims.ts'
import type { Disputes } from './disputes.ts'
import type { MemberTable } from './members.ts'
import type { GossipWorld } from './world.ts'

export interface AddressParts {
  world: Pick<GossipWorld, 'advertise' | 'detector' | 'log'>
  table: MemberTable
  claims: Claims
  disputes: Disputes
  counters: Counters
  /** Those that show our address to others. */
  shown(self: Self): void
}

export class OwnAddress {
  readonly #isFixed: boolean
  readonly #parts: AddressParts
  #self: Self | undefined
  #isAsked = false

  constructor({ advertiseIp, bindIp }: Pick<Settings, 'advertiseIp' | 'bindIp'>, parts: AddressParts) {
    const isGiven = parseIp(advertiseIp) !== undefined
    const isBound = advertiseIp === '' && bindIp !== '0.0.0.0' && bindIp !== '::'
    this.#isFixed = isGiven || isBound
    this.#parts = parts
  }

  begin(self: Self): void {
    this.#self = self
  }

  /** We are alone and about to try again: what is our address by now? One question at a time. */
  look(): void {
    const { world, claims } = this.#parts
    if (this.#isFixed || this.#isAsked || this.#self === undefined || claims.isLeaving) return
    if (world.advertise === undefined) return
    this.#isAsked = true
    world.advertise(this.#self.ip)
  }

  /** The answer; empty where there is none. */
  found(ip: string, now: number): void {
    this.#isAsked = false
    const { world, table, claims, disputes, counters } = this.#parts
    const address = parseIp(ip)
    // Who came meanwhile knows us where we were.
    const isAlone = table.active <= 1
    if (this.#self === undefined || address === undefined || ip === this.#self.ip || !isAlone) return
    if (claims.isLeaving) return
    world.log('warn', `our address is ${ip} by now, and no longer ${this.#self.ip}`)
    counters.add('folkmoot.address-changed')
    const self = { ...this.#self, ip }
    this.#self = self
    const row = claims.selfRow
    disputes.moving(row, now)
    const meta = table.meta(row).slice()
    table.setFacts(row, address, meta)
    claims.update(meta, () => undefined)
    this.#parts.shown(self)
    world.detector.tell({ type: 'self', self })
  }
}
