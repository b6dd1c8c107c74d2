/**
 * The last word before a suspicion becomes a death. Gossip is made of chances: a refutation may reach everybody but one, who would bury a member that
 * lives. So the accused is asked first, to its face, twice in each of the last two probe intervals:
 *
 *     its time is nearly up --> the accusation and a ping --> no ack        it dies when its time is up, not later than without the question
 *                                                         '-> ack           it lives: a member of ours has answered with its newest word already; of any
 *                                                                           other we ask the state, in which that word stands. Until that is here, and no
 *                                                                           longer than another probe interval, its time does not run out
 *
 * Nothing of it is new on the wire. The original buries without asking.
 */
import type { Outlet } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import type { ToDetector } from '../actors/mail.ts'
import { formatIp } from '../wire/address.ts'
import type { Exchange } from './exchange.ts'
import type { MemberTable } from './members.ts'
import { HELD } from './precedence.ts'
import type { Suspicions } from './suspicions.ts'
import type { Voice } from './voice.ts'

export interface AppealParts {
  table: MemberTable
  suspicions: Suspicions
  voice: Voice
  detector: Outlet<ToDetector>
  counters: Counters
  exchange(ip: string, port: number, exchange: Exchange): number
}

/** Questions in one probe interval; beyond it nobody is asked, and it is counted: so many do not die of a misunderstanding. */
const MOST_ASKED = 64
/** Questions whose ack is awaited; the oldest goes. */
const MOST_OPEN = 256
/** States that are asked for at a time. */
const MOST_EXCHANGES = 4

export class Appeals {
  readonly #probeInterval: number
  readonly #parts: AppealParts
  /** By a number below 0, which no greeting of a join has. */
  readonly #asked = new Map<number, { row: number; instance: number }>()
  #numbers = 0
  #exchanges = 0
  #countedFrom = Number.NEGATIVE_INFINITY
  #counted = 0

  constructor(probeInterval: number, parts: AppealParts) {
    this.#probeInterval = probeInterval
    this.#parts = parts
  }

  /** Asks a member whose suspicion is about to end. */
  ask(row: number, now: number): void {
    const { table, voice, detector, counters } = this.#parts
    if (!this.#mayAsk(now)) return counters.add('folkmoot.appeals-skipped')
    counters.add('folkmoot.appeals')
    voice.accusationTo(row)
    this.#numbers -= 1
    this.#asked.set(this.#numbers, { row, instance: table.instance.get(row) })
    this.#asked.delete(this.#numbers + MOST_OPEN)
    const ip = formatIp(table.address(row))
    detector.tell({
      type: 'greet',
      number: this.#numbers,
      name: table.name(row).slice(),
      ip,
      port: table.port[row],
    })
  }

  /** A ping of gossip's was acknowledged; false when it was none of ours. */
  greeted(number: number, now: number): boolean {
    if (number >= 0) return false
    const { table, suspicions, counters } = this.#parts
    const asked = this.#asked.get(number)
    this.#asked.delete(number)
    if (asked === undefined) return true
    const { row, instance } = asked
    const isSame = row < table.rowCount && table.isUsed(row) && table.instance.get(row) === instance
    if (!isSame || table.held[row] !== HELD.suspect || !suspicions.stay(row, now + this.#probeInterval))
      return true
    counters.add('folkmoot.appeals-answered')
    this.#askState(row)
    return true
  }

  #askState(row: number): void {
    if (this.#exchanges >= MOST_EXCHANGES) return
    const { table, exchange } = this.#parts
    this.#exchanges += 1
    const done = () => {
      this.#exchanges -= 1
    }
    exchange(formatIp(table.address(row)), table.port[row], { reason: 'sync', oldEvents: 'unasked', done })
  }

  #mayAsk(now: number): boolean {
    if (now - this.#countedFrom >= this.#probeInterval) {
      this.#countedFrom = now
      this.#counted = 0
    }
    this.#counted += 1
    return this.#counted <= MOST_ASKED
  }
}
