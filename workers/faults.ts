/**
 * Faults for tests: what the supervisor must survive, planted into the actors of a member by its name. Nothing of it can be reached through
 * the package: nobody plants a fault unless this very file is imported, and then it is found by the name of the member.
 */
import type { MessagePort, ResourceLimits } from 'node:worker_threads'
import type { ActorName } from '../src/actors/mail.ts'

/** `throw`: the actor gets mail that cannot be, and throws. `exit`: its thread ends. `memory`: its thread takes memory until it has none. */
export type Fault = 'throw' | 'exit' | 'memory'

/** Mail without what it must hold. */
const MALFORMED: Record<ActorName, string> = {
  detector: '{ "type": "roster" }',
  gossip: '{ "type": "overheard" }',
  dispatch: '{ "type": "facts" }',
}

/** The faults of one member: the latest actors' ends, to bring one about. */
export class Faults {
  readonly limits: ResourceLimits
  readonly #ends = new Map<ActorName, (fault: Fault) => void>()

  constructor(limits: ResourceLimits = {}) {
    this.limits = limits
  }

  strike(actor: ActorName, fault: Fault): void {
    const end = this.#ends.get(actor)
    if (end === undefined) throw new Error(`there is no ${actor} to strike`)
    end(fault)
  }

  /** A new actor in this place. */
  seat(actor: ActorName, end: (fault: Fault) => void): void {
    this.#ends.set(actor, end)
  }
}

const planted = new Map<string, Faults>()

/** Has the member of this name, to be created next, fail when it is told to. */
export function plant(nodeName: string, limits?: ResourceLimits): Faults {
  const faults = new Faults(limits)
  planted.set(nodeName, faults)
  return faults
}

/** The faults planted for a member; undefined, always, outside of tests. */
export function faultsOf(nodeName: string): Faults | undefined {
  return planted.get(nodeName)
}

/** In the thread of an actor: brings about what it is told to. */
export function sufferFaults<Mail>(
  port: MessagePort | undefined,
  actor: ActorName,
  receive: (mail: Mail) => void,
): void {
  if (port === undefined) return
  port.on('message', (fault: Fault) => suffer(fault, actor, receive))
  // It is nothing that a thread lives for.
  port.unref()
}

export function suffer<Mail>(fault: Fault, actor: ActorName, receive: (mail: Mail) => void): void {
  if (fault === 'throw') receive(JSON.parse(MALFORMED[actor]))
  else if (fault === 'exit') process.exit(3)
  else {
    const hoard: unknown[] = []
    for (;;) hoard.push(new Array(1_000).fill(hoard.length))
  }
}
