/**
 * The supervisor: when an actor crashes it stops the other two and starts all three again, with what is known: the members as the host knows
 * them, clocks, tags and keys as gossip left them, the next incarnation, the same port. It runs in the host's thread: a crash while the host is
 * blocked waits for the host, and peers see a failure if that takes longer than their suspicion.
 *
 *     crash --> calls under way reject --> the other actors end --> bind, begin --> calls go on
 *
 * An actor that goes on crashing is not started for ever: after the third restart within a minute the next crash is the end.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Envelope } from '../src/actors/contract.ts'
import type {
  Crash,
  Credit,
  DetectorCommand,
  DispatchCommand,
  GossipCommand,
  Restored,
  Self,
} from '../src/actors/mail.ts'
import type { Actors } from '../src/cluster/line.ts'
import { ActorExited, BindFailed } from '../src/errors/errors.ts'
import { CrashMemory, type Recollection } from '../src/gossip/crash-memory.ts'
import type { Settings } from '../src/options/options.ts'
import { decodeTags } from '../src/wire/tags.ts'
import { advertisedNow } from './addresses.ts'
import type { Host } from './host.ts'
import { Life } from './life.ts'
import type { Pulse } from './pulse.ts'
import type { Seats, Shared } from './seats.ts'

/** A member's three actors in place, bound to their sockets and begun. */
export interface Placed extends Actors {
  readonly self: Self
}

/** Restarts within so many milliseconds, and no more. */
const MOST_RESTARTS = 3
const RESTARTS_WITHIN = 60_000
/** The system may hold our port for a moment after its owner ended. */
const BIND_TRIES = 20
const BIND_AGAIN_AFTER = 50
/** Seeds that are remembered; the oldest goes. */
const MOST_SEEDS = 1_024

export interface SupervisorParts {
  shared: Shared
  pulse: Pulse
  host: Host
}

export class SupervisedMember implements Placed {
  self: Self
  readonly #parts: SupervisorParts
  readonly #seeds = new Set<string>()
  #life: Life
  #restartedAt: number[] = []
  /** Settles when calls may go on. */
  #restarting: Promise<void> | undefined
  #isStopped = false
  #shutdown: Promise<void> | undefined

  constructor(self: Self, life: Life, parts: SupervisorParts) {
    this.self = self
    this.#parts = parts
    this.#life = life
    life.onDeath((death) => this.#died(death))
  }

  async gossip(command: GossipCommand): Promise<Envelope<unknown>> {
    const envelope = await this.#asked((seats) => seats.gossip(command))
    // A join that is only in doubt may be true: its seeds are good.
    const isGood = envelope.ok || envelope.error.code === 'ERR_JOIN_UNCONFIRMED'
    if (command.type === 'join' && isGood) this.#remember(command.seeds)
    return envelope
  }

  detector(command: DetectorCommand): Promise<Envelope<unknown>> {
    return this.#asked((seats) => seats.detector(command))
  }

  dispatch(command: DispatchCommand): Promise<Envelope<unknown>> {
    return this.#asked((seats) => seats.dispatch(command))
  }

  credit(mail: Credit): void {
    if (this.#restarting === undefined) this.#life.seats.credit(mail)
  }

  shutdown(): Promise<void> {
    this.#shutdown ??= this.#stop()
    return this.#shutdown
  }

  /** At once, or, while the actors are started again, when they run. */
  #asked(ask: (seats: Seats) => Promise<Envelope<unknown>>): Promise<Envelope<unknown>> {
    if (this.#restarting === undefined) return ask(this.#life.seats)
    return this.#restarting.then(() => this.#asked(ask))
  }

  #died(death: ActorExited): void {
    if (this.#isStopped) return
    const now = performance.now()
    this.#restartedAt = this.#restartedAt.filter((at) => now - at < RESTARTS_WITHIN)
    const { host } = this.#parts
    if (host.crashed(death) === 'end' || this.#restartedAt.length >= MOST_RESTARTS) {
      this.#isStopped = true
      host.ended(death)
      return
    }
    this.#restartedAt.push(now)
    this.#restarting = this.#restart(death)
  }

  async #restart(death: ActorExited): Promise<void> {
    const { host } = this.#parts
    try {
      await this.#life.end()
      if (this.#isStopped) return
      this.#life = await this.#begin()
    } catch (error) {
      this.#restarting = undefined
      this.#died(error instanceof ActorExited ? error : new ActorExited(death.actor, error))
      return this.#restarting
    }
    this.#restarting = undefined
    if (this.#isStopped) return
    host.restarted(death)
    this.#life.onDeath((next) => this.#died(next))
  }

  /** A new life with what is known of the one before. */
  async #begin(): Promise<Life> {
    const { shared, host } = this.#parts
    const pictures = host.known()
    const past = new CrashMemory(shared.memory).recall()
    const life = new Life({ ...shared, settings: settingsAfter(shared.settings, past) }, host)
    try {
      const restored = await life.restore()
      await this.#bind(life)
      this.self = { ...this.self, ip: (await advertisedNow(shared.settings, this.self.ip)) || this.self.ip }
      const crash = { incarnation: past.incarnation, pictures, seeds: [...this.#seeds] }
      await life.seats.begin(this.self, restoredAfter(restored, past, crash))
      return life
    } catch (error) {
      await life.end()
      throw error
    }
  }

  /** The port we had, which peers know. */
  async #bind(life: Life): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await life.bind(this.self.bindPort)
        return
      } catch (error) {
        if (!(error instanceof BindFailed) || tries === BIND_TRIES) throw error
        await life.seats.unlisten()
        await sleep(BIND_AGAIN_AFTER)
      }
    }
  }

  async #stop(): Promise<void> {
    this.#isStopped = true
    this.#parts.pulse.stop()
    await this.#restarting
    await this.#life.end()
  }

  #remember(seeds: readonly string[]): void {
    for (const seed of seeds) {
      this.#seeds.delete(seed)
      this.#seeds.add(seed)
    }
    for (const seed of this.#seeds) {
      if (this.#seeds.size <= MOST_SEEDS) break
      this.#seeds.delete(seed)
    }
  }
}

/** Tags, keys and what these are for, as they were in force. */
function settingsAfter(settings: Settings, { meta, keys, verify }: Recollection): Settings {
  const tags = meta === undefined ? settings.tags : { ...decodeTags(meta) }
  const { encryptionKeys, verifyIncoming, verifyOutgoing } = settings
  return {
    ...{ ...settings, tags, encryptionKeys: keys ?? encryptionKeys },
    verifyIncoming: verify === undefined ? verifyIncoming : verify.incoming === 'verified',
    verifyOutgoing: verify === undefined ? verifyOutgoing : verify.outgoing === 'sealed',
  }
}

/** What files say of an earlier life and what memory says of this one: the clocks that came further, and our tags as they were in force. */
function restoredAfter(restored: Restored | undefined, past: Recollection, crash: Crash): Restored {
  const { tags: _tags, ...rest } = restored ?? { memberTime: 0, eventTime: 0, queryTime: 0, members: [] }
  // A clock shows its next time.
  const later = (kept: number, next: number) => Math.max(kept, next - 1)
  return {
    ...rest,
    memberTime: later(rest.memberTime, past.memberTime),
    eventTime: later(rest.eventTime, past.eventTime),
    queryTime: later(rest.queryTime, past.queryTime),
    crash,
  }
}
