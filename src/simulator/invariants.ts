/**
 * What must hold at every transition that any host sees, not only at the end. A broken one throws, with who saw what and when; the seed in
 * the message replays it.
 */
import { FACT, STATUS } from '../actors/facts.ts'
import { after, isLegal, type Known, knownAs } from '../dispatch/fold.ts'
import type { Transition } from './host.ts'

export class InvariantBroken extends Error {
  /** The rule in words: a scenario is shrunk as long as it breaks the same one. */
  readonly rule: string

  constructor(rule: string, what: string) {
    super(`${rule}: ${what}`)
    this.rule = rule
  }
}

function broken(rule: string, transition: Transition): InvariantBroken {
  const { at, observer, kind, name, member, detail } = transition
  const seen = JSON.stringify(member ?? detail)
  return new InvariantBroken(rule, `at ${at.toFixed(1)} ms ${observer} saw ${kind} ${name} ${seen}`)
}

interface Seen {
  incarnation: number
  known: Known
  /** Address and port: a name that was given up may come back elsewhere with any incarnation. */
  place: string
  isGone: boolean
  goneAt: number
  /** With which incarnation it went and from where: the mirror may be further by the time that listeners hear of its return. */
  gone: string
  goneWith: number
}

const NEVER: Seen = {
  incarnation: 0,
  known: 'nothing',
  place: '',
  isGone: false,
  goneAt: 0,
  gone: '',
  goneWith: 0,
}

const STATUSES = { alive: STATUS.alive, leaving: STATUS.leaving, left: STATUS.left, failed: STATUS.failed }

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

  /** What a host that heard all events thinks of a member. */
  known(name: string): Known {
    return this.#seen.get(name)?.known ?? 'nothing'
  }

  check(transition: Transition): void {
    if (transition.kind === 'user' || transition.kind === 'query') this.#checkOnce(transition)
    else this.#checkMember(transition)
  }

  #checkOnce(transition: Transition): void {
    const { kind, name, detail } = transition
    const what = `${kind} ${name} ${detail}`
    if (this.#events.has(what))
      throw broken(`a ${kind === 'user' ? 'user event' : 'query'} reaches a host at most once`, transition)
    this.#events.add(what)
  }

  #checkMember(transition: Transition): void {
    const { name, member, kind, at, observer } = transition
    if (member === undefined) return
    const before = this.#seen.get(name) ?? NEVER
    const { known } = before
    const event = EVENTS[kind]
    if (event !== undefined && !isLegal(known, event)) {
      throw broken(`${kind} cannot follow when the host knows a member as ${known}`, transition)
    }
    if (name === observer && kind === 'failed') {
      throw broken('a running member never shows itself failed', transition)
    }
    const { incarnation, status, address, port } = member
    const place = `${address}:${port}`
    if (before !== NEVER) this.#checkIncarnation(transition, before, place, incarnation)
    const isGone = status === 'failed' || status === 'left'
    this.#seen.set(name, {
      incarnation,
      known: kind === 'known' ? knownAs(STATUSES[status]) : event === undefined ? known : after(known, event),
      place,
      isGone,
      goneAt: isGone && !before.isGone ? at : before.goneAt,
      gone: isGone ? place : before.gone,
      goneWith: isGone ? incarnation : before.goneWith,
    })
  }

  #checkIncarnation(transition: Transition, before: Seen, place: string, incarnation: number): void {
    const { at, kind } = transition
    // memberlist may have forgotten it meanwhile, and its incarnation with it.
    const wasGone = before.known === 'failed' || before.known === 'left'
    if ((before.isGone || wasGone) && at - before.goneAt >= this.#forgottenAfter) return
    if (place === before.place && incarnation < before.incarnation) {
      throw broken('an incarnation never falls while a member stays', transition)
    }
    if (kind === 'join' && wasGone && place === before.gone && incarnation <= before.goneWith) {
      throw broken('nobody rises from the dead at the same incarnation', transition)
    }
  }
}
