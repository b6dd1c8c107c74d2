/**
 * Coalescing, in front of the delivery (protocol page 2, section 4.12): events are held back for a while, so that many changes in a
 * short time reach the host as few. A stage is on when both its periods are above 0. What it holds goes on when nothing more came for
 * the quiescent period, or the coalesce period after the first of them, whichever is sooner.
 *
 *     members        per member what became of it since the host heard last, one event per type with all members of that type
 *     user events    those that allow it: per name those with the highest Lamport time
 *
 * The mirror is never held up, only what listeners hear. The original keeps the latest event of each member for ever and says an update
 * again at every flush; here nothing is kept when it was said, and what a host hears of a member is always a legal sequence, even where
 * a join and an update fall into one window (the original then says only the update).
 */
import { FACT, FactReader, goOn } from '../actors/facts.ts'
import { toLatin } from '../actors/latin.ts'
import { Pack } from '../actors/packed.ts'
import { after, type Known, KnownRows, knownAs } from './fold.ts'
import { addTo, retold, retoldAsOf } from './retold.ts'

/** The two timers of a stage. */
export class Window {
  readonly #period: number
  readonly #quiescent: number
  #endsAt = Number.POSITIVE_INFINITY
  #quietAt = Number.POSITIVE_INFINITY

  constructor(period: number, quiescent: number) {
    this.#period = period
    this.#quiescent = quiescent
  }

  get isOn(): boolean {
    return this.#period > 0 && this.#quiescent > 0
  }

  /** When what is held is due; `Infinity` when nothing is. */
  get dueAt(): number {
    return Math.min(this.#endsAt, this.#quietAt)
  }

  touch(now: number): void {
    if (this.#endsAt === Number.POSITIVE_INFINITY) this.#endsAt = now + this.#period
    this.#quietAt = now + this.#quiescent
  }

  reset(): void {
    this.#endsAt = Number.POSITIVE_INFINITY
    this.#quietAt = Number.POSITIVE_INFINITY
  }
}

/** Events that a flush gives out: packed records, and how many. */
export interface Flush {
  bytes: Uint8Array
  count: number
}

interface HeldMember {
  row: number
  instance: number
  known: Known
  now: Known
  hasUpdate: boolean
  /** How it went the last time. */
  departure: number
  first: Uint8Array
  /** The last picture of the member. */
  picture: Uint8Array
}

/** Order of the events of one flush: a member that has two of them gets them in a legal order. */
const ORDER = [FACT.memberJoin, FACT.memberUpdate, FACT.memberLeave, FACT.memberFailed, FACT.memberReap]

/** Member events held back. */
export class MemberCoalescer {
  readonly #held = new Map<number, HeldMember>()
  /** Those whose row is another's by now. */
  #moved: HeldMember[] = []
  /** What the host thinks of each row, by the events that went out. */
  readonly #known = new KnownRows()

  get size(): number {
    return this.#held.size + this.#moved.length
  }

  /** Takes a member's record in; whether that starts the timers, which a mere change of the mirror does not. */
  hold(reader: FactReader): 'event' | 'change' {
    const { row, instance, kind } = reader
    if (kind === FACT.memberKnown) {
      this.#known.set(row, knownAs(reader.status))
      return 'change'
    }
    let held = this.#held.get(row)
    if (kind === FACT.memberChange) {
      if (held?.instance === instance) held.picture = copyOf(reader)
      return 'change'
    }
    const picture = copyOf(reader)
    if (held?.instance !== instance) {
      if (held !== undefined) this.#moved.push(held)
      const known = held === undefined ? this.#known.of(row) : 'nothing'
      held = { row, instance, known, now: known, hasUpdate: false, departure: 0, first: picture, picture }
      this.#held.set(row, held)
    }
    held.now = after(held.now, kind)
    held.picture = picture
    if (kind === FACT.memberUpdate) held.hasUpdate = true
    if (kind === FACT.memberLeave || kind === FACT.memberFailed) held.departure = kind
    return 'event'
  }

  /** All that is held, as events of many members each, and forgets it. Who lives in a row now is told of after who lived there before. */
  flush(): Flush {
    const pack = new Pack()
    const count = this.#tell(this.#moved, pack) + this.#tell(this.#held.values(), pack)
    this.#held.clear()
    this.#moved = []
    return { bytes: pack.take(), count }
  }

  #tell(members: Iterable<HeldMember>, pack: Pack): number {
    const groups = new Map<number, Uint8Array[]>(ORDER.map((kind) => [kind, []]))
    for (const held of members) {
      const events = netEvents(held)
      this.#known.set(held.row, events.reduce(after, held.known))
      for (const [i, event] of events.entries()) {
        const { picture } = held
        groups.get(event)?.push(i === events.length - 1 ? retold(picture, event) : retoldAsOf(picture, event))
      }
    }
    let count = 0
    for (const records of groups.values()) {
      for (const record of records.slice(0, -1)) goOn(record)
      for (const record of records) addTo(pack, record)
      count += records.length
    }
    return count
  }
}

/**
 * What a host that knew a member so hears of what became of it:
 *
 *     the host knows     true now          it hears
 *     nothing            failed | left     join, failed | leave
 *     nothing            reaped            (nothing: it never was there for this host)
 *     alive              alive             update, if there was one or it came back with other tags
 *     failed | left      the same          (nothing, though it was here meanwhile)
 *     nothing | gone     alive             join
 *     alive              failed | left     failed | leave
 *     failed             left              leave
 *     left               failed            join, failed
 *     alive              reaped            failed | leave, reap
 *     failed | left      reaped            reap
 */
function netEvents({ known, now, hasUpdate, departure, first, picture }: HeldMember): number[] {
  if (known === 'alive' && now === 'alive')
    return hasUpdate || !isSameMeta(first, picture) ? [FACT.memberUpdate] : []
  if (known === now) return []
  if (now === 'alive') return [FACT.memberJoin]
  if (now === 'nothing') return known === 'alive' ? [departure, FACT.memberReap] : [FACT.memberReap]
  if (now === 'left') return known === 'nothing' ? [FACT.memberJoin, FACT.memberLeave] : [FACT.memberLeave]
  return known === 'left' || known === 'nothing' ? [FACT.memberJoin, FACT.memberFailed] : [FACT.memberFailed]
}

interface HeldName {
  lamportTime: number
  records: Uint8Array[]
}

/** User events held back at most, in records and bytes; at the bound they go on before their time. */
const MOST_EVENTS = 16_384
const MOST_EVENT_BYTES = 4 * 1024 * 1024

/** User events held back: those of the highest Lamport time by name, and what is older is forgotten. */
export class UserCoalescer {
  readonly #byName = new Map<string, HeldName>()
  #count = 0
  #bytes = 0
  /** Events that newer ones of their name have replaced. */
  merged = 0

  get size(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count >= MOST_EVENTS || this.#bytes >= MOST_EVENT_BYTES
  }

  /** Takes a user event in whose sender allows it. */
  hold(reader: FactReader): void {
    const { eventName, lamportTime } = reader
    const name = toLatin(eventName, 0, eventName.length)
    let held = this.#byName.get(name)
    if (held !== undefined && lamportTime < held.lamportTime) {
      this.merged += 1
      return
    }
    if (held === undefined || lamportTime > held.lamportTime) {
      this.#forget(held)
      held = { lamportTime, records: [] }
      // A name that comes anew goes to the end: names go on in the order of their last events.
      this.#byName.delete(name)
      this.#byName.set(name, held)
    }
    held.records.push(copyOf(reader))
    this.#count += 1
    this.#bytes += reader.length
  }

  flush(): Flush {
    const pack = new Pack()
    for (const { records } of this.#byName.values()) for (const record of records) addTo(pack, record)
    const count = this.#count
    this.#byName.clear()
    this.#count = 0
    this.#bytes = 0
    return { bytes: pack.take(), count }
  }

  #forget(held: HeldName | undefined): void {
    if (held === undefined) return
    this.#count -= held.records.length
    this.merged += held.records.length
    for (const { length } of held.records) this.#bytes -= length
  }
}

function copyOf({ bytes, at, length }: FactReader): Uint8Array {
  return bytes.slice(at, at + length)
}

function isSameMeta(one: Uint8Array, other: Uint8Array): boolean {
  const a = new FactReader(one).meta
  const b = new FactReader(other).meta
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
