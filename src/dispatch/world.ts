/** What dispatch can do to the world. Every method only enqueues. */
import type { Envelope, Log, Outlet, Random } from '../actors/contract.ts'
import type { MirrorNews, News, QueryMail, ToGossip } from '../actors/mail.ts'
import type { MemberPictures } from '../cluster/pictures.ts'
import type { FileOperation } from './files.ts'

export interface DispatchWorld {
  random: Random
  gossip: Outlet<ToGossip>
  /** Puts a delivery in the facade's mailbox. */
  news(news: News | MirrorNews): void
  /** Tells the facade what becomes of a query of the host. */
  query(mail: QueryMail): void
  /** Starts an operation on a file; its outcome comes as mail. Those on one path are carried out in order. */
  file(operation: FileOperation): void
  reply(id: number, envelope: Envelope<unknown>): void
  log: Log
  /** Where pictures of the members are kept; undefined for a place of our own. */
  pictures?: MemberPictures | undefined
}
