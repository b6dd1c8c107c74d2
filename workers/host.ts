/** The facade as its actors' threads see it. */
import type { LogLevel } from '../src/actors/contract.ts'

import type { ActorName, News, QueryMail } from '../src/actors/mail.ts'

/** What the threads tell the facade. Never called inside a call of the facade. */
export interface Host {
  news(news: News): void
  /** What becomes of a query of the host. */
  query(mail: QueryMail): void
  log(actor: ActorName, level: LogLevel, message: string): void
  /** Our own thread was found stalled, or turns again. */
  stalled(state: 'stalled' | 'recovered', stalledFor: number): void
  /** An actor threw or its thread ended unasked. Called once; all pending calls reject with ActorExited. */
  exited(actor: ActorName, error: unknown): void
}
