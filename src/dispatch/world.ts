/** What dispatch can do to the world. Every method only enqueues. */
import type { Envelope, Log, Outlet, Random } from '../actors/contract.ts'
import type { News, QueryMail, ToGossip } from '../actors/mail.ts'

export interface DispatchWorld {
  random: Random
  gossip: Outlet<ToGossip>
  /** Puts a delivery in the facade's mailbox. */
  news(news: News): void
  /** Tells the facade what becomes of a query of the host. */
  query(mail: QueryMail): void
  reply(id: number, envelope: Envelope<unknown>): void
  log: Log
}
