/**
 * The agent: a `Cluster` for whoever cannot hold one, that is RPC clients, scripts and signals. It owns the log, the handlers and what
 * is subscribed; everything about the pool is the cluster's.
 */
import { goQuoted } from '../cli/text.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { MemberEvent, QueryEvent, UserEvent } from '../cluster/events.ts'
import type { Metric } from '../cluster/metrics.ts'
import { Patterns } from '../dispatch/patterns.ts'
import type { HistoryEntry } from '../gossip/history.ts'
import { formatIp } from '../wire/address.ts'
import type { AgentConfig } from './config.ts'
import type { Desk, Happening, KeyAction, KeysOutcome } from './desk.ts'
import { CLOCK_QUERY, diagnose } from './doctor.ts'
import { Handlers, type HandlerWorld } from './handlers.ts'
import { changeKey, listKeys, rotateKeys } from './key-desk.ts'
import type { Level, LogBook } from './log-book.ts'
import { Meters } from './meters.ts'
import * as pool from './pool-desk.ts'
import type { Finding, RotationOutcome } from './rpc/extra-records.ts'
import type { QueryRecord, QueryRequest, RpcCoordinate, RpcMember, Stats } from './rpc/records.ts'
import type {
  EventRequest,
  ForceLeaveRequest,
  JoinRequest,
  MembersFilter,
  RotateRequest,
  TagsRequest,
} from './rpc/requests.ts'

/** The process around the agent. */
export interface AgentWorld extends Pick<HandlerWorld, 'run'> {
  now(): number
  /** Milliseconds of the wall clock. */
  date(): number
  later(ms: number, call: () => void): () => void
  /** Compares secrets in a time that depends on neither. */
  isSame(one: string, other: string): boolean
  /** What the process is: system, processors, versions. */
  runtime(): Readonly<Record<string, string>>
  /** What the process measures of itself. */
  gauges(): Metric[]
}

/** How long the own leave is waited for after it is done: of the three seconds that an interrupt has. */
const LEAVE_TOLD = 1_500

/** How the agent ended, for the exit status. */
export type AgentEnd = 'left' | 'shut-down' | 'lost'

export class Agent implements Desk {
  readonly #cluster: Cluster
  readonly #config: AgentConfig
  readonly #world: AgentWorld
  readonly #book: LogBook
  readonly #handlers: Handlers
  readonly #patterns = new Patterns()
  readonly #subscribers = new Set<(happening: Happening) => void>()
  readonly #meters = new Meters()
  #end: (end: AgentEnd) => void = () => undefined
  #hearOwnLeave: () => void = () => undefined
  readonly #heardOwnLeave: Promise<void>
  /** Resolves once, when the agent has nothing more to do. */
  readonly ended: Promise<AgentEnd>

  constructor(cluster: Cluster, config: AgentConfig, book: LogBook, world: AgentWorld) {
    this.#cluster = cluster
    this.#config = config
    this.#world = world
    this.#book = book
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    this.#heardOwnLeave = new Promise((resolve) => {
      this.#hearOwnLeave = resolve
    })
    const limits = { timeout: config.handlerTimeout, concurrency: config.handlerConcurrency }
    this.#handlers = new Handlers(config.handlers, limits, {
      run: world.run,
      later: (ms, call) => world.later(ms, call),
      log: (level, text) => this.log(level, text),
      took: (script, ms) => this.#meters.ran(script, ms),
      now: () => world.now(),
    })
    this.#listen()
  }

  get needsAuth(): boolean {
    return this.#config.rpcAuth !== ''
  }

  now(): number {
    return this.#world.now()
  }

  later(ms: number, call: () => void): () => void {
    return this.#world.later(ms, call)
  }

  log(level: Level, text: string): void {
    this.#book.log(level, text)
  }

  isAuthKey(token: string): boolean {
    return this.#world.isSame(token, this.#config.rpcAuth)
  }

  members(): RpcMember[] {
    return this.#cluster.members().map(pool.rpcMember)
  }

  membersFiltered(filter: MembersFilter): RpcMember[] {
    return pool.filtered(this.#cluster.members(), filter, this.#patterns)
  }

  async join(request: JoinRequest): Promise<{ joined: number; error: string }> {
    this.log('INFO', `agent: joining: [${request.existing.join(' ')}] replay: ${request.replay}`)
    const outcome = await pool.join(this.#cluster, request)
    if (outcome.joined > 0) this.log('INFO', `agent: joined: ${outcome.joined} nodes`)
    if (outcome.doubt !== undefined) this.log('WARN', `agent: ${outcome.doubt}`)
    if (outcome.error !== '') this.log('WARN', `agent: error joining: ${outcome.error}`)
    return outcome
  }

  async event(request: EventRequest): Promise<void> {
    const { name, coalesce, payload } = request
    const shown = goQuoted(new TextDecoder().decode(payload ?? new Uint8Array(0)))
    this.log('DEBUG', `agent: Requesting user event send: ${name}. Coalesced: ${coalesce}. Payload: ${shown}`)
    await this.#warned('agent: failed to send user event', pool.sendEvent(this.#cluster, request))
  }

  async forceLeave(request: ForceLeaveRequest): Promise<void> {
    const how = request.prune ? ' (prune)' : ''
    this.log('INFO', `agent: Force leaving node${how}: ${request.node}`)
    await this.#warned(`agent: failed to remove node${how}`, pool.forceLeave(this.#cluster, request))
  }

  async tags(request: TagsRequest): Promise<void> {
    await pool.changeTags(this.#cluster, request)
  }

  async leave(): Promise<void> {
    this.log('INFO', 'agent: requesting graceful leave from Serf')
    await this.#cluster.leave()
    // Handlers and streams hear of it as of any other leave, when coalescing lets it through.
    await Promise.race([this.#heardOwnLeave, new Promise<void>((resolve) => this.later(LEAVE_TOLD, resolve))])
  }

  left(): void {
    this.#end('left')
  }

  async query(request: QueryRequest, record: (record: QueryRecord) => void): Promise<() => void> {
    pool.checkQueryName(request)
    const shown = goQuoted(new TextDecoder().decode(request.payload ?? new Uint8Array(0)))
    this.log('DEBUG', `agent: Requesting query send: ${request.name}. Payload: ${shown}`)
    const started = pool.ask(this.#cluster, request, record, (ms, call) => this.#world.later(ms, call))
    return this.#warned('agent: failed to start user query', started)
  }

  key(action: KeyAction, key: string): Promise<KeysOutcome> {
    const what = {
      'install-key': 'key installation',
      'use-key': 'primary key change',
      'remove-key': 'key removal',
    }[action]
    this.log('INFO', `agent: Initiating ${what}`)
    return changeKey(this.#cluster, action, key)
  }

  listKeys(): Promise<KeysOutcome> {
    this.log('INFO', 'agent: Initiating key listing')
    return listKeys(this.#cluster)
  }

  why(node: string): Promise<readonly HistoryEntry[]> {
    return this.#cluster.history(node)
  }

  doctor(): Promise<Finding[]> {
    return diagnose(this.#cluster, () => this.#world.date())
  }

  rotateKeys({ key, grace }: RotateRequest): Promise<RotationOutcome> {
    this.log('INFO', 'agent: Initiating key rotation')
    return rotateKeys(this.#cluster, key, grace)
  }

  stats(): Promise<Stats> {
    const handlers = this.#config.handlers.map(({ filter, script }): [string, string] => [
      `${filter.kind}:${filter.name}`,
      script,
    ])
    return pool.statsOf(this.#cluster, this.#world.runtime(), Object.fromEntries(handlers))
  }

  coordinate(node: string): Promise<RpcCoordinate | undefined> {
    return pool.coordinateOf(this.#cluster, node)
  }

  subscribe(listener: (happening: Happening) => void): () => void {
    this.#subscribers.add(listener)
    return () => {
      this.#subscribers.delete(listener)
    }
  }

  follow(level: Level, listener: (line: string) => void): () => void {
    return this.#book.follow(level, listener)
  }

  /** Events that wait for a handler. */
  get backlog(): number {
    return this.#handlers.backlog
  }

  count(name: 'agent.ipc.accept' | 'agent.ipc.command'): void {
    this.#meters.count(name)
  }

  /** Everything that is counted: by the cluster, by the agent, and by the process. */
  async metrics(): Promise<Metric[]> {
    return [...(await this.#cluster.metrics()), ...this.#meters.metrics(), ...this.#world.gauges()]
  }

  /** Takes over what a reload may change: level, handlers, tags. Tags set at run time stay (the original drops them). */
  async reload(config: AgentConfig): Promise<void> {
    if (config.levelProblem === '') this.#book.level = config.level
    this.#handlers.replace(config.handlers)
    const before = this.#config.cluster.tags ?? {}
    const tags: Record<string, string> = { ...this.#cluster.localMember().tags }
    for (const name of Object.keys(before)) if (tags[name] === before[name]) delete tags[name]
    const wanted = { ...config.cluster.tags, ...tags }
    this.#config.cluster.tags = config.cluster.tags ?? {}
    this.#config.leaveOnTerminate = config.leaveOnTerminate
    this.#config.skipLeaveOnInterrupt = config.skipLeaveOnInterrupt
    if (!isSameTags(wanted, this.#cluster.localMember().tags)) await pool.setTags(this.#cluster, wanted)
  }

  async shutdown(): Promise<void> {
    this.log('INFO', 'agent: requesting serf shutdown')
    if (this.#cluster.state === 'alive') this.log('WARN', 'serf: Shutdown without a Leave')
    await this.#cluster.shutdown()
    this.log('INFO', 'agent: shutdown complete')
    this.#end('shut-down')
  }

  #listen(): void {
    const cluster = this.#cluster
    for (const type of [
      'member-join',
      'member-leave',
      'member-failed',
      'member-update',
      'member-reap',
    ] as const) {
      cluster.on(type, (event) => this.#memberEvent(event))
    }
    cluster.on('user-event', (event) => this.#userEvent(event))
    cluster.on('query', (event) => this.#queryEvent(event))
    cluster.on('lagged', ({ count }) =>
      this.log('WARN', `agent: ${count} events lost: the agent is too slow`),
    )
    cluster.on('conflict-lost', () => {
      this.log('WARN', 'agent: Serf shutdown detected, quitting')
      this.#end('shut-down')
    })
    cluster.on('fatal', (error) => {
      this.log('ERR', `agent: ${error.message}`)
      this.#end('lost')
    })
  }

  #memberEvent({ type, members }: MemberEvent): void {
    const told = members.map(pool.rpcMember)
    for (const member of told) this.log('INFO', `serf: ${LOGGED[type]}: ${shownMember(type, member)}`)
    this.#tell({ kind: type, members: told }, type)
    const own = this.#cluster.localMember().name
    if (type === 'member-leave' && told.some(({ name }) => name === own)) this.#hearOwnLeave()
  }

  #userEvent({ name, payload, lamportTime, coalesce }: UserEvent): void {
    const told = { kind: 'user', name, lTime: lamportTime, payload: orNil(payload), coalesce } as const
    this.#tell(told, `user-event: ${name}`)
  }

  #queryEvent(query: QueryEvent): void {
    const { name, payload, lamportTime, deadline } = query
    // Between agents, and of no interest to anybody else.
    if (name === CLOCK_QUERY) return void query.respond(String(this.#world.date())).catch(() => undefined)
    const deadlineAt = this.#world.now() + Math.max(0, deadline - this.#world.date())
    const respond = (answer: Uint8Array) => pool.respond(() => query.respond(answer))
    const told = {
      kind: 'query',
      name,
      lTime: lamportTime,
      payload: orNil(payload),
      deadlineAt,
      respond,
    } as const
    this.#tell(told, `query: ${name}`)
  }

  #tell(happening: Happening, shown: string): void {
    this.log('INFO', `agent: Received event: ${shown}`)
    const { name, tags } = this.#cluster.localMember()
    this.#handlers.hear(happening, { name, tags })
    for (const subscriber of this.#subscribers) subscriber(happening)
  }

  async #warned<Value>(what: string, call: Promise<Value>): Promise<Value> {
    try {
      return await call
    } catch (error) {
      this.log('WARN', `${what}: ${error instanceof Error ? error.message : String(error)}`)
      throw error
    }
  }
}

/** No payload and an empty one are the same to the original's agents of 0.9, whose streams say nil for both. */
function orNil(payload: Uint8Array): Uint8Array | null {
  return payload.length === 0 ? null : payload
}

const LOGGED = {
  'member-join': 'EventMemberJoin',
  'member-leave': 'EventMemberLeave',
  'member-failed': 'EventMemberFailed',
  'member-update': 'EventMemberUpdate',
  'member-reap': 'EventMemberReap',
} as const

function shownMember(type: keyof typeof LOGGED, member: RpcMember): string {
  const isBrief = type === 'member-update' || type === 'member-reap'
  return isBrief ? member.name : `${member.name} ${formatIp(member.addr)}`
}

function isSameTags(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(one)
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name])
}
