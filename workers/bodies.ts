/**
 * Bodies of gossip and dispatch: each actor with its sockets, its loop and its replies, wherever it is placed. The actor knows nothing of all this; a
 * thread, or the host's own, holds bodies and connects their mailboxes.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Actor, Envelope, Outlet } from '../src/actors/contract.ts'
import type {
  DispatchCommand,
  GossipCommand,
  News,
  QueryMail,
  Restored,
  Self,
  ToDetector,
  ToDispatch,
  ToGossip,
} from '../src/actors/mail.ts'
import type { StreamEvents, Streams, Transport } from '../src/cluster/transport.ts'
import { Dispatch } from '../src/dispatch/dispatch.ts'
import type { AdmitRules, Vetoes } from '../src/gossip/admission.ts'
import { Gossip } from '../src/gossip/gossip.ts'
import type { Settings } from '../src/options/options.ts'
import { advertisedNow } from './addresses.ts'
import { type Bound, bound, type Place, Replies } from './body.ts'
import { fillByTheSystem, seededByTheSystem } from './chance.ts'
import { DiskFiles } from './files.ts'
import { guarded } from './guarded.ts'
import { kernelDrops } from './kernel-drops.ts'
import { Names } from './names.ts'
import { Tcp } from './tcp.ts'
import { Turn } from './turn.ts'
import { loadVetoes } from './vetoes.ts'
import { Vitals } from './vitals.ts'

/** How dispatch reaches the host. */
export interface ToFacade {
  news(news: News): void
  /** What becomes of a query of the host. */
  query(mail: QueryMail): void
}

/** How long dispatch may take to write what it has to write when it ends: then its thread ends all the same. */
const LAST_WORDS = 800

/** Code of a `Bound` that was never tried: the module that is to judge members could not be loaded. */
export const BAD_MODULE = 'BAD_MODULE'

export class GossipBody {
  readonly #replies = new Replies()
  readonly #vitals: Vitals
  readonly #turn: Turn<ToGossip>
  readonly #own: () => Promise<Transport | undefined>
  /** There once it listens. */
  #streams: Streams | undefined
  readonly #admit: AdmitRules
  #vetoes: Vetoes | undefined
  readonly #names: Names
  /** Where the detector's socket is bound, once we have begun and unless a transport of the host's own stands in for it. */
  #udp: { ip: string; port: number } | undefined
  readonly #bindIp: string
  /** Connections that came before we began: they are heard of then. */
  #early: ToGossip[] | undefined = []

  constructor(settings: Settings, detector: Outlet<ToDetector>, dispatch: Outlet<ToDispatch>, place: Place) {
    this.#vitals = new Vitals(place.mailboxes, place.log, () => this.#kernel())
    const actor: Actor<ToGossip> = new Gossip(settings, {
      random: seededByTheSystem(),
      fillRandom: fillByTheSystem,
      clock: () => performance.now(),
      detector,
      dispatch,
      dial: (stream, ip, port) => this.#streams?.dial(stream, ip, port),
      write: (stream, bytes) => this.#streams?.write(stream, bytes),
      end: (stream) => this.#streams?.end(stream),
      destroy: (stream) => this.#streams?.destroy(stream),
      resolve: (number, host) => this.#resolve(number, host),
      advertise: (current) => this.#advertise(settings, current),
      vetoes: () => this.#vetoes,
      ...(place.memory && { memory: place.memory }),
      reply: (id, envelope) => this.#replies.reply(id, envelope),
      log: place.log,
    })
    this.#admit = settings.admit
    this.#bindIp = settings.bindIp
    this.#turn = new Turn(actor, place.crashed, this.#vitals)
    this.#names = new Names(settings.dnsServers)
    this.#own = place.transport ?? (async () => undefined)
  }

  receive(mail: ToGossip): void {
    this.#turn.receive(mail)
  }

  /** Loads the host's module first: nothing is taken in before it can judge. */
  async listen(ip: string, port: number): Promise<Bound> {
    try {
      this.#vetoes ??= await loadVetoes(this.#admit)
    } catch (error) {
      return { ok: false, code: BAD_MODULE, message: error instanceof Error ? error.message : String(error) }
    }
    return bound(async () => {
      this.#streams = this.#carrier(await this.#own())
      return this.#streams.listen(ip, port)
    })
  }

  /** Stops listening, so that another port can be tried. */
  async unlisten(): Promise<void> {
    await this.#streams?.close()
  }

  begin(self: Self, restored?: Restored): void {
    const early = this.#early ?? []
    this.#early = undefined
    if (this.#streams instanceof Tcp) this.#udp = { ip: this.#bindIp, port: self.bindPort }
    this.#turn.receive({ type: 'begin', self, ...(restored && { restored }) })
    for (const mail of early) this.#turn.receive(mail)
  }

  async command(command: GossipCommand): Promise<Envelope<unknown>> {
    const envelope = await this.#replies.expect((id) => this.#turn.receive({ type: 'command', id, command }))
    return this.#vitals.join(envelope, command.type)
  }

  async close(): Promise<void> {
    this.#turn.stop()
    this.#vitals.stop()
    await this.#streams?.close()
  }

  /** What carries streams: made anew for each try to listen. */
  #carrier(own: Transport | undefined): Streams {
    const events: StreamEvents = {
      accepted: (stream, ip, port) => this.#hear({ type: 'stream-accepted', stream, ip, port }),
      connected: (stream) => this.#hear({ type: 'stream-connected', stream }),
      data: (stream, bytes) => this.#hear({ type: 'stream-data', stream, bytes }),
      closed: (stream, error) => this.#hear({ type: 'stream-closed', stream, error }),
    }
    if (own === undefined) return new Tcp(events)
    return guarded(own, (where, error) => this.#vitals.fault(where, error)).streams(events)
  }

  /** What the kernel dropped in front of the detector's socket: asked here, where nobody waits for an ack. */
  #kernel(): Record<string, number> {
    const drops = this.#udp && kernelDrops(this.#udp.ip, this.#udp.port)
    return drops === undefined ? {} : { 'udp.kernel-drops': drops }
  }

  #hear(mail: ToGossip): void {
    if (this.#early === undefined) this.#turn.receive(mail)
    else this.#early.push(mail)
  }

  async #advertise(settings: Settings, current: string): Promise<void> {
    this.#turn.receive({ type: 'advertised', ip: await advertisedNow(settings, current) })
  }

  async #resolve(number: number, host: string): Promise<void> {
    try {
      const places = await this.#names.find(host)
      this.#turn.receive({ type: 'resolved', lookup: number, places, error: '' })
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      this.#turn.receive({ type: 'resolved', lookup: number, places: [], error: message })
    }
  }
}

export class DispatchBody {
  readonly #replies = new Replies()
  readonly #vitals: Vitals
  readonly #turn: Turn<ToDispatch>
  readonly #files: DiskFiles

  constructor(settings: Settings, gossip: Outlet<ToGossip>, facade: ToFacade, place: Place) {
    this.#vitals = new Vitals(place.mailboxes, place.log)
    const actor: Actor<ToDispatch> = new Dispatch(settings, {
      random: seededByTheSystem(),
      gossip,
      ...facade,
      file: (operation) => this.#files.run(operation),
      reply: (id, envelope) => this.#replies.reply(id, envelope),
      log: place.log,
    })
    const turn = new Turn(actor, place.crashed, this.#vitals)
    this.#turn = turn
    this.#files = new DiskFiles((number, outcome) => turn.receive({ type: 'file', number, outcome }))
  }

  receive(mail: ToDispatch): void {
    this.#turn.receive(mail)
  }

  async command(command: DispatchCommand): Promise<Envelope<unknown>> {
    const envelope = await this.#replies.expect((id) => this.#turn.receive({ type: 'command', id, command }))
    return this.#vitals.join(envelope, command.type)
  }

  /** Drains and syncs its files; a disk that does not answer holds nobody up for long. */
  async close(): Promise<void> {
    // One that crashed writes nothing more.
    const synced = this.#turn.isStopped ? Promise.resolve() : this.command({ type: 'sync' })
    const written = synced.then(() => this.#files.close())
    await Promise.race([written, sleep(LAST_WORDS, undefined, { ref: false })])
    this.#turn.stop()
    this.#vitals.stop()
  }
}
