/**
 * The facade: one member of a pool, as its host sees it. It owns nothing but a mirror of the members and the listeners; it checks what
 * the host says, hands it to the actor that owns the matter, and passes on what comes back.
 */
import { EventEmitter } from 'node:events'
import { hostname } from 'node:os'
import { type Ground, REAL_GROUND } from '../../workers/ground.ts'
import type { Host } from '../../workers/host.ts'
import type { DispatchCommand, Joined, MirrorNews, News, QueryWish } from '../actors/mail.ts'
import type { Connection } from '../actors/notices.ts'
import { type ActorExited, ClusterClosed, InvalidArgument } from '../errors/errors.ts'
import type { ForcedStatus } from '../gossip/force-leave.ts'
import type { HistoryEntry } from '../gossip/history.ts'
import { payloadOf, refuseUnknown, seedsOf } from '../options/arguments.ts'
import { type ClusterOptions, type Logger, type Settings, settle, settleTags } from '../options/options.ts'
import { ownTransport } from '../options/transport.ts'
import { untilAborted } from './calls.ts'
import type {
  ClusterEvents,
  ClusterState,
  ForceLeaveOptions,
  JoinOptions,
  MemberFilter,
  UserEventOptions,
} from './cluster-types.ts'
import type { Drained, DrainOptions, Ends } from './ends.ts'
import type { ClusterEvent, ClusterEventOf, ClusterEventType } from './events.ts'
import { facultiesOf } from './faculties.ts'
import type { HandlerHandle, HandlerOptions, Handlers } from './handlers.ts'
import type { HandledKind } from './host-events.ts'
import { Insight, type Stats } from './insight.ts'
import type { Keys } from './keys.ts'
import { Line } from './line.ts'
import { Listeners } from './listeners.ts'
import { Lives } from './lives.ts'
import { type Member, select } from './member.ts'
import type { Metric } from './metrics.ts'
import { Mirror } from './mirror.ts'
import type { MemberPath, NetworkCoordinate } from './near-types.ts'
import type { Near, NearestOptions, Nearness } from './nearness.ts'
import { completedPings, type PingCompleted, type PingsOptions } from './ping-feed.ts'
import { OwnQueries, type QueryHandle, type QueryOptions, refuseOldProtocol, wishOf } from './queries.ts'
import { isBytes, isForced, isJoined, isNothing, isQueryReply, isSent } from './replies.ts'
import type { EventsOptions } from './subscription.ts'
import { type MemberSelector, type WaitOptions, Waits } from './waits.ts'

export * from '../../workers/signals.ts'
export * from '../../workers/transports.ts'

/** As `Cluster.create`, on other ground. Set by the class, which alone may make one; not part of what hosts import. */
export let createOn: (ground: Ground, options: ClusterOptions) => Promise<Cluster>

/**
 * One member of a pool.
 *
 * Made by `Cluster.create`. All calls after `shutdown()`, and those it finds under way, reject with ERR_CLUSTER_CLOSED, those that need a member of the pool with
 * ERR_CLUSTER_LEFT after `leave()`; an actor's crash rejects those under way with ERR_ACTOR_EXITED, and the actors are started again: see the event `restarted`.
 */
export class Cluster extends EventEmitter<ClusterEvents> {
  static {
    createOn = async (ground, options) =>
      new Cluster(settle(options, hostname()), options.logger, ground).#start(options)
  }

  readonly #settings: Settings
  readonly #logger: Logger | undefined
  readonly #ground: Ground
  readonly #mirror = new Mirror()
  readonly #listeners: Listeners
  readonly #queries = new OwnQueries()
  readonly #line = new Line((fact) => this.#mirror.reached(fact))
  readonly #insight = new Insight(this.#line)
  readonly #nearness: Nearness
  /** The keys that all members encrypt with. */
  readonly keys: Keys
  #connection: Connection = 'isolated'
  readonly #handlers: Handlers
  #joins = 0
  readonly #ends: Ends
  readonly #waits = new Waits((filter) => this.members(filter))
  #shutdown: Promise<void> | undefined

  private constructor(settings: Settings, logger: Logger | undefined, ground: Ground) {
    super()
    this.#settings = settings
    this.#logger = logger
    this.#ground = ground
    const { keys, handlers, nearness, ends } = facultiesOf(this, settings, ground, {
      line: this.#line,
      query: (wish, signal) => this.#askAll('keys', wish, signal),
      report: (failure) => this.#listeners.hear(failure),
    })
    this.keys = keys
    this.#handlers = handlers
    this.#nearness = nearness
    this.#ends = ends
    this.#listeners = new Listeners(this, this.#mirror, ground.turns, logger, {
      credit: (mail) => this.#line.placed?.credit(mail),
      respond: (command) => this.#line.dispatch('respond', command, isNothing),
    })
  }

  /**
   * Starts a member: binds its sockets and is alive, alone until it joins. Rejects with InvalidOption or BindFailed, and then nothing is left open. Events
   * begin in the turn after the promise resolves: listeners added at once hear them all.
   */
  static create(options: ClusterOptions = {}): Promise<Cluster> {
    return createOn(REAL_GROUND, options)
  }

  get state(): ClusterState {
    return this.#line.state
  }

  /**
   * Whether we are in a pool: `joined` when another member is alive; `joining` when none ever was and seeds are tried; else `isolated`. The event
   * `connection` tells of changes. It stays what it was after `leave()`.
   */
  get connection(): Connection {
    return this.#connection
  }

  /** All members that are known, in any status, sorted by name; or those that a filter lets through. Frozen, and at once. */
  members(filter: MemberFilter = {}): readonly Member[] {
    if (filter.name === undefined) return select(this.#mirror.members(), filter)
    const member = this.#mirror.member(filter.name)
    return select(member === undefined ? [] : [member], filter)
  }

  /** How many members are known, in any status: the length of `members()`, without making it. */
  get memberCount(): number {
    return this.#mirror.size
  }

  /** The member of this name, if it is known. */
  member(name: string): Member | undefined {
    return this.#mirror.member(name)
  }

  /** Resolves with the members that a selector chooses once they are so many. Rejects with the signal's reason, and ClusterClosed at `shutdown()`. */
  waitFor(selector: MemberSelector, count: number, options?: WaitOptions): Promise<readonly Member[]> {
    return this.#waits.until(selector, count, options)
  }

  /** Ourselves. */
  localMember(): Member {
    const member = this.#mirror.member(this.#settings.nodeName)
    // Our own row is there before `create` resolves and is never taken out.
    if (member === undefined) throw new ClusterClosed('localMember')
    return member
  }

  /**
   * Joins the pool of any member that these seeds name, as `[name/]host[:port]`; all are tried, side by side. Resolves when one or more were reached and a
   * member that was there before is seen to hold us; then `members()` knows what they know. Rejects with JoinFailed when nobody was reached, with JoinRefused when
   * somebody is there and refuses us, and with JoinUnconfirmed when nobody was seen to hold us within two probe intervals: we may be a member all the same.
   */
  async join(seeds: readonly string[], options: JoinOptions = {}): Promise<Joined> {
    const checked = seedsOf(seeds)
    refuseUnknown('join', options, ['ignoreOldEvents', 'signal'])
    const { ignoreOldEvents = false, signal } = options
    signal?.throwIfAborted()
    const placed = this.#line.present('join')
    const ticket = ++this.#joins
    const reply = placed.gossip({ type: 'join', seeds: checked, ignoreOldEvents, ticket })
    const joined = this.#line.answer('join', reply, isJoined)
    if (signal === undefined) return joined
    return untilAborted(joined, signal, () => {
      placed.gossip({ type: 'cancel-join', ticket }).catch(() => undefined)
    })
  }

  /** Sends a user event to all members, ourselves included. Resolves with its Lamport time; rejects with EventTooLarge. */
  async userEvent(
    name: string,
    payload?: Uint8Array | string,
    options: UserEventOptions = {},
  ): Promise<{ lamportTime: number }> {
    const bytes = payloadOf('userEvent', name, payload)
    refuseUnknown('userEvent', options, ['coalesce'])
    const { coalesce = false } = options
    const reply = this.#line
      .present('userEvent')
      .gossip({ type: 'user-event', name, payload: bytes, coalesce })
    return this.#line.answer('userEvent', reply, isSent)
  }

  /**
   * Asks all members, or those that the options choose, ourselves included; answers stream in. Throws InvalidArgument, ClusterLeft, and
   * FeatureNotSupported where `protocolVersion` is below 4; what is wrong with the query itself is said by the handle.
   */
  query(name: string, payload?: Uint8Array | string, options: QueryOptions = {}): QueryHandle {
    return this.#askAll('query', wishOf(name, payload, options), options.signal)
  }

  #askAll(call: string, wish: QueryWish, signal: AbortSignal | undefined): QueryHandle {
    signal?.throwIfAborted()
    const placed = this.#line.present(call)
    refuseOldProtocol(this.#settings.protocolVersion)
    const send = (command: DispatchCommand) => this.#line.answer(call, placed.dispatch(command), isQueryReply)
    return this.#queries.start(wish, signal, send)
  }

  /**
   * Replaces our tags, first in the tags file where one is kept (FileUnwritable: nothing has changed). Resolves when the news has been sent as often as it
   * will be; rejects with TagsTooLarge, and with BroadcastTimeout when that took too long (the tags are in force all the same).
   */
  async setTags(tags: Record<string, string>): Promise<void> {
    const checked = settleTags(tags)
    const placed = this.#line.present('setTags')
    await this.#line.answer('setTags', placed.dispatch({ type: 'keep-tags', tags: checked }), isNothing)
    await this.#line.answer('setTags', placed.gossip({ type: 'set-tags', tags: checked }), isNothing)
  }

  /**
   * Says in a member's name that it left: for one that failed and will not come back. A member that lives contradicts and stays. With `prune` everybody also
   * forgets it, once the layer below agrees that it is gone. Resolves when the news has been sent as often as it will be, with what became of the member; rejects
   * with UnknownMember, BroadcastTimeout (it goes on spreading), or TooManyPrunes.
   */
  async forceLeave(name: string, options: ForceLeaveOptions = {}): Promise<{ status: ForcedStatus }> {
    if (typeof name !== 'string') throw new InvalidArgument('forceLeave: the name must be a text')
    refuseUnknown('forceLeave', options, ['prune'])
    const { prune = false } = options
    const reply = this.#line.present('forceLeave').gossip({ type: 'force-leave', name, prune })
    return this.#line.answer('forceLeave', reply, isForced)
  }

  /** The last 256 transitions of members, oldest first, or of those this member's: who accused it, who confirmed, how long ago. */
  history(name = ''): Promise<readonly HistoryEntry[]> {
    return this.#insight.history(name)
  }

  /** Counters and gauges of the three actors. */
  stats(): Promise<Stats> {
    return this.#insight.stats()
  }

  /**
   * Counters, gauges and histograms of the three actors, each with the labels `actor` and those of the option `metricLabels`, sorted by name: see `Metric`. Pulled:
   * it costs nothing until it is called.
   */
  metrics(): Promise<Metric[]> {
    return this.#insight.metrics(this.#settings.metricLabels)
  }

  /**
   * Estimated round trip between two members in milliseconds, without a packet: from their network coordinates, which settle within minutes. `other` is ourselves
   * by default. Undefined as long as one of them is not known to have any. Protocol page 2, section 4.16.
   */
  rtt(one: string, other?: string): Promise<number | undefined> {
    return this.#nearness.rtt(one, other)
  }

  /** The network coordinate of a member, our own by default; undefined where we have none. Our own rejects with CoordinatesDisabled. */
  coordinate(name?: string): Promise<NetworkCoordinate | undefined> {
    return this.#nearness.coordinate(name)
  }

  /** The members with the shortest estimated round trips, nearest first; those without a coordinate are left out. Rejects with CoordinatesDisabled. */
  nearest(options: NearestOptions = {}): Promise<Near[]> {
    return this.#nearness.nearest(options)
  }

  /** Pings a member over UDP, once, and gives the round trip in ms. Rejects with NoResponse after `probeTimeout`, and UnknownMember. Nobody is suspected for it. */
  ping(name: string): Promise<{ rtt: number }> {
    return this.#nearness.ping(name)
  }

  /**
   * Every ping of our probes that a member acknowledged itself and in time, about one a `probeInterval`: name, round trip, and what the ack carried.
   * Nothing is kept before the first one is asked for. Ends when the signal aborts, when the loop is left, or after `shutdown()`.
   */
  pings(options: PingsOptions = {}): AsyncIterableIterator<PingCompleted> {
    return completedPings(this.#line, options)
  }

  /** How our probes of every other member were answered: where UDP is blocked, and TCP or helpers keep it alive, it shows here. */
  paths(): Promise<MemberPath[]> {
    return this.#nearness.paths()
  }

  /**
   * Events as an async iterator, with a buffer and a policy of its own: see `EventsOptions`. It may begin with the members that are there.
   * It ends when the signal aborts, when the loop is left, or after `shutdown()`; without loss also with SubscriptionOverflow.
   */
  events<Type extends ClusterEventType>(
    options: EventsOptions & { types: readonly Type[] },
  ): AsyncIterableIterator<ClusterEventOf<Type>>
  events(options?: EventsOptions): AsyncIterableIterator<ClusterEvent>
  events(options: EventsOptions = {}): AsyncIterableIterator<ClusterEvent> {
    const iterator = this.#listeners.iterate(options)
    if (this.#line.state === 'shutdown') void iterator.return()
    return iterator
  }

  /**
   * Has an export of a module answer the queries of a name, or take the user events of a name, in threads of its own: for what would hold up
   * the host. One that throws or takes too long is reported by the event `handler-failed`, and hurts no other. Threads start with the first
   * call, and are ended by `shutdown()`. Throws InvalidArgument, and HandlersUnavailable.
   */
  handle(kind: HandledKind, name: string, options: HandlerOptions): HandlerHandle {
    this.#line.open('handle')
    return this.#handlers.add(kind, name, options)
  }

  /**
   * Leaves the pool gracefully: peers see `left`, never `failed`. Resolves when the news is spread, with how many peers acknowledged a packet
   * that carried it (of the first 1,024; gossip may have told more); the member goes on answering until `shutdown()`. A second call gives the same promise.
   */
  leave(): Promise<{ told: number }> {
    return this.#ends.leave()
  }

  /**
   * Tells peers by the tag `draining` that this member is about to go, waits until what `until` promises is done, or for the deadline, and leaves. Resolves with
   * what came of it; rejects as `leave` does. A second call gives the same promise.
   */
  drain(options: DrainOptions = {}): Promise<Drained> {
    return this.#ends.drain(options)
  }

  /** Stops the member and all it holds; without a `leave()` before it peers see a failure. Resolves when no handle is left open. A second call gives the same promise. */
  shutdown(): Promise<void> {
    this.#shutdown ??= this.#close()
    return this.#shutdown
  }

  /** Leaves, then shuts down: the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#line.state !== 'shutdown' && this.#line.death === undefined)
      await this.leave().catch(() => undefined)
    await this.shutdown()
  }

  async #start(options: ClusterOptions): Promise<this> {
    const lives = new Lives({
      line: this.#line,
      mirror: this.#mirror,
      listeners: this.#listeners,
      queries: this.#queries,
      logger: this.#logger,
      protocolVersion: this.#settings.protocolVersion,
    })
    const host: Host = {
      news: (news) => this.#news(news),
      query: (mail) => this.#queries.take(mail),
      log: (actor, level, message) => this.#logger?.[level](`${actor}: ${message}`),
      ...lives.hooks,
      ended: (death) => this.#ended(death),
      stalled: (state, stalledFor) => this.#stalled(state, stalledFor),
    }
    const placed = await this.#ground.place(this.#settings, host, ownTransport(options))
    this.#line.placed = placed
    try {
      this.#mirror.fill(await this.#line.answer('create', placed.dispatch({ type: 'members' }), isBytes))
      // Our own join is the first fact.
      await this.#mirror.reached(1)
    } catch (error) {
      await placed.shutdown()
      throw error
    }
    this.#ground.turns.later(() => this.#listeners.open())
    return this
  }

  async #close(): Promise<void> {
    this.#line.state = 'shutdown'
    const handled = this.#handlers.close()
    await this.#line.placed?.shutdown()
    await handled
    this.#listeners.silence()
    this.#mirror.close()
    this.#line.calls.end()
    this.#queries.end(() => this.#line.closed('query'))
    this.#waits.end(this.#line.closed('waitFor'))
    this.#listeners.close()
  }

  #news(news: News | MirrorNews): void {
    const notices = news.type === 'news' ? news.notices : []
    for (const notice of notices) if (notice.type === 'connection') this.#connection = notice.connection
    this.#listeners.add(news)
    this.#waits.look()
    // The host hears of it first; what is no member any more stops without a leave, which would speak for the other one.
    if (notices.some(({ type }) => type === 'conflict-lost')) this.#ground.turns.later(() => this.shutdown())
  }

  #stalled(state: 'stalled' | 'recovered', stalledFor: number): void {
    const { action } = this.#settings.hostStall
    // Gossip has begun the leave already: we join it, so that calls are answered as after any leave.
    if (action === 'leave' && this.#line.state === 'alive') this.leave().catch(() => undefined)
    this.#listeners.hear({ type: state === 'stalled' ? 'host-stall' : 'host-recovered', stalledFor, action })
  }

  #ended(death: ActorExited): void {
    this.#line.death = death
    this.#shutdown ??= this.#close()
    this.#listeners.tell('fatal', death)
  }
}
