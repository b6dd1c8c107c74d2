/**
 * One client of the agent (protocol page 3, sections 1.3 to 1.12): requests strictly one after another, in between whatever its streams,
 * monitor and queries push.
 *
 *     bytes --> reader --> header --> [body] --> run at the desk --> answer --> next header
 *
 * While a request runs, no more bytes are taken from the client than it sent already.
 */
import { BadPattern, type Desk, type KeysOutcome } from './desk.ts'
import type { Link } from './outlet.ts'
import { type Opened, Pushes, type WriteBody } from './pushes.ts'
import { writeFindings, writeHistory, writeRotation } from './rpc/extra-records.ts'
import { RpcMalformed, RpcReader } from './rpc/reader.ts'
import {
  type RequestHeader,
  RPC_VERSION,
  readQuery,
  readRequestHeader,
  type U64,
  writeCoordinate,
  writeKeys,
  writeMembers,
  writeResponseHeader,
  writeStats,
} from './rpc/records.ts'
import {
  type JoinRequest,
  readEvent,
  readForceLeave,
  readHandshake,
  readJoin,
  readMembersFilter,
  readOneText,
  readRespond,
  readRotate,
  readStop,
  readTags,
} from './rpc/requests.ts'
import { RpcWriter } from './rpc/writer.ts'

/** Largest value of a client that has not shown who it is, and of one that has: no request comes near the second. */
const LARGEST_BEFORE_AUTH = 512
const LARGEST = 1024 * 1024
/** A wrong token is answered so late: guessing in a loop gets nowhere. */
const WRONG_TOKEN_DELAY = 250
const BODILESS = new Set(['members', 'leave', 'list-keys', 'stats', 'doctor'])
const WITH_BODY = new Set([
  'handshake',
  'auth',
  'event',
  'force-leave',
  'join',
  'members-filtered',
  'tags',
  'stream',
  'monitor',
  'stop',
  'query',
  'respond',
  'install-key',
  'use-key',
  'remove-key',
  'get-coordinate',
  'why',
  'rotate-keys',
])

export class Session {
  readonly #desk: Desk
  readonly #link: Link
  readonly #reader = new RpcReader(LARGEST_BEFORE_AUTH)
  readonly #writer = new RpcWriter()
  #header: RequestHeader = { command: '', seq: 0 }
  #expects: 'header' | 'body' = 'header'
  #isBusy = false
  #isOver = false
  #version = 0
  #isAuthenticated = false
  readonly #pushes: Pushes

  constructor(desk: Desk, link: Link) {
    this.#desk = desk
    this.#link = link
    this.#pushes = new Pushes(desk, link, (seq, write) => this.#message(seq, '', write))
    if (!desk.needsAuth) this.#reader.limit = LARGEST
    desk.log('INFO', `agent.ipc: Accepted client: ${link.peer}`)
    desk.count('agent.ipc.accept')
  }

  /** Whether the client has shaken hands: who has not is closed first when there are too many. */
  get hasShakenHands(): boolean {
    return this.#version !== 0
  }

  data(bytes: Uint8Array): void {
    if (this.#isOver) return
    this.#reader.push(bytes)
    this.#run()
  }

  /** The client takes bytes again. */
  drained(): void {
    this.#pushes.drained()
  }

  /** The connection is gone: nothing is left of it at the desk. Its queries run out by themselves. */
  closed(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#pushes.close()
  }

  /** Ends the connection from our side. */
  close(): void {
    this.closed()
    this.#link.close()
  }

  #run(): void {
    try {
      while (!this.#isBusy && !this.#isOver) {
        const next = this.#reader.next()
        if (next === undefined) return
        this.#take(next.value)
      }
    } catch (error) {
      if (!(error instanceof RpcMalformed)) throw error
      const what =
        this.#expects === 'header'
          ? 'failed to decode request header'
          : 'Failed to evaluate request: decode failed'
      this.#fault(`${what}: ${error.message}`)
    }
  }

  #fault(why: string): void {
    this.#desk.log('ERR', `agent.ipc: ${why}`)
    this.close()
  }

  #take(value: unknown): void {
    if (this.#expects === 'header') return this.#takeHeader(value)
    this.#dispatch(value)
    this.#expects = 'header'
  }

  #takeHeader(value: unknown): void {
    this.#header = readRequestHeader(value, this.#header)
    const { command } = this.#header
    if (this.#version === 0 && command !== 'handshake') {
      this.#answer('Handshake required')
      return this.#fault('Failed to evaluate request: Handshake required')
    }
    this.#desk.count('agent.ipc.command')
    if (this.#desk.needsAuth && !this.#isAuthenticated && command !== 'auth' && command !== 'handshake') {
      this.#desk.log('WARN', 'agent.ipc: Client sending commands before auth')
      return this.#answer('Authentication required')
    }
    if (BODILESS.has(command)) return this.#dispatch(null)
    if (WITH_BODY.has(command)) {
      this.#expects = 'body'
      return
    }
    this.#answer('Unsupported command')
    this.#fault(`Failed to evaluate request: command '${command}' not recognized`)
  }

  #dispatch(body: unknown): void {
    switch (this.#header.command) {
      case 'handshake':
        return this.#handshake(readHandshake(body))
      case 'auth':
        return this.#auth(readOneText(body, 'AuthKey'))
      case 'stream':
        return this.#open(this.#pushes.stream(this.#header.seq, readOneText(body, 'Type')))
      case 'monitor':
        return this.#open(this.#pushes.monitor(this.#header.seq, readOneText(body, 'LogLevel').toUpperCase()))
      case 'stop':
        this.#pushes.stop(readStop(body))
        return this.#answer('')
      case 'members': {
        const members = this.#desk.members()
        return this.#answer('', (writer) => writeMembers(writer, members))
      }
      case 'members-filtered':
        return this.#membersFiltered(body)
      default:
        return this.#ask(this.#call(body))
    }
  }

  /** The commands that take a while. Each answers exactly once, by what its promise says; its body is read before, for what is none has no answer. */
  #call(body: unknown): Promise<WriteBody | undefined> {
    const desk = this.#desk
    const nothing = () => undefined
    switch (this.#header.command) {
      case 'event':
        return desk.event(readEvent(body)).then(nothing)
      case 'force-leave':
        return desk.forceLeave(readForceLeave(body)).then(nothing)
      case 'tags':
        return desk.tags(readTags(body)).then(nothing)
      case 'respond':
        return this.#pushes.respond(readRespond(body)).then(nothing)
      case 'leave':
        return this.#leave()
      case 'join':
        return this.#join(readJoin(body))
      case 'query':
        return this.#pushes.query(this.#header.seq, readQuery(body)).then(nothing)
      case 'stats':
        return desk.stats().then((stats) => (writer) => writeStats(writer, stats))
      case 'get-coordinate':
        return desk
          .coordinate(readOneText(body, 'Node'))
          .then((coordinate) => (writer) => writeCoordinate(writer, coordinate))
      case 'why':
        return desk
          .why(readOneText(body, 'Node'))
          .then((entries) => (writer) => writeHistory(writer, entries))
      case 'doctor':
        return desk.doctor().then((findings) => (writer) => writeFindings(writer, findings))
      case 'rotate-keys':
        return desk.rotateKeys(readRotate(body)).then((outcome) => (writer) => writeRotation(writer, outcome))
      case 'install-key':
      case 'use-key':
      case 'remove-key':
        return this.#keys(desk.key(this.#header.command, readOneText(body, 'Key')))
      default:
        return this.#keys(desk.listKeys())
    }
  }

  #ask(call: Promise<WriteBody | undefined>): void {
    this.#isBusy = true
    this.#link.pause()
    const { seq } = this.#header
    call
      .then(
        (write) => this.#answerTo(seq, '', write),
        (error: unknown) =>
          error instanceof Failed
            ? this.#answerTo(seq, error.message, error.write)
            : this.#answerTo(seq, error instanceof Error ? error.message : String(error)),
      )
      .finally(() => {
        this.#isBusy = false
        if (this.#isOver) return
        this.#link.resume()
        this.#run()
      })
  }

  #handshake(version: number): void {
    if (version !== RPC_VERSION) return this.#answer('Unsupported IPC version')
    if (this.#version !== 0) return this.#answer('Handshake already performed')
    this.#version = version
    this.#answer('')
  }

  #auth(token: string): void {
    if (this.#desk.isAuthKey(token)) {
      this.#isAuthenticated = true
      this.#reader.limit = LARGEST
      return this.#answer('')
    }
    const late = new Promise<never>((_, reject) => {
      this.#desk.later(WRONG_TOKEN_DELAY, () => reject(new Error('Invalid authentication token')))
    })
    this.#ask(late)
  }

  #membersFiltered(body: unknown): void {
    try {
      const members = this.#desk.membersFiltered(readMembersFilter(body))
      this.#answer('', (writer) => writeMembers(writer, members))
    } catch (error) {
      if (!(error instanceof BadPattern)) throw error
      this.#fault(`Failed to evaluate request: Failed to compile regex: ${error.message}`)
    }
  }

  async #join(request: JoinRequest): Promise<WriteBody> {
    const { joined, error } = await this.#desk.join(request)
    const write: WriteBody = (writer) => {
      writer.map(1)
      writer.field('Num').int(joined)
    }
    if (error !== '') throw new Failed(error, write)
    return write
  }

  async #leave(): Promise<undefined> {
    this.#desk.log('INFO', 'agent.ipc: Graceful leave triggered')
    try {
      await this.#desk.leave()
    } catch (error) {
      this.#desk.log(
        'ERR',
        `agent.ipc: leave failed: ${error instanceof Error ? error.message : String(error)}`,
      )
      throw error
    } finally {
      // The answer goes out first, whatever it says, and then the process ends.
      this.#desk.later(0, () => this.#desk.left())
    }
    return undefined
  }

  async #keys(call: Promise<KeysOutcome>): Promise<WriteBody> {
    const { error, keys } = await call
    const write: WriteBody = (writer) => writeKeys(writer, keys)
    if (error !== '') throw new Failed(error, write)
    return write
  }

  /** What opens a feed begins after its answer. */
  #open(opened: Opened): void {
    this.#answer(opened.error)
    opened.start()
  }

  #answer(error: string, write?: WriteBody): void {
    this.#answerTo(this.#header.seq, error, write)
  }

  #answerTo(seq: U64, error: string, write?: WriteBody): void {
    if (!this.#isOver) this.#link.write(this.#message(seq, error, write))
  }

  #message(seq: U64, error: string, write?: WriteBody): Uint8Array {
    this.#writer.reset()
    writeResponseHeader(this.#writer, { error, seq })
    write?.(this.#writer)
    return this.#writer.copy()
  }
}

/** A command that failed and whose answer has a body all the same. */
class Failed extends Error {
  readonly write: WriteBody

  constructor(message: string, write: WriteBody) {
    super(message)
    this.write = write
  }
}
