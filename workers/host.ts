/** The facade as its actors' threads see it. */
import type { LogLevel } from '../src/actors/contract.ts'

import type { ActorName, MirrorNews, News, QueryMail } from '../src/actors/mail.ts'
import type { ActorExited } from '../src/errors/errors.ts'

/** What the threads tell the facade. Never called inside a call of the facade. */
export interface Host {
  news(news: News | MirrorNews): void
  /** What becomes of a query of the host. */
  query(mail: QueryMail): void
  log(actor: ActorName, level: LogLevel, message: string): void
  /** Our own thread was found stalled, or turns again. */
  stalled(state: 'stalled' | 'recovered', stalledFor: number): void
  /** An actor threw or its thread ended unasked. What was asked of the actors is not answered any more. Whether they are to be started again. */
  crashed(death: ActorExited): 'restart' | 'end'
  /**
   * The actors are gone and about to be started again: the members that are known, packed as facts. News that follow are those of a new life,
   * and their first facts hold all members.
   */
  known(): Uint8Array
  /** The actors run again. */
  restarted(death: ActorExited): void
  /** They are not started again. Called once; all calls reject with the error. */
  ended(death: ActorExited): void
}
