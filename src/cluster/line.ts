/** The line from the facade to its actors: whether a call may still be made, its way there, and its checked answer. */
import type { Envelope } from '../actors/contract.ts'
import type { Credit, DetectorCommand, DispatchCommand, GossipCommand } from '../actors/mail.ts'
import { type ActorExited, ClusterClosed, ClusterLeft, type FolkmootError } from '../errors/errors.ts'
import { fromPlain } from '../errors/plain.ts'
import type { Ask, Check } from './ask.ts'
import { Calls } from './calls.ts'
import type { ClusterState } from './cluster-types.ts'

/** The actors, wherever they are placed. Envelopes carry the host's mistakes; a rejection is an ActorExited. */
export interface Actors {
  gossip(command: GossipCommand): Promise<Envelope<unknown>>
  detector(command: DetectorCommand): Promise<Envelope<unknown>>
  dispatch(command: DispatchCommand): Promise<Envelope<unknown>>
  /** Credit back to dispatch, and what feed is wanted of it. */
  credit(mail: Credit): void
  /** UDP stops, TCP stops, gossip ends, dispatch ends, threads exit. Resolves when no handle is left. Idempotent. */
  shutdown(): Promise<void>
}

export class Line implements Ask {
  readonly calls = new Calls()
  /** Resolves when the mirror holds all facts up to a number. */
  readonly #reached: (fact: number) => Promise<void>
  placed: Actors | undefined
  state: ClusterState = 'alive'
  /** What ended the cluster, when it was not the host. */
  death: ActorExited | undefined

  constructor(reached: (fact: number) => Promise<void>) {
    this.#reached = reached
  }

  async detector<Value>(call: string, command: DetectorCommand, isValue: Check<Value>): Promise<Value> {
    return this.answer(call, this.open(call).detector(command), isValue)
  }

  async gossip<Value>(call: string, command: GossipCommand, isValue: Check<Value>): Promise<Value> {
    return this.answer(call, this.open(call).gossip(command), isValue)
  }

  async dispatch<Value>(call: string, command: DispatchCommand, isValue: Check<Value>): Promise<Value> {
    return this.answer(call, this.open(call).dispatch(command), isValue)
  }

  /** The value of a command, once the mirror holds all that the command caused. */
  async answer<Value>(
    call: string,
    reply: Promise<Envelope<unknown>>,
    isValue: Check<Value>,
  ): Promise<Value> {
    const envelope = await this.calls.settle(reply, () => this.#refusal(call))
    if (!envelope.ok) throw fromPlain(envelope.error)
    await this.#reached(envelope.after)
    if (!isValue(envelope.value)) throw new TypeError('an actor answered a command with something else')
    return envelope.value
  }

  /** The actors, for calls that make sense until the end. */
  open(call: string): Actors {
    if (this.placed === undefined || this.state === 'shutdown' || this.death !== undefined)
      throw this.closed(call)
    return this.placed
  }

  /** The actors, for calls that only a member of the pool can make. */
  present(call: string): Actors {
    const placed = this.open(call)
    if (this.state !== 'alive') throw new ClusterLeft(call)
    return placed
  }

  /** Why there is no answer any more. */
  closed(call: string): FolkmootError {
    return this.death ?? new ClusterClosed(call)
  }

  #refusal(call: string): FolkmootError | undefined {
    return this.state === 'shutdown' ? this.closed(call) : undefined
  }
}
