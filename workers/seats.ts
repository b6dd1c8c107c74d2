/** Where the three actors sit: each in a thread, all in one, or here. All three ways look alike from outside. */
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads'
import type { Envelope } from '../src/actors/contract.ts'
import type {
  ActorName,
  Credit,
  DetectorCommand,
  DispatchCommand,
  GossipCommand,
  Restored,
  Self,
  ToDetector,
  ToDispatch,
  ToGossip,
  ToHost,
} from '../src/actors/mail.ts'
import type { Transport } from '../src/cluster/transport.ts'
import { ActorExited } from '../src/errors/errors.ts'
import { CrashMemory } from '../src/gossip/crash-memory.ts'
import type { Settings } from '../src/options/options.ts'
import { Assembly } from './assembly.ts'
import type { Bound } from './body.ts'
import type { DetectorApi } from './detector.ts'
import type { DispatchApi } from './dispatch.ts'
import { type Faults, faultsOf, suffer } from './faults.ts'
import type { GossipApi } from './gossip.ts'
import type { Host } from './host.ts'
import { mailboxCounters } from './mailbox.ts'
import type { MemberApi } from './member.ts'
import { loadTransport } from './own-transport.ts'
import type { Beats } from './pulse.ts'
import { commandPorts, Thread } from './supervise.ts'
import type { ThreadData, Wall } from './thread.ts'
import { startThread } from './thread-files.ts'

export interface Seats {
  listen(ip: string, port: number): Promise<Bound>
  unlisten(): Promise<void>
  bind(ip: string, port: number): Promise<Bound>
  begin(self: Self, restored?: Restored): Promise<void>
  gossip(command: GossipCommand): Promise<Envelope<unknown>>
  detector(command: DetectorCommand): Promise<Envelope<unknown>>
  dispatch(command: DispatchCommand): Promise<Envelope<unknown>>
  credit(mail: Credit): void
  close(): Promise<void>
}

/** Both ends of the wall between two neighbours in different threads. */
function wall(): [Wall, Wall] {
  const { port1, port2 } = new MessageChannel()
  const one = mailboxCounters()
  const other = mailboxCounters()
  return [
    { port: port1, outward: one, inward: other },
    { port: port2, outward: other, inward: one },
  ]
}

/** Mail that a thread sends to the host. */
function hearThread(worker: Worker, host: SeatHost): void {
  worker.on('message', (mail: ToHost) => {
    if (mail.type === 'news' || mail.type === 'mirror') host.news(mail)
    else if (mail.type === 'host') host.stalled(mail.state, mail.stalledFor)
    else if (mail.type !== 'log') host.query(mail)
    else host.log(mail.actor, mail.level, mail.message)
  })
}

/** What the seats tell: of a death once, however many threads go down together. */
export interface SeatHost extends Pick<Host, 'news' | 'query' | 'log' | 'stalled'> {
  died(death: ActorExited): void
}

/** What all threads of a member are given. */
export interface Shared {
  settings: Settings
  beats: Beats
  memory: SharedArrayBuffer
  /** The host's own, in its own thread. */
  transport: Transport | undefined
}

/** Messages die young: a larger nursery would only fill up before it is looked at, and three of them are what a member's memory mostly is. */
const YOUNG = { maxYoungGenerationSizeMb: 8 }

/** What a worker is started with, besides its file: its ports move with it. */
function workerOptions(
  actor: string,
  { settings, beats, memory }: Shared,
  walls: Partial<Record<ActorName, Wall>>,
  actors: ActorName[],
) {
  const { ours, theirs } = commandPorts()
  const planted = faultsOf(settings.nodeName)
  const faults = planted === undefined ? {} : faultPorts(planted, actors)
  const workerData: ThreadData = { settings, beats, memory, faults, commands: theirs, ...walls }
  const ports = [...Object.values(walls).map(({ port }) => port), ...Object.values(faults)]
  const options = {
    name: `folkmoot ${actor}`,
    workerData,
    transferList: [theirs, ...ports],
    trackUnmanagedFds: false,
    resourceLimits: planted?.limits ?? YOUNG,
  }
  return { ours, options }
}

const ACTORS: ActorName[] = ['detector', 'gossip', 'dispatch']

function faultPorts(faults: Faults, actors: ActorName[]): Partial<Record<ActorName, MessagePort>> {
  const ports: Partial<Record<ActorName, MessagePort>> = {}
  for (const actor of actors) {
    const { port1, port2 } = new MessageChannel()
    port1.unref()
    faults.seat(actor, (fault) => port1.postMessage(fault))
    ports[actor] = port2
  }
  return ports
}

export class ThreeThreadSeats implements Seats {
  readonly #detector: Thread<DetectorApi>
  readonly #gossip: Thread<GossipApi>
  readonly #dispatch: Thread<DispatchApi>

  constructor(shared: Shared, host: SeatHost) {
    const died = (death: ActorExited) => host.died(death)
    const [detectorWall, gossipToDetector] = wall()
    const [dispatchWall, gossipToDispatch] = wall()
    const detector = workerOptions('detector', shared, { gossip: detectorWall }, ['detector'])
    const gossipWalls = { detector: gossipToDetector, dispatch: gossipToDispatch }
    const gossip = workerOptions('gossip', shared, gossipWalls, ['gossip'])
    const dispatch = workerOptions('dispatch', shared, { gossip: dispatchWall }, ['dispatch'])
    const { workers } = shared.settings
    const detectorWorker = startThread('detector', workers, detector.options)
    const gossipWorker = startThread('gossip', workers, gossip.options)
    const dispatchWorker = startThread('dispatch', workers, dispatch.options)
    for (const worker of [detectorWorker, gossipWorker, dispatchWorker]) hearThread(worker, host)
    this.#detector = new Thread('detector', detectorWorker, detector.ours, died)
    this.#gossip = new Thread('gossip', gossipWorker, gossip.ours, died)
    this.#dispatch = new Thread('dispatch', dispatchWorker, dispatch.ours, died)
  }

  listen(ip: string, port: number): Promise<Bound> {
    return this.#gossip.call<Bound>((api) => api.listen(ip, port))
  }

  unlisten(): Promise<void> {
    return this.#gossip.call((api) => api.unlisten())
  }

  bind(ip: string, port: number): Promise<Bound> {
    return this.#detector.call<Bound>((api) => api.bindUdp(ip, port))
  }

  async begin(self: Self, restored?: Restored): Promise<void> {
    await this.#gossip.call((api) => api.begin(self, restored))
    await this.#detector.call((api) => api.begin(self))
  }

  gossip(command: GossipCommand): Promise<Envelope<unknown>> {
    return this.#gossip.call<Envelope<unknown>>((api) => api.command(command))
  }

  detector(command: DetectorCommand): Promise<Envelope<unknown>> {
    return this.#detector.call<Envelope<unknown>>((api) => api.command(command))
  }

  dispatch(command: DispatchCommand): Promise<Envelope<unknown>> {
    return this.#dispatch.call<Envelope<unknown>>((api) => api.command(command))
  }

  credit(mail: Credit): void {
    this.#dispatch.worker.postMessage(mail)
  }

  /** Follows the line from the wire to the host. */
  async close(): Promise<void> {
    await this.#detector.close()
    await this.#gossip.close()
    await this.#dispatch.close()
  }
}

export class OneThreadSeats implements Seats {
  readonly #member: Thread<MemberApi>

  constructor(shared: Shared, host: SeatHost) {
    const { ours, options } = workerOptions('member', shared, {}, ACTORS)
    const worker = startThread('member', shared.settings.workers, options)
    hearThread(worker, host)
    this.#member = new Thread('gossip', worker, ours, (death) => host.died(death))
  }

  listen(ip: string, port: number): Promise<Bound> {
    return this.#member.call<Bound>((api) => api.listen(ip, port))
  }

  unlisten(): Promise<void> {
    return this.#member.call((api) => api.unlisten())
  }

  bind(ip: string, port: number): Promise<Bound> {
    return this.#member.call<Bound>((api) => api.bindUdp(ip, port))
  }

  begin(self: Self, restored?: Restored): Promise<void> {
    return this.#member.call((api) => api.begin(self, restored))
  }

  gossip(command: GossipCommand): Promise<Envelope<unknown>> {
    return this.#member.call<Envelope<unknown>>((api) => api.gossip(command))
  }

  detector(command: DetectorCommand): Promise<Envelope<unknown>> {
    return this.#member.call<Envelope<unknown>>((api) => api.detector(command))
  }

  dispatch(command: DispatchCommand): Promise<Envelope<unknown>> {
    return this.#member.call<Envelope<unknown>>((api) => api.dispatch(command))
  }

  credit(mail: Credit): void {
    this.#member.worker.postMessage(mail)
  }

  close(): Promise<void> {
    return this.#member.close()
  }
}

/** In the calling thread. A crash of an actor is told to the host like the end of a thread. */
export class InlineSeats implements Seats {
  readonly #assembly: Assembly

  constructor({ settings, beats, memory, transport }: Shared, host: SeatHost) {
    this.#assembly = new Assembly(
      settings,
      {
        news: (news) => setImmediate(() => host.news(news)),
        query: (mail) => setImmediate(() => host.query(mail)),
      },
      (actor) => ({
        log: (level, message) => setImmediate(() => host.log(actor, level, message)),
        mailboxes: () => ({}),
        beats: () => Atomics.load(beats, 0),
        stalled: (state, stalledFor) => setImmediate(() => host.stalled(state, stalledFor)),
        crashed: (error) => setImmediate(() => host.died(new ActorExited(actor, error))),
        memory: new CrashMemory(memory),
        transport: async () => transport ?? loadTransport(settings.transport),
      }),
    )
    const { detector, gossip, dispatch } = this.#assembly
    const planted = faultsOf(settings.nodeName)
    planted?.seat('detector', (fault) =>
      suffer(fault, 'detector', (mail: ToDetector) => detector.receive(mail)),
    )
    planted?.seat('gossip', (fault) => suffer(fault, 'gossip', (mail: ToGossip) => gossip.receive(mail)))
    planted?.seat('dispatch', (fault) =>
      suffer(fault, 'dispatch', (mail: ToDispatch) => dispatch.receive(mail)),
    )
  }

  listen(ip: string, port: number): Promise<Bound> {
    return this.#assembly.gossip.listen(ip, port)
  }

  unlisten(): Promise<void> {
    return this.#assembly.gossip.unlisten()
  }

  bind(ip: string, port: number): Promise<Bound> {
    return this.#assembly.detector.bind(ip, port)
  }

  async begin(self: Self, restored?: Restored): Promise<void> {
    this.#assembly.begin(self, restored)
  }

  gossip(command: GossipCommand): Promise<Envelope<unknown>> {
    return this.#assembly.gossip.command(command)
  }

  detector(command: DetectorCommand): Promise<Envelope<unknown>> {
    return this.#assembly.detector.command(command)
  }

  dispatch(command: DispatchCommand): Promise<Envelope<unknown>> {
    return this.#assembly.dispatch.command(command)
  }

  credit(mail: Credit): void {
    this.#assembly.dispatch.receive(mail)
  }

  close(): Promise<void> {
    return this.#assembly.close()
  }
}
