/**
 * The dispatch actor: what happened, on its way to the host. It keeps its own view of the members and delivers with credit, so that a
 * slow host holds up nobody but itself.
 *
 * Here is the place of what later issues bring to the Serf layer: coalescing in front of the delivery; queries and their filters;
 * keys; name conflicts; the snapshot, which has a feed of its own and never loses anything.
 */
import { Packr } from 'msgpackr'
import type { Actor } from '../actors/contract.ts'
import { Counters, flatten, type Report } from '../actors/counters.ts'
import { FACT, FactReader } from '../actors/facts.ts'
import type { DispatchCommand, ToDispatch } from '../actors/mail.ts'
import { strikeOut } from '../actors/query-facts.ts'
import { memberOf } from '../member.ts'
import type { Settings } from '../options.ts'
import { Gate } from './gate.ts'
import { MemberView } from './view.ts'
import type { DispatchWorld } from './world.ts'

export class Dispatch implements Actor<ToDispatch> {
  readonly #world: DispatchWorld
  readonly #view = new MemberView()
  readonly #gate: Gate
  readonly #counters = new Counters()

  constructor(settings: Settings, world: DispatchWorld) {
    this.#world = world
    this.#gate = new Gate(settings, (news) => world.news(news))
  }

  get wakeAt(): number {
    return this.#gate.wakeAt
  }

  receive(mail: ToDispatch, now: number): void {
    switch (mail.type) {
      case 'facts':
        this.#counters.add('facts', mail.weight)
        this.#view.apply(mail.bytes)
        strikeOutQueries(mail.bytes)
        return this.#gate.facts(mail.bytes, mail.through, now)
      case 'asked':
      case 'answers':
      case 'keyring-set':
        // Nothing asks yet.
        return
      case 'taken':
        return this.#gate.taken(mail.number, now)
      case 'command':
        return this.#command(mail.id, mail.command)
    }
  }

  wake(now: number): void {
    this.#gate.wake(now)
  }

  #command(id: number, command: DispatchCommand): void {
    this.#world.reply(id, { ok: true, value: this.#answer(command), after: 0 })
  }

  #answer(command: DispatchCommand): unknown {
    switch (command.type) {
      case 'members':
        return this.#members()
      case 'stats':
        return flatten(this.#report())
      case 'metrics':
        return this.#report()
    }
  }

  /** All members as msgpackr records: half the time of a structured clone, and a quarter of its decoding. */
  #members(): Uint8Array {
    const members: unknown[] = []
    this.#view.each((picture) => {
      members.push({ row: picture.row, ...memberOf(picture) })
    })
    // Copied out of msgpackr's pooled buffer, which would be cloned whole with it.
    return Uint8Array.from(new Packr({ useRecords: true }).pack(members))
  }

  #report(): Report {
    return this.#counters.report({
      members: this.#view.size,
      untaken: this.#gate.delivery.untaken,
      waiting: this.#gate.delivery.waiting,
      ...this.#gate.gauges,
    })
  }
}

/** No query reaches the host so far. */
function strikeOutQueries(facts: Uint8Array): void {
  for (const reader = new FactReader(facts); !reader.atEnd; reader.next()) {
    if (reader.kind === FACT.query) strikeOut(reader)
  }
}
