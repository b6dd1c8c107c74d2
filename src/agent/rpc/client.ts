/**
 * A client of the agent's protocol: ours to any agent, Go's included (protocol page 3, section 1.13). It is fed bytes and writes bytes;
 * the socket is its caller's. Requests may be sent before earlier ones are answered; pushed records go to the feed of the request that opened it.
 *
 *     answer to a call     header, and a body after the commands of `BODY` unless the error came before dispatch
 *     pushed record        header with the Seq of a stream, monitor or query, then always a body
 */
import { Feed } from './feed.ts'
import { Fields } from './fields.ts'
import { RpcMalformed, RpcReader } from './reader.ts'
import {
  type QueryRecord,
  type QueryRequest,
  RPC_VERSION,
  type RpcCoordinate,
  type RpcKeys,
  type RpcMember,
  readCoordinate,
  readKeys,
  readMembers,
  readQueryRecord,
  readResponseHeader,
  readStats,
  readStreamRecord,
  type Stats,
  type StreamRecord,
  type U64,
  writeQuery,
  writeRequestHeader,
} from './records.ts'
import {
  type EventRequest,
  type ForceLeaveRequest,
  type JoinRequest,
  type MembersFilter,
  type RespondRequest,
  readOneText,
  type TagsRequest,
  writeEvent,
  writeForceLeave,
  writeHandshake,
  writeJoin,
  writeMembersFilter,
  writeOneText,
  writeRespond,
  writeRotate,
  writeStop,
  writeTags,
} from './requests.ts'
import { RpcWriter } from './writer.ts'

/** The agent answered a command with an error, in its own words. `body` is what came with it, where a command's answer has one. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly body: unknown

  constructor(message: string, body: unknown) {
    super(message)
    this.body = body
  }
}

/** The connection ended, or the agent spoke something else; nothing is known of the calls under way. */
export class RpcClosed extends Error {
  override readonly name = 'RpcClosed'

  constructor(cause?: unknown) {
    super('client closed', { cause })
  }
}

/** The bytes' way to the agent. */
export interface RpcConnection {
  write(bytes: Uint8Array): void
  close(): void
}

/** Commands whose answer has a body even when it says an error. */
const BODY = new Set([
  'join',
  'members',
  'members-filtered',
  'stats',
  'get-coordinate',
  'install-key',
  'use-key',
  'remove-key',
  'list-keys',
  'why',
  'doctor',
  'rotate-keys',
])
/** Errors that come before a command is looked at, and so without a body. */
const BEFORE_DISPATCH = new Set(['Handshake required', 'Authentication required', 'Unsupported command'])
/** One value that an agent may send: the states of a large pool fit. */
const LARGEST_VALUE = 256 * 1024 * 1024

interface Call {
  command: string
  settle(error: string, body: unknown): void
  fail(error: Error): void
}

interface Pushes {
  take(body: unknown): void
  end(): void
}

type KeyCommand = 'install-key' | 'use-key' | 'remove-key'

export class RpcClient {
  readonly #connection: RpcConnection
  readonly #reader = new RpcReader(LARGEST_VALUE)
  readonly #writer = new RpcWriter()
  readonly #calls = new Map<U64, Call>()
  readonly #pushes = new Map<U64, Pushes>()
  /** Streams that were stopped: what comes late for them still has a body. */
  readonly #stopped = new Set<U64>()
  #body: ((body: unknown) => void) | undefined
  #lastSeq = 0
  #closed: RpcClosed | undefined

  constructor(connection: RpcConnection) {
    this.#connection = connection
  }

  /** Bytes from the agent. */
  data(bytes: Uint8Array): void {
    try {
      this.#reader.push(bytes)
      for (let next = this.#reader.next(); next !== undefined; next = this.#reader.next())
        this.#take(next.value)
    } catch (error) {
      if (!(error instanceof RpcMalformed)) throw error
      this.ended(error)
      this.#connection.close()
    }
  }

  /** The connection is gone: all that waits fails, all feeds end. */
  ended(cause?: unknown): void {
    if (this.#closed !== undefined) return
    this.#closed = new RpcClosed(cause)
    for (const { fail } of this.#calls.values()) fail(this.#closed)
    for (const pushes of this.#pushes.values()) pushes.end()
    this.#calls.clear()
    this.#pushes.clear()
  }

  close(): void {
    this.ended()
    this.#connection.close()
  }

  async handshake(): Promise<void> {
    await this.#call('handshake', (writer) => writeHandshake(writer, RPC_VERSION))
  }

  async auth(key: string): Promise<void> {
    await this.#call('auth', (writer) => writeOneText(writer, 'AuthKey', key))
  }

  async members(): Promise<RpcMember[]> {
    return readMembers(await this.#call('members'))
  }

  async membersFiltered(filter: MembersFilter): Promise<RpcMember[]> {
    return readMembers(await this.#call('members-filtered', (writer) => writeMembersFilter(writer, filter)))
  }

  async event(event: EventRequest): Promise<void> {
    await this.#call('event', (writer) => writeEvent(writer, event))
  }

  async forceLeave(request: ForceLeaveRequest): Promise<void> {
    await this.#call('force-leave', (writer) => writeForceLeave(writer, request))
  }

  /** How many of the addresses answered. */
  async join(request: JoinRequest): Promise<number> {
    const body = await this.#call('join', (writer) => writeJoin(writer, request))
    return new Fields(body, ['Num']).int('Num', -(2 ** 31), 2 ** 31 - 1)
  }

  async tags(request: TagsRequest): Promise<void> {
    await this.#call('tags', (writer) => writeTags(writer, request))
  }

  async leave(): Promise<void> {
    await this.#call('leave')
  }

  async stats(): Promise<Stats> {
    return readStats(await this.#call('stats'))
  }

  /** Undefined for a node that the agent has no coordinate of. */
  async coordinate(node: string): Promise<RpcCoordinate | undefined> {
    return readCoordinate(await this.#call('get-coordinate', (writer) => writeOneText(writer, 'Node', node)))
  }

  async listKeys(): Promise<RpcKeys> {
    return readKeys(await this.#call('list-keys'))
  }

  async changeKey(command: KeyCommand, key: string): Promise<RpcKeys> {
    return readKeys(await this.#call(command, (writer) => writeOneText(writer, 'Key', key)))
  }

  async respond(answer: RespondRequest): Promise<void> {
    await this.#call('respond', (writer) => writeRespond(writer, answer))
  }

  /** A command of our own agents, with the text that it is about; resolves with the body of the answer. */
  extra(command: 'why' | 'doctor', about?: { field: string; text: string }): Promise<unknown> {
    return this.#call(command, about && ((writer) => writeOneText(writer, about.field, about.text)))
  }

  /** Rotates the keys of the pool: a base64 key, or an empty text for a new one; grace in milliseconds. */
  rotateKeys(key: string, grace: number): Promise<unknown> {
    return this.#call('rotate-keys', (writer) => writeRotate(writer, { key, grace }))
  }

  async stop(seq: U64): Promise<void> {
    const pushes = this.#pushes.get(seq)
    this.#pushes.delete(seq)
    this.#stopped.add(seq)
    pushes?.end()
    await this.#call('stop', (writer) => writeStop(writer, seq))
  }

  /** Events that a filter of section 1.6 lets through. */
  stream(filter: string): Promise<{ seq: U64; feed: Feed<StreamRecord> }> {
    return this.#open('stream', (writer) => writeOneText(writer, 'Type', filter), readStreamRecord)
  }

  /** Log lines of a level and above, remembered ones first. */
  monitor(level: string): Promise<{ seq: U64; feed: Feed<string> }> {
    return this.#open(
      'monitor',
      (writer) => writeOneText(writer, 'LogLevel', level),
      (record) => readOneText(record, 'Log'),
    )
  }

  /** Acks and responses as they come; the feed ends with the query. Records from nobody are left out: a slip of the original. */
  async query(query: QueryRequest): Promise<{ seq: U64; feed: Feed<QueryRecord> }> {
    return this.#open(
      'query',
      (writer) => writeQuery(writer, query),
      readQueryRecord,
      (record, feed) => {
        if (record.type === 'done') return 'over'
        if (record.from !== '') feed.push(record)
        return 'open'
      },
    )
  }

  /** Sends a request whose answer opens a feed; records may follow the answer at once, so the feed is there before it. */
  async #open<Item>(
    command: string,
    write: (writer: RpcWriter) => void,
    read: (body: unknown) => Item,
    take: (item: Item, feed: Feed<Item>) => 'open' | 'over' = (item, feed) => {
      feed.push(item)
      return 'open'
    },
  ): Promise<{ seq: U64; feed: Feed<Item> }> {
    const seq = this.#lastSeq + 1
    const feed = new Feed<Item>(() => this.#forget(seq))
    this.#pushes.set(seq, {
      take: (body) => {
        if (take(read(body), feed) === 'open') return
        this.#pushes.delete(seq)
        this.#stopped.add(seq)
        feed.end()
      },
      end: () => feed.end(),
    })
    try {
      await this.#call(command, write)
    } catch (error) {
      this.#pushes.delete(seq)
      throw error
    }
    return { seq, feed }
  }

  #forget(seq: U64): void {
    if (this.#pushes.delete(seq)) this.#stopped.add(seq)
  }

  #call(command: string, write?: (writer: RpcWriter) => void): Promise<unknown> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed)
    this.#lastSeq += 1
    const seq = this.#lastSeq
    this.#writer.reset()
    writeRequestHeader(this.#writer, { command, seq })
    write?.(this.#writer)
    return new Promise((resolve, reject) => {
      const settle = (error: string, body: unknown) => {
        if (error === '') resolve(body)
        else reject(new RpcError(error, body))
      }
      this.#calls.set(seq, { command, settle, fail: reject })
      this.#connection.write(this.#writer.copy())
    })
  }

  #take(value: unknown): void {
    const body = this.#body
    if (body !== undefined) {
      this.#body = undefined
      body(value)
      return
    }
    const { error, seq } = readResponseHeader(value)
    const call = this.#calls.get(seq)
    if (call !== undefined) this.#answered(seq, call, error)
    else if (this.#pushes.has(seq)) this.#body = (pushed) => this.#pushes.get(seq)?.take(pushed)
    else if (this.#stopped.has(seq)) this.#body = () => undefined
  }

  #answered(seq: U64, call: Call, error: string): void {
    this.#calls.delete(seq)
    if (BODY.has(call.command) && !BEFORE_DISPATCH.has(error)) this.#body = (body) => call.settle(error, body)
    else call.settle(error, undefined)
  }
}
