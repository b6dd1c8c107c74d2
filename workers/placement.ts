/**
 * Places a member's three actors where the settings say, connects their mailboxes, binds their sockets and begins. The facade knows
 * nothing of threads beyond this.
 */
import type { Envelope } from '../src/actors/contract.ts'
import type { DetectorCommand, DispatchCommand, GossipCommand, Restored, Self } from '../src/actors/mail.ts'
import { refuseForeignSelf } from '../src/admission-options.ts'
import { lookInterval } from '../src/detector/host-watch.ts'
import { BindFailed, fromPlain, InvalidOption } from '../src/errors.ts'
import type { Settings } from '../src/options.ts'
import { isRestored } from '../src/replies.ts'
import { advertised, boundIps } from './addresses.ts'
import { BAD_MODULE } from './bodies.ts'
import type { Bound } from './body.ts'
import type { Host } from './host.ts'
import { Pulse } from './pulse.ts'
import { InlineSeats, OneThreadSeats, type Seats, type Shared, ThreeThreadSeats } from './seats.ts'

/** A member's three actors in place, bound to their sockets and begun. */
export interface Placed {
  readonly self: Self
  /** Envelopes carry the host's mistakes; a rejection is an ActorExited. */
  gossip(command: GossipCommand): Promise<Envelope<unknown>>
  detector(command: DetectorCommand): Promise<Envelope<unknown>>
  dispatch(command: DispatchCommand): Promise<Envelope<unknown>>
  /** Credit back to dispatch. */
  taken(number: number): void
  /** UDP stops, TCP stops, gossip ends, dispatch ends, threads exit. Resolves when no handle is left. Idempotent. */
  shutdown(): Promise<void>
}

/** Ports that TCP got from the system and UDP may find taken: so often another is tried. */
const TRIES = 10

/** Starts a member's actors. Rejects with BindFailed, and then leaves nothing open. */
export async function place(settings: Settings, host: Host): Promise<Placed> {
  const pulse = new Pulse(lookInterval(settings.hostStall.after) / 2)
  const seats = seatsFor({ settings, beats: pulse.beats }, host)
  try {
    const restored = await restore(seats, settings)
    const port = await bindBoth(seats, settings)
    const { ip, reason } = await advertised(settings)
    if (reason !== '') host.log('gossip', 'info', `advertising ${ip}: ${reason}`)
    refuseForeignSelf(settings.cidrsAllowed, ip)
    const self: Self = {
      name: settings.nodeName,
      ip,
      port: settings.advertisePort || port,
      bindPort: port,
      boundIps: boundIps(settings.bindIp),
    }
    await seats.begin(self, restored)
    return new PlacedMember(self, seats, pulse)
  } catch (error) {
    pulse.stop()
    await seats.close()
    throw error
  }
}

/** What the files of a life before say; nothing without such files. Rejects with FileUnreadable. */
async function restore(seats: Seats, settings: Settings): Promise<Restored | undefined> {
  const { snapshotPath, tagsFile, keyringFile } = settings
  if (snapshotPath + tagsFile + keyringFile === '') return undefined
  const envelope = await seats.dispatch({ type: 'restore' })
  if (!envelope.ok) throw fromPlain(envelope.error)
  if (!isRestored(envelope.value)) throw new TypeError('dispatch answered a command with something else')
  return envelope.value
}

function seatsFor(shared: Shared, host: Host): Seats {
  const { threads } = shared.settings
  if (threads === 'none') return new InlineSeats(shared, host)
  return threads === 'one' ? new OneThreadSeats(shared, host) : new ThreeThreadSeats(shared, host)
}

/** TCP first, then UDP on the same port. */
async function bindBoth(seats: Seats, settings: Settings): Promise<number> {
  const { bindIp, bindPort } = settings
  for (let tries = 1; ; tries++) {
    const tcp = bound(await seats.listen(bindIp, bindPort), settings)
    const udp = await seats.bind(bindIp, tcp)
    if (udp.ok) return tcp
    const mayRetry = bindPort === 0 && udp.code === 'EADDRINUSE' && tries < TRIES
    if (!mayRetry) return bound(udp, settings)
    await seats.unlisten()
  }
}

function bound(outcome: Bound, { bindIp, bindPort, admit }: Settings): number {
  if (outcome.ok) return outcome.port
  if (outcome.code === BAD_MODULE)
    throw new InvalidOption('admit.module', admit.module, `a module that can be loaded: ${outcome.message}`)
  const cause = Object.assign(new Error(outcome.message), { code: outcome.code })
  throw new BindFailed(bindIp.includes(':') ? `[${bindIp}]:${bindPort}` : `${bindIp}:${bindPort}`, cause)
}

class PlacedMember implements Placed {
  readonly self: Self
  readonly #seats: Seats
  readonly #pulse: Pulse
  #shutdown: Promise<void> | undefined

  constructor(self: Self, seats: Seats, pulse: Pulse) {
    this.#pulse = pulse
    this.self = self
    this.#seats = seats
  }

  gossip(command: GossipCommand): Promise<Envelope<unknown>> {
    return this.#seats.gossip(command)
  }

  detector(command: DetectorCommand): Promise<Envelope<unknown>> {
    return this.#seats.detector(command)
  }

  dispatch(command: DispatchCommand): Promise<Envelope<unknown>> {
    return this.#seats.dispatch(command)
  }

  taken(number: number): void {
    this.#seats.taken(number)
  }

  shutdown(): Promise<void> {
    this.#pulse.stop()
    this.#shutdown ??= this.#seats.close()
    return this.#shutdown
  }
}
