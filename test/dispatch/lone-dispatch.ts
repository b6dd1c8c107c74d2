/** A dispatch actor with a world that only writes down what happens, and a gossip that grants every query: for tests in virtual time. */
import type { Envelope } from '../../src/actors/contract.ts'
import {
  FACT,
  FactReader,
  type MemberFact,
  packMember,
  packUserEvent,
  STATUS,
} from '../../src/actors/facts.ts'
import type { DispatchCommand, QueryMail, QueryWish, ToGossip } from '../../src/actors/mail.ts'
import { Pack, packOverheard } from '../../src/actors/packed.ts'
import { packQuery, type QueryRecord, queryOf } from '../../src/actors/query-facts.ts'
import { SeededRandom } from '../../src/actors/random.ts'
import { Dispatch } from '../../src/dispatch/dispatch.ts'
import type { FileOperation } from '../../src/dispatch/files.ts'
import { type ClusterOptions, settle } from '../../src/options/options.ts'
import { WISH } from '../../src/simulator/questions.ts'
import { formatIp } from '../../src/wire/address.ts'
import { Writer } from '../../src/wire/msgpack.ts'
import {
  AnswerCursor,
  QueryCursor,
  type QueryWords,
  RelayCursor,
  readAnswer,
  readQuery,
  readRelay,
  writeAnswer,
  writeQuery,
} from '../../src/wire/query.ts'
import { encodeTags } from '../../src/wire/tags.ts'
import { MESSAGE, SERF } from '../../src/wire/types.ts'

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

export interface MemberWords {
  name: string
  tags?: Record<string, string>
  status?: number
  protocolMax?: number
  kind?: MemberFact
}

export const QUERY: QueryWords = {
  lamportTime: 5,
  id: 77,
  address: Uint8Array.of(10, 0, 0, 9),
  port: 7946,
  source: utf8('asker'),
  filters: null,
  flags: 0,
  relayFactor: 0,
  timeout: 1_000,
  name: utf8('uptime'),
  payload: null,
}

/** The message of a query, memberlist's type byte in front. */
export function queryMessage(words: Partial<QueryWords>): Uint8Array {
  const writer = new Writer()
  writer.byte(MESSAGE.user)
  writeQuery(writer, { ...QUERY, ...words })
  return writer.copy()
}

export class LoneDispatch {
  readonly toGossip: ToGossip[] = []
  readonly replies = new Map<number, Envelope<unknown>>()
  readonly mail: QueryMail[] = []
  /** What it asked of the disk; nothing answers. */
  readonly operations: FileOperation[] = []
  readonly hostQueries: QueryRecord[] = []
  /** All that reached the host, as «kind name». */
  readonly heard: string[] = []
  readonly dispatch: Dispatch
  now = 0
  #rows = new Map<string, number>()
  #commands = 0
  #lamportTime = 100

  constructor(options: ClusterOptions = {}) {
    const settings = settle({ nodeName: 'self', bind: '127.0.0.1:7946', ...options }, 'self')
    this.dispatch = new Dispatch(settings, {
      random: new SeededRandom(1),
      gossip: { tell: (mail) => this.toGossip.push(mail), waiting: () => 0 },
      news: (news) => {
        if (news.type === 'mirror') return
        const { buffers, number } = news
        for (const bytes of buffers) this.#read(bytes)
        queueMicrotask(() => this.dispatch.receive({ type: 'taken', number }, this.now))
      },
      query: (mail) => this.mail.push(mail),
      file: (operation) => this.operations.push(operation),
      reply: (id, envelope) => this.replies.set(id, envelope),
      log: () => undefined,
    })
    this.members({ name: 'self', tags: options.tags ?? {} })
  }

  members(...members: MemberWords[]): void {
    const pack = new Pack()
    for (const member of members) {
      const row = this.#rows.get(member.name) ?? this.#rows.size
      this.#rows.set(member.name, row)
      packMember(pack, member.kind ?? FACT.memberJoin, {
        status: member.status ?? STATUS.alive,
        row,
        instance: 1,
        incarnation: 1,
        statusTime: 1,
        port: 7946,
        versions: Uint8Array.of(1, member.protocolMax ?? 5, 2, 2, 5, 5),
        address: Uint8Array.of(10, 0, row >> 8, row & 255),
        name: utf8(member.name),
        meta: encodeTags(member.tags ?? {}, 5),
      })
    }
    this.#facts(pack)
  }

  /** Queries as gossip has heard them. */
  hear(...queries: Partial<QueryWords>[]): void {
    const pack = new Pack()
    const cursor = new QueryCursor()
    for (const words of queries) {
      const message = queryMessage(words)
      if (!readQuery(cursor, message, 2, message.length)) throw new Error('no query')
      packQuery(pack, cursor)
    }
    this.#facts(pack)
  }

  /** A user event as gossip has heard it. */
  userEvent(name: string): void {
    const pack = new Pack()
    const bytes = utf8(name)
    packUserEvent(pack, 7, 'single', bytes, 0, bytes.length, 0, 0)
    this.#facts(pack)
  }

  command(command: DispatchCommand): Envelope<unknown> | undefined {
    this.#commands += 1
    this.dispatch.receive({ type: 'command', id: this.#commands, command }, this.now)
    return this.replies.get(this.#commands)
  }

  /** Asks, and lets gossip grant it; returns the Lamport time that it gives, which is also the id. */
  ask(wish: Partial<QueryWish>, query = 1): number {
    this.command({ type: 'query', query, wish: { ...WISH, ...wish } })
    const asked = this.toGossip.findLast((mail) => mail.type === 'ask')
    if (asked === undefined) throw new Error('nothing was asked')
    this.#lamportTime += 1
    const value = { id: this.#lamportTime, lamportTime: this.#lamportTime }
    const outcome = { ok: true, value, after: 0 } as const
    this.dispatch.receive({ type: 'asked', number: asked.number, outcome }, this.now)
    return this.#lamportTime
  }

  /** Answers to a query of ours, all in one turn; a null payload is an ack. */
  answer(lamportTime: number, ...answers: [from: string, payload: string | null][]): void {
    this.dispatch.receive({ type: 'answers', weight: 1, bytes: answersOf(lamportTime, answers) }, this.now)
  }

  /** Lets virtual time pass. */
  advance(milliseconds: number): void {
    const until = this.now + milliseconds
    while (this.dispatch.wakeAt <= until) {
      this.now = Math.max(this.now, this.dispatch.wakeAt)
      this.dispatch.wake(this.now)
    }
    this.now = until
  }

  /** What was sent, as «ack|answer|relay ip:port ...», since the last call. */
  sent(): string[] {
    const sent = this.toGossip.flatMap((mail) =>
      mail.type === 'answer' ? [`${shown(mail.bytes)} -> ${mail.ip}:${mail.port}`] : [],
    )
    this.toGossip.length = 0
    return sent
  }

  /** How a query of ours ended, if it did. */
  ended(): Extract<QueryMail, { type: 'query-ended' }> | undefined {
    return this.mail.find((mail) => mail.type === 'query-ended')
  }

  counter(name: string): number {
    const envelope = this.command({ type: 'stats' })
    const stats = envelope?.ok ? Object.entries(envelope.value ?? {}) : []
    return Number(stats.find(([key]) => key === name)?.[1] ?? 0)
  }

  #facts(pack: Pack): void {
    this.dispatch.receive({ type: 'facts', weight: 1, bytes: pack.take(), through: 1 }, this.now)
  }

  #read(bytes: Uint8Array): void {
    for (const reader = new FactReader(bytes); !reader.atEnd; reader.next()) {
      if (reader.kind === FACT.query) {
        this.hostQueries.push(queryOf(reader))
        this.heard.push(`query ${text(queryOf(reader).name)}`)
      } else if (reader.kind === FACT.userEvent) this.heard.push(`user ${text(reader.eventName)}`)
      else if (reader.kind === FACT.memberJoin) this.heard.push(`join ${text(reader.name)}`)
    }
  }
}

export function answersOf(
  lamportTime: number,
  answers: readonly [from: string, payload: string | null][],
  id = lamportTime,
): Uint8Array {
  const pack = new Pack()
  for (const [from, payload] of answers) {
    const writer = new Writer()
    writer.byte(MESSAGE.user)
    const flags = payload === null ? 1 : 0
    writeAnswer(writer, {
      lamportTime,
      id,
      flags,
      from: utf8(from),
      payload: payload === null ? null : utf8(payload),
    })
    packOverheard(pack, writer.view(), 0, writer.length)
  }
  return pack.take()
}

/** A message behind memberlist's type byte. */
function shown(message: Uint8Array): string {
  const [, type] = message
  if (type === SERF.relay) {
    const relay = new RelayCursor()
    if (!readRelay(relay, message, 2, message.length)) return 'malformed relay'
    const inner = Uint8Array.of(MESSAGE.user, ...message.subarray(relay.innerStart))
    const ip = formatIp(message, relay.addressStart, relay.addressEnd)
    return `relay(${shown(inner)} for ${text(message.subarray(relay.nameStart, relay.nameEnd))} ${ip}:${relay.port})`
  }
  const answer = new AnswerCursor()
  if (type !== SERF.queryResponse || !readAnswer(answer, message, 2, message.length)) return `type ${type}`
  const from = text(message.subarray(answer.fromStart, answer.fromEnd))
  const payload = text(message.subarray(answer.payloadStart, answer.payloadEnd))
  const kind = answer.flags === 1 ? 'ack' : 'answer'
  return `${kind} ${answer.lamportTime}:${answer.id} ${from} ${payload}`.trim()
}
