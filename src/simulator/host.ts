/**
 * The host of a simulated node: it takes news as the facade does, keeps a view of the members, writes down what it heard, and gives credit
 * back. What it sees is what a real host would see.
 */

import type { LogLevel, PlainError } from '../actors/contract.ts'
import { FACT, FactReader } from '../actors/facts.ts'
import type { ActorName, MirrorNews, News, QueryMail } from '../actors/mail.ts'
import { type QueryRecord, queryOf } from '../actors/query-facts.ts'
import { type Member, memberOf, textOf } from '../cluster/member.ts'

/** The facade of a node, as the node tells it of things. */
export interface NodeFacade {
  news(news: News | MirrorNews): void
  query(mail: QueryMail): void
  log(actor: ActorName, level: LogLevel, message: string): void
  stalled(state: 'stalled' | 'recovered', stalledFor: number): void
  /** The actors have begun, or cannot for this reason. */
  begun(error: PlainError | undefined): void
}

/** Something that a host heard or saw change. */
export interface Transition {
  at: number
  /** Who saw it. */
  observer: string
  kind: 'join' | 'leave' | 'failed' | 'update' | 'reap' | 'change' | 'known' | 'user' | 'query'
  /** The member, or the name of the user event or query. */
  name: string
  /** The member after it; undefined for user events and queries, and at light hosts. */
  member: Member | undefined
  /** Lamport time and payload of a user event or query; empty for members. */
  detail: string
}

const KINDS: Record<number, Transition['kind']> = {
  [FACT.memberJoin]: 'join',
  [FACT.memberLeave]: 'leave',
  [FACT.memberFailed]: 'failed',
  [FACT.memberUpdate]: 'update',
  [FACT.memberReap]: 'reap',
  [FACT.memberChange]: 'change',
  [FACT.memberKnown]: 'known',
  [FACT.userEvent]: 'user',
  [FACT.query]: 'query',
}

/** A light host keeps no members and makes no pictures of them: in pools of thousands they would fill the memory. */
export type HostWeight = 'full' | 'light'

export class SimulatedHost {
  readonly #name: string
  readonly #weight: HostWeight
  readonly #hear: (transition: Transition) => void
  readonly #members = new Map<string, Member>()

  readonly #query: (query: QueryRecord) => void

  constructor(
    name: string,
    weight: HostWeight,
    hear: (transition: Transition) => void,
    query: (query: QueryRecord) => void,
  ) {
    this.#name = name
    this.#weight = weight
    this.#hear = hear
    this.#query = query
  }

  get members(): ReadonlyMap<string, Member> {
    return this.#members
  }

  take(news: News | MirrorNews, at: number): void {
    if (news.type === 'mirror') this.#mirror(news, at)
    else this.#news(news, at)
  }

  #mirror({ bytes }: MirrorNews, at: number): void {
    for (const reader = new FactReader(bytes); !reader.atEnd; reader.next()) {
      this.#see(reader)
      this.#tell(reader, quietKind(reader), at)
    }
  }

  #news(news: News, at: number): void {
    const { buffers, fresh } = news
    buffers.forEach((buffer, index) => {
      const events = eventsIn(news, index)
      for (const reader = new FactReader(buffer); !reader.atEnd; reader.next()) {
        if (index < fresh) this.#see(reader)
        if (events.has(reader.at)) this.#tell(reader, KINDS[reader.kind], at)
        // News that were passed on hold events and changes in one buffer, in the order in which they happened; folded ones hold the
        // pictures first and the events behind.
        else if (buffers.length === 1 && reader.isMember) this.#tell(reader, quietKind(reader), at)
      }
    })
  }

  #see(reader: FactReader): void {
    if (!reader.isMember || this.#weight === 'light') return
    const member = memberOf(reader)
    if (reader.kind === FACT.memberReap) this.#members.delete(member.name)
    else this.#members.set(member.name, member)
  }

  #tell(reader: FactReader, kind: Transition['kind'], at: number): void {
    if (reader.kind === FACT.struckOut) return
    if (reader.kind === FACT.query) this.#query(queryOf(reader))
    const observer = this.#name
    if (reader.isMember && this.#weight === 'light') {
      if (kind !== 'change')
        this.#hear({ at, observer, kind, name: textOf(reader.name), member: undefined, detail: '' })
    } else if (reader.isMember) {
      const member = memberOf(reader)
      this.#hear({ at, observer, kind, name: member.name, member, detail: '' })
    } else {
      const detail = `${reader.lamportTime} ${textOf(reader.payload)}`
      this.#hear({ at, observer, kind, name: textOf(reader.eventName), member: undefined, detail })
    }
  }
}

/** What moves the mirror and is no event: a change, or a member that is known from a life before. */
function quietKind({ kind }: FactReader): 'known' | 'change' {
  return kind === FACT.memberKnown ? 'known' : 'change'
}

/** Offsets of the records of a buffer that are events. */
function eventsIn({ runs, buffers }: News, index: number): Set<number> {
  const offsets = new Set<number>()
  for (let i = 0; i < runs.length; i += 3) {
    if (runs[i] !== index) continue
    const reader = new FactReader(buffers[index], runs[i + 1])
    for (let left = runs[i + 2]; left > 0; left--, reader.next()) offsets.add(reader.at)
  }
  return offsets
}
