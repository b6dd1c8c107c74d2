/**
 * The gossip actor: what is true in the pool, as far as we know, and how it spreads. It owns the member table (as the
 * sole writer), suspicion, incarnations, Lamport clocks, the ring of seen events, the broadcast queues, push/pull, join and
 * leave. This file only hands mail to the machines beside it and tells them the time.
 */
import type { Actor, Envelope } from '../actors/contract.ts'
import { Counters, flatten, type Report } from '../actors/counters.ts'
import type { GossipCommand, Restored, Self, ToGossip } from '../actors/mail.ts'
import type { Connection } from '../actors/notices.ts'
import { coatsOf, directRoom } from '../options/coats.ts'
import type { Settings } from '../options/options.ts'
import { parseIp } from '../wire/address.ts'
import { encodeTags } from '../wire/serf.ts'
import type { Claims } from './claims.ts'
import { ClockNews } from './clock-news.ts'
import { ConnectionNews } from './connection-news.ts'
import { Directed } from './directed.ts'
import { placesOf } from './earlier-life.ts'
import { Endings } from './endings.ts'
import { Entrance, type EntranceParts } from './entrance.ts'
import { UserEvents } from './events.ts'
import type { Exchange } from './exchange.ts'
import { Hearing } from './hearing.ts'
import { type HostStall, hostStallOf } from './host-stall.ts'
import { type Judges, judgesOf } from './judges.ts'
import { Keyholder } from './keyholder.ts'
import { LamportClock } from './lamport.ts'
import { MemberTable } from './members.ts'
import { Outbox } from './outbox.ts'
import { OwnAddress } from './own-address.ts'
import { OwnListing } from './own-listing.ts'
import { type OwnTags, ownTagsOf } from './own-tags.ts'
import { PushPull } from './push-pull.ts'
import { Queries } from './queries.ts'
import { Queues } from './queues.ts'
import { Revival } from './revival.ts'
import { Spread } from './spread.ts'
import { Standing } from './standing.ts'
import { Streams } from './streams.ts'
import { Sync } from './sync.ts'
import { Tasks } from './tasks.ts'
import type { GossipWorld } from './world.ts'

/** How often forgotten members and intents are looked for. */
const SWEEP_INTERVAL = 5_000
/** A wake this many probe intervals late means that the whole process stood still. */
const PAUSE = 3

export class Gossip implements Actor<ToGossip> {
  readonly #settings: Settings
  readonly #world: GossipWorld
  readonly #counters = new Counters()
  readonly #tasks = new Tasks()
  readonly #judges: Judges
  /** For the simulator's checks to look at; nobody else reads it from outside. */
  readonly table: MemberTable
  readonly #queues: Queues
  readonly #outbox: Outbox
  readonly #standing: Standing
  readonly #claims: Claims
  readonly #queries: Queries
  readonly #directed: Directed
  readonly #streams: Streams
  readonly #entrance: Entrance
  readonly sync: Sync
  readonly #spread: Spread
  readonly #endings: Endings
  readonly #ownTags: OwnTags
  readonly #ownAddress: OwnAddress
  readonly #keyholder: Keyholder
  readonly #hostStall: HostStall
  readonly #clockNews: ClockNews
  readonly #connectionNews: ConnectionNews
  readonly #revival: Revival
  readonly #memberClock = new LamportClock()
  readonly #eventClock = new LamportClock()
  readonly #queryClock = new LamportClock()
  /** Both for checks. */
  readonly events: UserEvents
  readonly clocks = [this.#memberClock, this.#eventClock, this.#queryClock] as const
  readonly #hearing: Hearing
  #now = 0
  #sweepAt = Number.POSITIVE_INFINITY
  wakeAt = Number.POSITIVE_INFINITY

  constructor(settings: Settings, world: GossipWorld) {
    this.#settings = settings
    this.#world = world
    const { random, detector, dispatch } = world
    const counters = this.#counters
    const tasks = this.#tasks
    const coats = coatsOf(settings, (bytes) => world.fillRandom(bytes))
    const table = new MemberTable(random, world.records)
    this.table = table
    const queues = new Queues(settings, coats, table, counters, world.log)
    const outbox = new Outbox(table, detector, dispatch)
    const memberClock = this.#memberClock
    const eventClock = this.#eventClock
    const standing = new Standing(settings, { ...world, table, outbox, queues, counters, clock: memberClock })
    const exchange = (ip: string, port: number, one: Exchange) =>
      this.#streams.exchange(ip, port, one, this.#now)
    const judges = judgesOf(settings, {
      ...{ world, table, queues, outbox, counters, listener: standing, exchange },
      now: () => this.#now,
      conflict: (conflict) => this.#entrance.conflict(conflict),
      ping: (ip, port, name, timeout, done) => this.#streams.ping(ip, port, name, timeout, done, this.#now),
    })
    const { claims, admission, newcomers } = judges
    const own = new OwnListing(table, claims)
    const told = { queues, outbox, counters, clock: eventClock }
    const events = new UserEvents(settings.userEventSizeLimit, settings.eventBuffer, told)
    const clocks = { memberClock, eventClock, queryClock: this.#queryClock }
    const pushPull = new PushPull({
      ...{ table, claims, own, admission, newcomers, standing, events, outbox, counters, tasks, ...clocks },
      ignoresOldEvents: () => this.#entrance.ignoresOldEvents,
      leavesOut: (ip) => world.leavesOut?.(ip),
    })
    const streams = new Streams(settings.tcpTimeout, {
      ...{ world, pushPull, counters, tasks, coats },
      userMessage: (payload) => this.#hearing.streamMessage(payload, this.#now),
      served: (merged, reason) => this.#entrance.served(merged, reason),
    })
    this.#keyholder = new Keyholder({ ...world, encryption: coats.encryption, queues })
    this.#judges = judges
    this.#queues = queues
    this.#outbox = outbox
    this.#standing = standing
    this.#claims = claims
    this.events = events
    this.#queries = new Queries(settings, { ...told, clock: this.#queryClock, random, dispatch })
    this.#directed = this.#directedOf()
    this.#streams = streams
    this.#spread = new Spread(settings, { table, queues, random, detector, counters, clock: world.clock })
    const reply = (id: number, envelope: Envelope<unknown>) => world.reply(id, envelope)
    const through = () => outbox.through
    const sync = new Sync(settings.pushPullInterval, { table, random, exchange })
    this.sync = sync
    this.#entrance = this.#entranceOf({ table, own, voice: judges.voice }, streams, standing)
    const heard = { claims, newcomers, table, sync, standing, events, queues, counters }
    const ears = { ...heard, entrance: this.#entrance }
    this.#hearing = new Hearing({ ...ears, queries: this.#queries, directed: this.#directed })
    const send = (ip: string, port: number, message: Uint8Array) => this.#directed.send(ip, port, message)
    const endings = { table, standing, claims, random, counters, detector, exchange, send, reply, through }
    this.#endings = new Endings(settings, endings)
    this.#ownTags = ownTagsOf(settings, { world, standing, claims, outbox })
    this.#revival = new Revival({ ...world, ...ears, ...clocks, outbox })
    this.#clockNews = new ClockNews(settings.snapshotPath, memberClock, dispatch)
    this.#ownAddress = new OwnAddress(settings, {
      ...{ world, table, claims, counters, disputes: judges.disputes },
      shown: (self) => this.#showSelf(self),
    })
    const ends = { clockNews: this.#clockNews, endings: this.#endings, ownTags: this.#ownTags }
    this.#hostStall = hostStallOf(settings, { ...ends, counters, claims, streams, now: () => this.#now })
    this.#connectionNews = new ConnectionNews(dispatch, () => this.#connection)
  }

  #entranceOf(own: Pick<EntranceParts, 'table' | 'own' | 'voice'>, streams: Streams, standing: Standing) {
    const world = this.#world
    return new Entrance(this.#settings, {
      ...own,
      ...world,
      counters: this.#counters,
      exchange: (ip, port, exchange) => streams.exchange(ip, port, exchange, this.#now),
      cancel: (id) => streams.cancel(id),
      announce: () => {
        standing.announceJoin(this.#now)
        this.sync.joined(this.#now)
      },
      alone: () => this.#ownAddress.look(),
      through: () => this.#outbox.through,
      now: () => this.#now,
    })
  }

  #directedOf(): Directed {
    const { requireNodeNames } = this.#settings
    return new Directed({
      detector: this.#world.detector,
      counters: this.#counters,
      home: (bytes) => this.#hearing.userMessage(bytes, 0, bytes.length, this.#now),
      room: directRoom(this.#settings),
      requireNodeNames,
    })
  }

  receive(mail: ToGossip, now: number): void {
    this.#enter(now)
    switch (mail.type) {
      case 'overheard':
        this.#hearing.packets(mail.bytes, now)
        break
      case 'silent':
        this.#claims.silent(mail.row, mail.instance, mail.incarnation, now)
        break
      case 'told':
        this.#endings.told(mail.count, mail.awaited)
        break
      case 'greeted':
        if (!this.#judges.appeals.greeted(mail.number, now)) this.#entrance.greeted(mail.number)
        break
      case 'host':
        this.#hostStall.changed(mail.state)
        break
      case 'piggybacked':
        this.#spread.piggybacked(mail.number, mail.unused)
        break
      case 'stream-accepted':
      case 'stream-connected':
      case 'stream-data':
      case 'stream-closed':
        this.#streams.receive(mail, now)
        break
      case 'resolved':
        this.#entrance.resolved(mail.lookup, mail.places, mail.error)
        break
      case 'advertised':
        this.#ownAddress.found(mail.ip, now)
        break
      case 'begin':
        this.#begin(mail.self, mail.restored)
        break
      case 'ask':
        this.#queries.ask(mail.number, mail.question, now)
        break
      case 'ask-again':
        this.#directed.sendToAll(mail.places, this.#queries.messageOf(mail.lamportTime))
        break
      case 'answer':
        this.#directed.send(mail.ip, mail.port, mail.bytes)
        break
      case 'keyring':
      case 'keyring-set':
        this.#keyholder.receive(mail)
        break
      case 'command':
        this.#command(mail.id, mail.command)
        break
    }
    this.#exit(now)
  }

  wake(now: number): void {
    this.#enter(now)
    if (this.#tasks.isBusy) this.#tasks.run(now)
    this.#claims.wake(now)
    this.#streams.wake(now)
    this.#entrance.wake()
    this.sync.wake(now)
    this.#spread.wake(now)
    this.#ownTags.wake(now)
    this.#clockNews.wake(now)
    this.#endings.wake(now)
    if (now >= this.#sweepAt) this.#sweep(now)
    this.#exit(now)
  }

  /** Every turn begins here: the time is known, and a long sleep is noticed before anybody dies of it. */
  #enter(now: number): void {
    if (now - this.wakeAt > PAUSE * this.#settings.probeInterval) {
      // Nobody knows when the standstill began: at the earliest with the end of the last turn.
      this.#counters.add('folkmoot.gossip.paused')
      this.#claims.suspicions.extend(now - this.#now)
    }
    this.#now = now
    this.#tasks.now = now
    this.#queues.now = now
    this.#spread.align(now)
  }

  #exit(now: number): void {
    this.#revival.remember()
    // Before the facts: when the mirror has the others, the host knows that it is not alone.
    this.#connectionNews.look()
    this.#outbox.flush(now)
    // Never before now: what is due at once must not look like something that was slept through.
    this.wakeAt = this.#tasks.isBusy ? now : Math.max(now, this.#nextAt)
  }

  /** Not told any more once we leave. */
  get #connection(): Connection | undefined {
    return this.#claims.isLeaving ? undefined : this.#entrance.connection
  }

  get #nextAt(): number {
    return Math.min(
      this.#outbox.flushAt,
      this.#claims.suspicions.nextAt,
      this.#streams.wakeAt,
      this.#entrance.wakeAt,
      this.sync.wakeAt,
      this.#spread.wakeAt,
      this.#ownTags.wakeAt,
      this.#endings.wakeAt,
      this.#clockNews.wakeAt,
      this.#sweepAt,
    )
  }

  #begin(self: Self, restored?: Restored): void {
    const settings = this.#settings
    const address = parseIp(self.ip)
    if (address === undefined) throw new Error(`the advertised address ${self.ip} is not an IP address`)
    if (restored !== undefined) this.#restore(restored)
    const meta = encodeTags(restored?.tags ?? settings.tags, settings.protocolVersion)
    const versions = Uint8Array.of(1, 5, 2, 2, 5, settings.protocolVersion)
    this.#claims.begin(self, address, meta, versions, this.#now, restored?.crash?.incarnation)
    this.#standing.begin(this.#claims.selfRow, this.#now)
    this.#endings.begin(self.name, this.#now)
    this.#spread.selfRow = this.#claims.selfRow
    this.sync.begin(this.#claims.selfRow, this.#now)
    this.#streams.begin(self.name)
    this.#ownTags.begin(restored?.tags ?? settings.tags)
    this.#ownAddress.begin(self)
    this.#entrance.begin(self)
    this.#showSelf(self)
    this.#keyholder.begin(settings.bindIp)
    this.#clockNews.begin(this.#now)
    this.#entrance.recall(placesOf(restored, self))
    this.#revival.begin(restored, this.#now)
    this.#connectionNews.begin(restored?.crash)
    this.#sweepAt = this.#now + SWEEP_INTERVAL
  }

  /** To those that show our address to others. */
  #showSelf(self: Self): void {
    this.#entrance.moved(self)
    this.#queries.begin(self)
    this.#directed.begin(self)
  }

  /** Before anybody can be heard: what is older than what we saw in the life before is not seen again. */
  #restore({ memberTime, eventTime, queryTime }: Restored): void {
    this.#memberClock.witness(memberTime)
    this.#eventClock.witness(eventTime)
    this.#queryClock.witness(queryTime)
    if (eventTime > 0) this.events.ignoreBefore(eventTime + 1)
    if (queryTime > 0) this.#queries.ignoreBefore(queryTime + 1)
  }

  #command(id: number, command: GossipCommand): void {
    switch (command.type) {
      case 'join':
        this.#entrance.join(id, command)
        break
      case 'cancel-join':
        this.#entrance.cancel(command.ticket)
        this.#world.reply(id, { ok: true, value: null, after: 0 })
        break
      case 'leave':
        this.#clockNews.leaving()
        this.#entrance.shut()
        this.#endings.leave(id, this.#now)
        break
      case 'force-leave':
        this.#endings.forceLeave(id, command.name, command.prune ? 'prune' : 'keep', this.#now)
        break
      case 'set-tags':
        this.#ownTags.set(id, command.tags, this.#now)
        break
      case 'user-event':
        this.#world.reply(id, this.events.sendCommand(command))
        break
      case 'history': {
        const value = this.#judges.history.entries(command.name, this.#now)
        this.#world.reply(id, { ok: true, value, after: 0 })
        break
      }
      case 'stats':
        this.#world.reply(id, { ok: true, value: flatten(this.#report()), after: 0 })
        break
      case 'metrics':
        this.#world.reply(id, { ok: true, value: this.#report(), after: 0 })
        break
    }
  }

  #sweep(now: number): void {
    this.#sweepAt = now + SWEEP_INTERVAL
    this.#judges.sweep(now)
    this.#queues.sample()
    this.#standing.forgetBefore(now - this.#settings.recentIntentTimeout)
  }

  #report(): Report {
    const { failed, left, known } = this.#standing.census()
    return this.#counters.report({
      members: known,
      failed,
      left,
      ...this.#judges.gauges(),
      streams: this.#streams.size,
      keys: this.#keyholder.size,
      member_time: this.#memberClock.time,
      event_time: this.#eventClock.time,
      query_time: this.#queryClock.time,
      ...this.#queues.gauges(),
      ...this.#entrance.gauges,
    })
  }
}
