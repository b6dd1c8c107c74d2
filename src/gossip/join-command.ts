/** The host's join command as a request to the joins: reaching somebody is announced, reaching nobody is an error with all outcomes. */
import type { Envelope } from '../actors/contract.ts'
import type { GossipCommand, Joined } from '../actors/mail.ts'
import { JoinFailed, toPlain } from '../errors.ts'
import type { JoinRequest } from './joins.ts'

export type JoinCommand = GossipCommand & { type: 'join' }

export interface JoinCommandParts {
  /** Tells the pool that we are here; gives the number of the last fact for the reply. */
  announce(): number
  reply(id: number, envelope: Envelope<Joined>): void
}

export function joinRequest(id: number, command: JoinCommand, parts: JoinCommandParts): JoinRequest {
  return {
    seeds: command.seeds,
    oldEvents: command.ignoreOldEvents ? 'ignore' : 'deliver',
    done: (outcomes) => {
      const reached = outcomes.filter((outcome) => outcome.reached).length
      if (reached === 0) parts.reply(id, { ok: false, error: toPlain(new JoinFailed(outcomes)) })
      else parts.reply(id, { ok: true, value: { reached, outcomes }, after: parts.announce() })
    },
  }
}
