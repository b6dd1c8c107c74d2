/** Replies of simulated actors to commands: there is no promise in virtual time, so a reply is looked at. */
import type { Envelope } from '../actors/contract.ts'

/** The reply to a command, once it is there. */
export interface Reply {
  envelope: Envelope<unknown> | undefined
}

/** The numbers by name in replies, those of one name added up. */
export function numbersIn(replies: readonly Reply[]): Record<string, number> {
  const numbers: Record<string, number> = {}
  for (const { envelope } of replies) {
    const value: unknown = envelope?.ok ? envelope.value : {}
    for (const [name, count] of Object.entries(Object(value)))
      if (typeof count === 'number') numbers[name] = (numbers[name] ?? 0) + count
  }
  return numbers
}
