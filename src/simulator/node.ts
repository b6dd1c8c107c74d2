/** One simulated member: the three real actors, their post, their place in the network, and a host. It can be killed and started again. */
import type { Actor, Envelope, LogLevel } from '../actors/contract.ts'
import type {
  ActorName,
  DetectorCommand,
  DispatchCommand,
  FoundPlace,
  GossipCommand,
  ToDetector,
  ToDispatch,
  ToGossip,
} from '../actors/mail.ts'
import type { Notice } from '../actors/notices.ts'
import { fillFrom, type SeededRandom } from '../actors/random.ts'
import type { Records } from '../actors/records.ts'
import { isRestored } from '../cluster/replies.ts'
import { Detector } from '../detector/detector.ts'
import { Dispatch } from '../dispatch/dispatch.ts'
import { Gossip } from '../gossip/gossip.ts'
import type { MemberTable } from '../gossip/members.ts'
import type { LeftOut } from '../gossip/push-pull.ts'
import type { Settings } from '../options/options.ts'
import { SimulatedDisk } from './disk.ts'
import { type HostWeight, type NodeFacade, SimulatedHost, type Transition } from './host.ts'
import type { Inside } from './inside.ts'
import { hangUp, type Network, type Pipe, type PipeEnd, type Station } from './network.ts'
import { type Handling, Seat, type Weighed } from './post.ts'
import { HostQuestions } from './questions.ts'
import { numbersIn, type Reply } from './reply.ts'
import type { Schedule } from './schedule.ts'
import { SharedPictures } from './shared-pictures.ts'

export interface NodeParts {
  schedule: Schedule
  network: Network
  random: SeededRandom
  handling: Handling
  /** What all nodes of a world keep together; undefined where they share nothing. */
  records: Records | undefined
  hosts: HostWeight
  /** What a state for the node at an address may leave out: see `WorldOptions.states`. */
  leavesOut(table: MemberTable, ip: string): LeftOut | undefined
  hear(transition: Transition): void
  /** Gossip's turn is over: whoever checks its table may look. */
  turned(node: SimulatedNode): void
  /** What a host name stands for at this moment. */
  resolve(host: string): { places: FoundPlace[]; error: string }
  /** Puts something between an actor and its mail: how a test plants a bug. */
  tamper(actor: Actor<ToGossip>, node: SimulatedNode): Actor<ToGossip>
}

/** Longest that a host takes to handle news. */
const LONGEST_HOST_TURN = 2

export class SimulatedNode implements Station {
  readonly name: string
  readonly ip: string
  readonly port = 7946
  /** Of the process that runs or is started next. */
  settings: Settings
  readonly #parts: NodeParts
  /** When the last news reach the host. */
  #newsAt = 0
  #host: SimulatedHost
  #detector: Seat<ToDetector> | undefined
  #gossip: Seat<ToGossip> | undefined
  #dispatch: Seat<ToDispatch> | undefined
  /** The actors that run, for checks to look into. */
  inside: Inside | undefined
  /** How far its wall clock is ahead of the true time, in milliseconds. */
  clockError = 0
  readonly #pipes = new Map<number, Pipe>()
  readonly #pingPipes = new Map<number, Pipe>()
  #accepted = 0
  /** The host's queries, and how it answers those of others. */
  readonly questions = new HostQuestions((command) => {
    this.#commands += 1
    this.#dispatch?.receive({ type: 'command', id: this.#commands, command })
  })
  readonly #replies = new Map<number, Reply>()
  #commands = 0
  /** When its host's main thread was stalled, while it is. */
  #stalledAt: number | undefined
  /** What its detector said of its host. */
  readonly hostChanges: ('stalled' | 'recovered')[] = []
  isUp = false
  /** Whether this process was told to leave. */
  mayLeave = false
  /** A real facade over the actors; undefined where only checks look on. It gives the credit for news, and takes what happens to queries. */
  facade: NodeFacade | undefined
  /** Outlives the process. */
  readonly disk: SimulatedDisk
  /** What the host was told about this member itself. */
  readonly notices: Notice[] = []
  /** What waits until the files are read; undefined once we have begun. */
  #early: (() => void)[] | undefined

  constructor(name: string, ip: string, settings: Settings, parts: NodeParts) {
    this.name = name
    this.ip = ip
    this.settings = settings
    this.#parts = parts
    this.#host = this.#newHost()
    this.disk = new SimulatedDisk(parts.schedule, () => parts.random.fork())
  }

  /** What its host sees: members by name. */
  get members() {
    return this.#host.members
  }

  /** Names of the members in one status, sorted. */
  inStatus(status: 'alive' | 'leaving' | 'left' | 'failed'): string[] {
    const members = [...this.members.values()].filter((member) => member.status === status)
    return members.map(({ name }) => name).sort()
  }

  #newHost(): SimulatedHost {
    return new SimulatedHost(this.name, this.#parts.hosts, this.#parts.hear, (query) =>
      this.questions.heard(query),
    )
  }

  /** Starts it, as a new process: nothing is left of a life before. */
  start(): void {
    const { schedule, random, handling } = this.#parts
    const seat = <Mail extends Weighed>() => new Seat<Mail>(schedule, random.fork(), handling)
    this.#host = this.#newHost()
    this.#detector = seat<ToDetector>()
    this.#gossip = seat<ToGossip>()
    this.#dispatch = seat<ToDispatch>()
    this.#seatActors(this.#detector, this.#gossip, this.#dispatch)
    this.isUp = true
    this.mayLeave = this.settings.hostStall.action === 'leave'
    this.#restore(this.#gossip, this.#detector, this.#dispatch)
  }

  /** Files first, as in a real start; without any, we begin at once. */
  #restore(gossip: Seat<ToGossip>, detector: Seat<ToDetector>, dispatch: Seat<ToDispatch>): void {
    const self = { name: this.name, ip: this.ip, port: this.port, bindPort: this.port }
    const { snapshotPath, tagsFile, keyringFile } = this.settings
    if (snapshotPath + tagsFile + keyringFile === '') {
      gossip.receive({ type: 'begin', self })
      detector.receive({ type: 'begin', self })
      this.facade?.begun(undefined)
      return
    }
    this.#early = []
    this.#askDispatch(dispatch, { type: 'restore' }, (envelope) => {
      if (!envelope.ok && this.facade !== undefined) return this.facade.begun(envelope.error)
      if (!envelope.ok) throw new Error(`${this.name} cannot start: ${envelope.error.message}`)
      if (!isRestored(envelope.value)) throw new TypeError('dispatch answered a command with something else')
      gossip.receive({ type: 'begin', self, restored: envelope.value })
      detector.receive({ type: 'begin', self })
      const early = this.#early ?? []
      this.#early = undefined
      for (const run of early) run()
      this.facade?.begun(undefined)
    })
  }

  /** The ways to its actors for mail from outside. */
  get doors() {
    return {
      detector: this.#detector?.outlet,
      gossip: this.#gossip?.outlet,
      dispatch: this.#dispatch?.outlet,
    }
  }

  #askDispatch(
    dispatch: Seat<ToDispatch>,
    command: DispatchCommand,
    done: (envelope: Envelope<unknown>) => void,
  ): void {
    dispatch.receive({ type: 'command', id: this.expect(done), command })
  }

  /** A number for a command, of whose answer `done` hears in the turn of who answers. */
  expect(done: (envelope: Envelope<unknown>) => void): number {
    this.#commands += 1
    const reply: Reply = {
      get envelope() {
        return undefined
      },
      set envelope(envelope: Envelope<unknown> | undefined) {
        if (envelope !== undefined) done(envelope)
      },
    }
    this.#replies.set(this.#commands, reply)
    return this.#commands
  }

  /** Ends it at once, as kill -9 does: peers of its streams see them break. */
  kill(): void {
    for (const pipe of [...this.#pipes.values(), ...this.#pingPipes.values()]) pipe.destroy()
    this.#pipes.clear()
    this.#pingPipes.clear()
    this.isUp = false
    this.#early = undefined
    this.disk.crash()
    this.#detector?.leave()
    this.#gossip?.leave()
    this.#dispatch?.leave()
  }

  /** Stalls the main thread of its host, as an endless loop does: the actors go on. */
  stallHost(): void {
    this.#stalledAt = this.#parts.schedule.now
  }

  freeHost(): void {
    this.#stalledAt = undefined
  }

  /** Stops the whole process, as SIGSTOP does: packets wait, nothing runs. */
  freeze(): void {
    for (const seat of this.#seats) seat?.freeze()
  }

  thaw(): void {
    for (const seat of this.#seats) seat?.thaw()
  }

  /** From now on every turn of each of its actors takes so many milliseconds; 0 for an instant. */
  slow(milliseconds: number): void {
    for (const seat of this.#seats) if (seat !== undefined) seat.slowness = milliseconds
  }

  /** Weight of the mail that its actors have not taken, by actor. */
  get backlogs(): number[] {
    return this.#seats.map((seat) => seat?.backlog ?? 0)
  }

  get #seats() {
    return [this.#detector, this.#gossip, this.#dispatch]
  }

  /** All that its actors count, at this moment; nothing while it is down. */
  stats(): Record<string, number> {
    const { inside } = this
    if (!this.isUp || inside === undefined || this.#early !== undefined) return {}
    return numbersIn([this.command({ type: 'stats' }), this.askDetector({ type: 'stats' })])
  }

  command(command: GossipCommand): Reply {
    if (command.type === 'leave') this.mayLeave = true
    this.#commands += 1
    const reply: Reply = { envelope: undefined }
    const id = this.#commands
    this.#replies.set(id, reply)
    this.#onceBegun(() => this.#gossip?.receive({ type: 'command', id, command }))
    return reply
  }

  askDetector(command: DetectorCommand): Reply {
    this.#commands += 1
    const reply: Reply = { envelope: undefined }
    this.#replies.set(this.#commands, reply)
    this.#detector?.receive({ type: 'command', id: this.#commands, command })
    return reply
  }

  #onceBegun(run: () => void): void {
    if (this.#early === undefined) run()
    else this.#early.push(run)
  }

  packet(bytes: Uint8Array, ip: string, port: number): void {
    if (this.#early !== undefined) return
    this.#detector?.receive({ type: 'packet', bytes, ip, port })
  }

  accept(pipe: Pipe, ip: string, port: number): PipeEnd {
    this.#accepted += 1
    const stream = this.#accepted
    this.#pipes.set(stream, pipe)
    this.#onceBegun(() => this.#gossip?.receive({ type: 'stream-accepted', stream, ip, port }))
    return this.#gossipEnd(stream)
  }

  #seatActors(detector: Seat<ToDetector>, gossip: Seat<ToGossip>, dispatch: Seat<ToDispatch>): void {
    const { random, network, records, resolve } = this.#parts
    const reply = (id: number, envelope: Envelope<unknown>) => this.#reply(id, envelope)
    const logOf = (name: ActorName) => (level: LogLevel, message: string) =>
      this.facade?.log(name, level, message)
    // What is drawn for nonces shares a generator, so that pools without keys draw as they always did.
    const [chance, gossipChance] = [random.fork(), random.fork()]
    const probing = new Detector(this.settings, {
      random: chance,
      fillRandom: fillFrom(chance),
      gossip: gossip.outlet,
      send: (packet, ip, port) => network.send(this, ip, port, packet),
      dialPing: (seqNo, ip, port, request) => this.#dialPing(detector, seqNo, ip, port, request),
      closePing: (seqNo) => hangUp(this.#pingPipes, seqNo),
      host: {
        beats: () => this.#stalledAt ?? this.#parts.schedule.now,
        changed: (state, stalledFor) => {
          this.hostChanges.push(state)
          this.facade?.stalled(state, stalledFor)
        },
      },
      reply,
      records,
      log: logOf('detector'),
    })
    detector.seat(probing)
    const actor: Gossip = new Gossip(this.settings, {
      random: gossipChance,
      fillRandom: fillFrom(gossipChance),
      clock: () => this.#parts.schedule.now + this.clockError,
      detector: detector.outlet,
      dispatch: dispatch.outlet,
      dial: (stream, ip, port) => this.#dial(gossip, stream, ip, port),
      write: (stream, bytes) => this.#pipes.get(stream)?.write(bytes),
      end: (stream) => this.#pipes.get(stream)?.end(),
      destroy: (stream) => {
        this.#pipes.get(stream)?.destroy()
        this.#pipes.delete(stream)
      },
      resolve: (lookup, host) => gossip.outlet.tell({ type: 'resolved', lookup, ...resolve(host) }),
      leavesOut: (ip) => this.#parts.leavesOut(actor.table, ip),
      reply,
      records,
      log: logOf('gossip'),
    })
    gossip.seat(this.#parts.tamper(actor, this))
    const pictures = records && new SharedPictures(records)
    const delivering = new Dispatch(this.settings, {
      random: random.fork(),
      pictures,
      gossip: gossip.outlet,
      news: (news) => this.#news(dispatch, news),
      query: (mail) => (this.facade ? this.facade.query(mail) : this.questions.take(mail)),
      file: (operation) =>
        this.disk.run(operation, (number, outcome) => dispatch.receive({ type: 'file', number, outcome })),
      reply,
      log: logOf('dispatch'),
    })
    dispatch.seat(delivering)
    this.inside = { detector: probing, gossip: actor, dispatch: delivering, pictures }
    gossip.afterTurn = () => this.#parts.turned(this)
  }

  #news(dispatch: Seat<ToDispatch>, news: Parameters<SimulatedHost['take']>[0]): void {
    const { schedule, random, handling } = this.#parts
    const host = this.#host
    const taken = handling === 'clone' ? structuredClone(news) : news
    // In order, as a port delivers: what comes later may only come as soon.
    this.#newsAt = Math.max(this.#newsAt, schedule.now + random.next() * LONGEST_HOST_TURN)
    schedule.at(this.#newsAt, () => {
      if (!this.isUp || host !== this.#host) return
      host.take(taken, schedule.now)
      if (taken.type === 'news') this.notices.push(...taken.notices)
      if (this.facade !== undefined) return this.facade.news(taken)
      dispatch.outlet.tell({ type: taken.type === 'news' ? 'taken' : 'mirrored', number: taken.number })
    })
  }

  #dial(gossip: Seat<ToGossip>, stream: number, ip: string, port: number): void {
    this.#parts.network.dial(this, ip, port, this.#gossipEnd(stream), (pipe) => {
      this.#pipes.set(stream, pipe)
      gossip.receive({ type: 'stream-connected', stream })
    })
  }

  #gossipEnd(stream: number): PipeEnd {
    const gossip = this.#gossip
    return {
      data: (bytes) => this.#onceBegun(() => gossip?.receive({ type: 'stream-data', stream, bytes })),
      closed: (error) => this.#onceBegun(() => gossip?.receive({ type: 'stream-closed', stream, error })),
    }
  }

  #dialPing(detector: Seat<ToDetector>, seqNo: number, ip: string, port: number, request: Uint8Array): void {
    let answer = new Uint8Array(0)
    const end: PipeEnd = {
      data: (bytes) => {
        const longer = new Uint8Array(answer.length + bytes.length)
        longer.set(answer)
        longer.set(bytes, answer.length)
        answer = longer
        detector.receive({ type: 'ping-stream-data', seqNo, bytes: answer })
      },
      closed: () => {
        if (this.#pingPipes.delete(seqNo)) detector.receive({ type: 'ping-stream-failed', seqNo })
      },
    }
    this.#parts.network.dial(this, ip, port, end, (pipe) => {
      this.#pingPipes.set(seqNo, pipe)
      pipe.write(request)
    })
  }

  #reply(id: number, envelope: Envelope<unknown>): void {
    const reply = this.#replies.get(id)
    if (reply !== undefined) reply.envelope = envelope
    this.#replies.delete(id)
  }
}
