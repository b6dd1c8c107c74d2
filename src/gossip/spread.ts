/**
 * Gossip ticks: every interval a few members get a packet of broadcasts each (protocol page 1, section 7.14), and the
 * detector gets a tray of them to let ride on its pings and acks.
 *
 * The tray is a loan. Its sends are charged in the queue at once, so that no message is sent more often than its limit; when
 * the next tray replaces it, what was not used is handed back.
 */
import type { Outlet, Random } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import type { ToDetector } from '../actors/mail.ts'
import { Pack, packDelivery, packTrayItem } from '../actors/packed.ts'
import { formatIp } from '../wire/address.ts'
import type { Broadcast } from './broadcasts.ts'
import { chooseRows } from './choice.ts'
import type { MemberTable } from './members.ts'
import { HELD, isActive } from './precedence.ts'
import type { QueueName, Queues } from './queues.ts'

export interface SpreadRules {
  gossipInterval: number
  gossipNodes: number
  gossipToTheDeadTime: number
}

export interface SpreadParts {
  table: MemberTable
  queues: Queues
  random: Random
  detector: Outlet<ToDetector>
  counters: Counters
  clock(): number
}

/** Sends of one message that a tray may use: about what pings and acks carry between two ticks. */
const TRAY_SENDS = 2
/** Protocol maximum from which on a peer reads a checksum. */
const READS_CRC = 5

interface Loan {
  queue: QueueName
  item: Broadcast
  sends: number
  limit: number
}

export class Spread {
  readonly #rules: SpreadRules
  readonly #parts: SpreadParts
  readonly #pack = new Pack()
  #tickAt: number
  #tray = 0
  /** By tray: the one that is out, and until its account comes the one before it. */
  readonly #loans = new Map<number, Loan[]>()
  /** Row of ourselves. */
  selfRow = -1

  constructor(rules: SpreadRules, parts: SpreadParts) {
    this.#rules = rules
    this.#parts = parts
    this.#tickAt = parts.random.next() * rules.gossipInterval
  }

  /** The next tick; `Infinity` while there is nothing to tell. */
  get wakeAt(): number {
    return this.#isIdle ? Number.POSITIVE_INFINITY : this.#tickAt
  }

  /** To be called at the start of every turn: while there is nothing to tell, ticks pass unnoticed. */
  align(now: number): void {
    if (this.#isIdle) this.#skipTo(now)
  }

  wake(now: number): void {
    if (this.#isIdle || now < this.#tickAt) return
    const { counters, clock } = this.#parts
    const startedAt = clock()
    this.#skipTo(now)
    this.#sendPackets(now)
    this.#lendTray()
    counters.observe('memberlist.gossip', clock() - startedAt)
  }

  /** What the detector did not use of a tray that it has put away: one count per item. */
  piggybacked(tray: number, unused: Uint8Array): void {
    const loans = this.#loans.get(tray) ?? []
    this.#loans.delete(tray)
    loans.forEach(({ queue, item, sends, limit }, i) => {
      this.#parts.queues.giveBack(queue, item, sends, Math.min(sends, unused[i] ?? 0), limit)
    })
  }

  get #isIdle(): boolean {
    return this.#parts.queues.isEmpty && this.#loans.size === 0
  }

  #skipTo(now: number): void {
    const { gossipInterval } = this.#rules
    if (now >= this.#tickAt) {
      this.#tickAt += gossipInterval * (Math.floor((now - this.#tickAt) / gossipInterval) + 1)
    }
  }

  #sendPackets(now: number): void {
    const { table, queues, random, detector } = this.#parts
    const { gossipNodes, gossipToTheDeadTime } = this.#rules
    const isListener = (row: number) =>
      row !== this.selfRow &&
      (isActive(table.held[row]) ||
        (table.held[row] === HELD.dead && now - table.goneAt(row) <= gossipToTheDeadTime))
    for (const row of chooseRows(table, random, gossipNodes, isListener)) {
      const packets = queues.packets()
      if (packets.length === 0) break
      const protocolMax = table.versions.bytes(table.versionSet.get(row))[1]
      const checksum = protocolMax >= READS_CRC ? 'crc' : 'plain'
      const ip = formatIp(table.address(row))
      for (const packet of packets) packDelivery(this.#pack, packet, ip, table.port[row], checksum)
    }
    if (!this.#pack.isEmpty) detector.tell({ type: 'deliver', bytes: this.#pack.take() })
  }

  /** A new tray calls the one before it back; an empty one only calls back. */
  #lendTray(): void {
    const { queues, detector } = this.#parts
    const loans: Loan[] = []
    queues.lend(TRAY_SENDS, (queue, item, sends, limit) => {
      loans.push({ queue, item, sends, limit })
      packTrayItem(this.#pack, item.bytes, sends)
    })
    if (loans.length === 0 && this.#loans.size === 0) return
    this.#tray += 1
    if (loans.length > 0) this.#loans.set(this.#tray, loans)
    detector.tell({ type: 'tray', number: this.#tray, bytes: this.#pack.take() })
  }
}
