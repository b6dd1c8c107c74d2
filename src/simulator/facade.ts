/**
 * The line between a facade and the actors of a simulated node: what threads do for a real member. Questions and answers take the way between two
 * threads; what arrives runs in a turn of the host's own thread, which may be held up while the actors go on.
 */
import type { Envelope, Random } from '../actors/contract.ts'
import type { Credit, DetectorCommand, DispatchCommand, GossipCommand } from '../actors/mail.ts'
import type { Actors } from '../cluster/line.ts'
import type { SimulatedNode } from './node.ts'
import type { Schedule } from './schedule.ts'

/** The main thread of one life of a process: runs one task after the other, none while it is held up, and none once it is over. */
export class HostThread {
  readonly #schedule: Schedule
  readonly #enter: (task: () => void) => void
  readonly #holds = new Set<string>()
  #waiting: (() => void)[] = []
  #isOver = false

  /** `enter` runs a task as this process. */
  constructor(schedule: Schedule, enter: (task: () => void) => void) {
    this.#schedule = schedule
    this.#enter = enter
  }

  get isOver(): boolean {
    return this.#isOver
  }

  run(task: () => void): void {
    if (this.#isOver) return
    if (this.#holds.size > 0) this.#waiting.push(task)
    else this.#enter(task)
  }

  /** Holds it up, for a reason that `release` takes back. */
  hold(reason: string): void {
    this.#holds.add(reason)
  }

  /** What waited runs once no reason is left, each in a turn of its own. */
  release(reason: string): void {
    this.#holds.delete(reason)
    if (this.#holds.size > 0) return
    for (const task of this.#waiting.splice(0)) this.#schedule.at(this.#schedule.now, () => this.run(task))
  }

  end(): void {
    this.#isOver = true
    this.#waiting = []
  }
}

/** Longest way between the threads of a facade and an actor, in milliseconds. */
const LONGEST_HOP = 0.3

/** The actors of a node, as its facade reaches them. */
export class NodeLine implements Actors {
  readonly #node: SimulatedNode
  readonly #thread: HostThread
  readonly #schedule: Schedule
  readonly #random: Random
  #lastAt = 0
  #shutdown: Promise<void> | undefined

  constructor(node: SimulatedNode, thread: HostThread, schedule: Schedule, random: Random) {
    this.#node = node
    this.#thread = thread
    this.#schedule = schedule
    this.#random = random
  }

  gossip(command: GossipCommand): Promise<Envelope<unknown>> {
    if (command.type === 'leave') this.#node.mayLeave = true
    return this.#ask((id) => this.#node.doors.gossip?.tell({ type: 'command', id, command }))
  }

  detector(command: DetectorCommand): Promise<Envelope<unknown>> {
    return this.#ask((id) => this.#node.doors.detector?.tell({ type: 'command', id, command }))
  }

  dispatch(command: DispatchCommand): Promise<Envelope<unknown>> {
    return this.#ask((id) => this.#node.doors.dispatch?.tell({ type: 'command', id, command }))
  }

  credit(mail: Credit): void {
    this.#node.doors.dispatch?.tell(mail)
  }

  /** Files first, then everything ends. A node that was killed meanwhile has nothing left to end. */
  shutdown(): Promise<void> {
    this.#shutdown ??= this.dispatch({ type: 'sync' }).then(() => this.#node.kill())
    return this.#shutdown
  }

  #ask(send: (id: number) => void): Promise<Envelope<unknown>> {
    return new Promise((resolve) => {
      const answered = (envelope: Envelope<unknown>) => {
        const copy = structuredClone(envelope)
        // In order, as a port delivers.
        this.#lastAt = Math.max(this.#lastAt, this.#schedule.now + this.#random.next() * LONGEST_HOP)
        this.#schedule.at(this.#lastAt, () => this.#thread.run(() => resolve(copy)))
      }
      send(this.#node.expect(answered))
    })
  }
}
