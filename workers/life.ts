/**
 * One life of a member's three actors, from their seats to their end: files read, sockets bound, begun. A member that is supervised may have
 * several, one after the other.
 */
import type { Restored } from '../src/actors/mail.ts'
import { isRestored } from '../src/cluster/replies.ts'
import { type ActorExited, BindFailed, InvalidOption } from '../src/errors/errors.ts'
import { fromPlain } from '../src/errors/plain.ts'
import type { Settings } from '../src/options/options.ts'
import { BAD_MODULE } from './bodies.ts'
import type { Bound } from './body.ts'
import type { Host } from './host.ts'
import { BAD_TRANSPORT } from './own-transport.ts'
import {
  InlineSeats,
  OneThreadSeats,
  type SeatHost,
  type Seats,
  type Shared,
  ThreeThreadSeats,
} from './seats.ts'

/** Ports that TCP got from the system and UDP may find taken: so often another is tried. */
const TRIES = 10

export class Life {
  readonly seats: Seats
  readonly #settings: Settings
  #died: ((death: ActorExited) => void) | undefined
  #death: ActorExited | undefined
  /** Rejects with the death. */
  readonly #dead = deferred()
  /** What a life still says when it has ended is nobody's business. */
  #isOver = false
  #end: Promise<void> | undefined

  constructor(shared: Shared, host: Host) {
    this.#settings = shared.settings
    const whileAlive = <Args extends unknown[]>(tell: (...args: Args) => void) => {
      return (...args: Args): void => {
        if (!this.#isOver) tell(...args)
      }
    }
    this.seats = seatsFor(shared, {
      news: whileAlive((news) => host.news(news)),
      query: whileAlive((mail) => host.query(mail)),
      log: (actor, level, message) => host.log(actor, level, message),
      stalled: whileAlive((state, stalledFor) => host.stalled(state, stalledFor)),
      died: (death) => this.#die(death),
    })
  }

  /** Hears once of the death of an actor, also of one that is dead already. */
  onDeath(died: (death: ActorExited) => void): void {
    this.#died = died
    if (this.#death !== undefined) died(this.#death)
  }

  /** What the files of a life before say; nothing without such files. Rejects with FileUnreadable. */
  async restore(): Promise<Restored | undefined> {
    const { snapshotPath, tagsFile, keyringFile } = this.#settings
    if (snapshotPath + tagsFile + keyringFile === '') return undefined
    // In the host's own thread an actor that crashed answers nothing.
    const envelope = await Promise.race([this.seats.dispatch({ type: 'restore' }), this.#dead.promise])
    if (!envelope.ok) throw fromPlain(envelope.error)
    if (!isRestored(envelope.value)) throw new TypeError('dispatch answered a command with something else')
    return envelope.value
  }

  /** TCP first, then UDP on the same port, which is given back. Port 0: any that both can have. Rejects with BindFailed. */
  async bind(bindPort: number): Promise<number> {
    const { bindIp } = this.#settings
    for (let tries = 1; ; tries++) {
      const tcp = this.#bound(await this.seats.listen(bindIp, bindPort), bindPort)
      const udp = await this.seats.bind(bindIp, tcp)
      if (udp.ok) return tcp
      const mayRetry = bindPort === 0 && udp.code === 'EADDRINUSE' && tries < TRIES
      if (!mayRetry) return this.#bound(udp, bindPort)
      await this.seats.unlisten()
    }
  }

  /** Stops what still runs, along the line. Idempotent. */
  async end(): Promise<void> {
    this.#end ??= this.seats.close().then(() => {
      this.#isOver = true
    })
    await this.#end
  }

  #die(death: ActorExited): void {
    if (this.#death !== undefined || this.#end !== undefined) return
    this.#death = death
    this.#dead.reject(death)
    this.#died?.(death)
  }

  #bound(outcome: Bound, bindPort: number): number {
    if (outcome.ok) return outcome.port
    const { bindIp, admit, transport } = this.#settings
    if (outcome.code === BAD_MODULE)
      throw new InvalidOption('admit.module', admit.module, `a module that can be loaded: ${outcome.message}`)
    if (outcome.code === BAD_TRANSPORT) {
      const wanted = `a module that can be loaded: ${outcome.message}`
      throw new InvalidOption('transport.module', transport?.module, wanted)
    }
    const cause = Object.assign(new Error(outcome.message), { code: outcome.code })
    throw new BindFailed(bindIp.includes(':') ? `[${bindIp}]:${bindPort}` : `${bindIp}:${bindPort}`, cause)
  }
}

function deferred(): { promise: Promise<never>; reject(error: unknown): void } {
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<never>((_, no) => {
    reject = no
  })
  promise.catch(() => undefined)
  return { promise, reject }
}

function seatsFor(shared: Shared, host: SeatHost): Seats {
  const { threads } = shared.settings
  if (threads === 'none') return new InlineSeats(shared, host)
  return threads === 'one' ? new OneThreadSeats(shared, host) : new ThreeThreadSeats(shared, host)
}
