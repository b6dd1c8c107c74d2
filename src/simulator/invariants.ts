/**
 * What must hold at every transition that any host sees, not only at the end. A broken one throws, with who saw what and when; the seed in
 * the message replays it.
 */
import { FACT } from '../actors/facts.ts'
import { after, isLegal, type Known } from '../dispatch/fold.ts'
import type { Transition } from './host.ts'

export class InvariantBroken extends Error {
  readonly transition: Transition

  constructor(rule: string, transition: Transition) {
    const { at, observer, kind, name } = transition
    super(
      `${rule}: at ${at.toFixed(1)} ms ${observer} saw ${kind} ${name} ${JSON.stringify(transition.member ?? transition.detail)}`,
    )
    this.transition = transition
  }
}

interface Seen {
  incarnation: number
  known: Known
  goneAt: number
  /** Address and port: a name that was given up may come back elsewhere with any incarnation. */
  place: string
}

const EVENTS: Partial<Record<Transition['kind'], number>> = {
  join: FACT.memberJoin,
  leave: FACT.memberLeave,
  failed: FACT.memberFailed,
  update: FACT.memberUpdate,
  reap: FACT.memberReap,
}

/** Checks the transitions of one host's life. */
export class Invariants {
  readonly #seen = new Map<string, Seen>()
  readonly #events = new Set<string>()
  /** After this time memberlist may have forgotten a dead member, and with it its incarnation. */
  readonly #forgottenAfter: number

  constructor(gossipToTheDeadTime: number) {
    this.#forgottenAfter = gossipToTheDeadTime
  }

  check(transition: Transition): void {
    if (transition.kind === 'user') this.#checkUserEvent(transition)
    else this.#checkMember(transition)
  }

  #checkUserEvent(transition: Transition): void {
    const event = `${transition.name} ${transition.detail}`
    if (this.#events.has(event))
      throw new InvariantBroken('a user event reaches a host at most once', transition)
    this.#events.add(event)
  }

  #checkMember(transition: Transition): void {
    const { name, member, kind, at, observer } = transition
    if (member === undefined) return
    const before = this.#seen.get(name)
    const known = before?.known ?? 'nothing'
    const event = EVENTS[kind]
    if (event !== undefined && !isLegal(known, event)) {
      throw new InvariantBroken(`${kind} cannot follow when the host knows it as ${known}`, transition)
    }
    if (name === observer && kind === 'failed') {
      throw new InvariantBroken('a running member never shows itself failed', transition)
    }
    const place = `${member.address}:${member.port}`
    if (before !== undefined) this.#checkIncarnation(transition, before, place, member.incarnation)
    const next = event === undefined ? known : after(known, event)
    const isGone = next === 'failed' || next === 'left'
    // A word about somebody who is gone already, such as a newer intent, is no second death.
    const goneAt = next === known && before !== undefined ? before.goneAt : isGone ? at : 0
    this.#seen.set(name, { incarnation: member.incarnation, known: next, goneAt, place })
  }

  #checkIncarnation(transition: Transition, before: Seen, place: string, incarnation: number): void {
    const wasGone = before.known === 'failed' || before.known === 'left'
    const mayBeForgotten = wasGone && transition.at - before.goneAt >= this.#forgottenAfter
    if (mayBeForgotten || place !== before.place) return
    if (incarnation < before.incarnation) {
      throw new InvariantBroken('an incarnation never falls while a member stays', transition)
    }
    if (transition.kind === 'join' && wasGone && incarnation <= before.incarnation) {
      throw new InvariantBroken('nobody rises from the dead at the same incarnation', transition)
    }
  }
}
