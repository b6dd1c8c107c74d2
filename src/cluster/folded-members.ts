/**
 * Member events that wait for a slow reader, folded per member: never more than two of each, and a legal sequence from what the reader
 * knows to what is true now (see `dispatch/fold.ts`).
 */
import { FACT } from '../actors/facts.ts'
import { folded, type Known } from '../dispatch/fold.ts'
import type { MemberEvent, MemberEventType } from './events.ts'
import type { Member, MemberBefore, MemberStatus } from './member.ts'
import { type Kept, memberFrom, sorted } from './told.ts'

const FACT_OF: Record<MemberEventType, number> = {
  'member-join': FACT.memberJoin,
  'member-leave': FACT.memberLeave,
  'member-failed': FACT.memberFailed,
  'member-update': FACT.memberUpdate,
  'member-reap': FACT.memberReap,
}
const TYPE_OF: Record<number, MemberEventType> = {
  [FACT.memberJoin]: 'member-join',
  [FACT.memberLeave]: 'member-leave',
  [FACT.memberFailed]: 'member-failed',
  [FACT.memberUpdate]: 'member-update',
  [FACT.memberReap]: 'member-reap',
}
const KNOWN_OF: Record<MemberStatus, Known> = {
  alive: 'alive',
  leaving: 'alive',
  failed: 'failed',
  left: 'left',
}
/** The status that a member had right after an event. */
const STATUS_AFTER: Partial<Record<MemberEventType, MemberStatus>> = {
  'member-join': 'alive',
  'member-failed': 'failed',
  'member-leave': 'left',
}

interface Slot {
  /** The member as the reader knows it. */
  before: Kept
  known: Known
  events: number[]
  /** The member after all of it. */
  member: Member
  /** What a single update replaced. */
  previous: MemberBefore | undefined
  /** Of its last event. */
  order: number
}

export class FoldedMembers {
  /** By name, in the order of their last events. */
  readonly #slots = new Map<string, Slot>()

  /** Order of the oldest; `Infinity` when nothing waits. */
  get oldest(): number {
    for (const { order } of this.#slots.values()) return order
    return Number.POSITIVE_INFINITY
  }

  /** `before`: how the members of the event were known until it, in its order. */
  add(event: MemberEvent, before: readonly Kept[], order: number): void {
    const kind = FACT_OF[event.type]
    for (const [i, member] of event.members.entries()) {
      const slot = this.#slots.get(member.name) ?? slotOf(member, before[i])
      const isFirst = slot.events.length === 0
      slot.events = folded(slot.known, [...slot.events, kind])
      slot.member = member
      slot.previous = isFirst ? event.previous?.[i] : undefined
      slot.order = order
      this.#slots.delete(member.name)
      if (slot.events.length > 0) this.#slots.set(member.name, slot)
    }
  }

  /** The oldest event. */
  take(): MemberEvent | undefined {
    for (const [name, slot] of this.#slots) {
      const [kind, ...later] = slot.events
      const type = TYPE_OF[kind]
      if (later.length === 0) {
        this.#slots.delete(name)
        return eventOf(type, slot.member, slot.previous)
      }
      const status = STATUS_AFTER[type] ?? slot.member.status
      const member = Object.freeze({ ...slot.member, status })
      slot.before = member
      slot.known = KNOWN_OF[status]
      slot.events = later
      return eventOf(type, member, undefined)
    }
    return undefined
  }

  /** How the reader knows those of whom something waits, by name. */
  known(): Map<string, Kept> {
    return new Map([...this.#slots].map(([name, { before }]) => [name, before]))
  }

  clear(): void {
    this.#slots.clear()
  }
}

function slotOf(member: Member, before: Kept): Slot {
  const known = memberFrom(before)
  // A row may have been another's.
  const isSame = known?.name === member.name
  return {
    before: isSame ? known : undefined,
    known: isSame ? KNOWN_OF[known.status] : 'nothing',
    events: [],
    member,
    previous: undefined,
    order: 0,
  }
}

function eventOf(type: MemberEventType, member: Member, previous: MemberBefore | undefined): MemberEvent {
  if (type !== 'member-update') return { type, members: [member] }
  return { type, members: [member], previous: [previous] }
}

/** The members with those of `known` as they are there. */
export function overlaid(members: readonly Member[], known: ReadonlyMap<string, Kept>): readonly Member[] {
  if (known.size === 0) return members
  const list = members.filter(({ name }) => !known.has(name))
  for (const [name, kept] of known) {
    const member = memberFrom(kept)
    if (member?.name === name) list.push(member)
  }
  return Object.freeze(sorted(list))
}
