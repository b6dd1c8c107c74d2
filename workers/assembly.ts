/** All three bodies in one thread, with queues between them: the placements `one` and `none`. */
import type { ActorName, Restored, Self, ToDetector, ToDispatch, ToGossip } from '../src/actors/mail.ts'
import type { Settings } from '../src/options/options.ts'
import { DispatchBody, GossipBody, type ToFacade } from './bodies.ts'
import type { Place } from './body.ts'
import { DetectorBody } from './detector-body.ts'

import { LocalOutlet } from './mailbox.ts'

type Queue = Pick<LocalOutlet<ToDetector>, 'waiting'>

export class Assembly {
  readonly detector: DetectorBody
  readonly gossip: GossipBody
  readonly dispatch: DispatchBody
  readonly #toDetector = new LocalOutlet<ToDetector>()
  readonly #toGossip = new LocalOutlet<ToGossip>()
  readonly #toDispatch = new LocalOutlet<ToDispatch>()

  constructor(settings: Settings, facade: ToFacade, place: (actor: ActorName) => Place) {
    this.detector = new DetectorBody(
      settings,
      this.#toGossip,
      this.#placed(place('detector'), { gossip: this.#toDetector }),
    )
    this.gossip = new GossipBody(
      settings,
      this.#toDetector,
      this.#toDispatch,
      this.#placed(place('gossip'), { neighbours: this.#toGossip }),
    )
    this.dispatch = new DispatchBody(
      settings,
      this.#toGossip,
      facade,
      this.#placed(place('dispatch'), { gossip: this.#toDispatch }),
    )
    this.#toDetector.deliverTo((mail) => this.detector.receive(mail))
    this.#toGossip.deliverTo((mail) => this.gossip.receive(mail))
    this.#toDispatch.deliverTo((mail) => this.dispatch.receive(mail))
  }

  /** The place with what waits in the actor's queue, by who fills it. */
  #placed(place: Place, queues: Record<string, Queue>): Place {
    const mailboxes = () =>
      Object.fromEntries(
        Object.entries(queues).map(([from, queue]) => [
          from,
          queue.waiting('alive') + queue.waiting('others'),
        ]),
      )
    return { ...place, mailboxes }
  }

  begin(self: Self, restored?: Restored): void {
    this.gossip.begin(self, restored)
    this.detector.begin(self)
  }

  /** Follows the line from the wire to the host. */
  async close(): Promise<void> {
    this.#toDetector.close()
    await this.detector.close()
    this.#toGossip.close()
    await this.gossip.close()
    await this.dispatch.close()
    this.#toDispatch.close()
  }
}
