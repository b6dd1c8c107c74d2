/** Errors of delivery. They arise on the host's own thread. */
import { FolkmootError } from './errors.ts'

/** A lossless reader of events was too slow, or its host was: so many events could not be kept for it. The iterator has ended; the member goes on. */
export class SubscriptionOverflow extends FolkmootError {
  /** Events lost since the last one that was read. */
  readonly count: number

  constructor(count: number) {
    super('ERR_SUBSCRIPTION_OVERFLOW', `events: ${count} events had no room, the lossless iterator has ended`)
    this.count = count
  }
}
