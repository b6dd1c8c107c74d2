/** What those need who judge claims about members. */
import type { Outlet } from '../actors/contract.ts'
import type { Counters } from '../actors/counters.ts'
import type { ToDetector } from '../actors/mail.ts'
import type { Admission } from './admission.ts'
import type { Corrections } from './corrections.ts'
import type { Disputes } from './disputes.ts'
import type { History } from './history.ts'
import type { MemberListener } from './listener.ts'
import type { MemberTable } from './members.ts'
import type { Newcomers } from './newcomers.ts'
import type { Outbox } from './outbox.ts'
import type { Queues } from './queues.ts'
import type { Voice } from './voice.ts'

export interface ClaimRules {
  probeInterval: number
  suspicionMult: number
  suspicionMaxTimeoutMult: number
}

/** Whether a message is passed on. */
export type Echo = 'rebroadcast' | 'stop'

export interface ClaimParts {
  table: MemberTable
  queues: Queues
  outbox: Outbox
  counters: Counters
  detector: Outlet<ToDetector>
  listener: MemberListener
  voice: Voice
  corrections: Corrections
  disputes: Disputes
  admission: Admission
  newcomers: Newcomers
  history: History
  /** Asks a member whose suspicion is about to end. */
  ask(row: number, now: number): void
}
