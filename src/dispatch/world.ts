/** What dispatch can do to the world. Every method only enqueues. */
import type { Envelope, Log, Random } from '../actors/contract.ts'
import type { News } from '../actors/mail.ts'

export interface DispatchWorld {
  random: Random
  /** Puts a delivery in the facade's mailbox. */
  news(news: News): void
  reply(id: number, envelope: Envelope<unknown>): void
  log: Log
}
