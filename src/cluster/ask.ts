/** How parts of the facade ask the actors: a command, and the check of its answer. */
import type { DetectorCommand, DispatchCommand, GossipCommand } from '../actors/mail.ts'

/** Whether an answer is what it must be. */
export type Check<Value> = (value: unknown) => value is Value

/** Sends a command to its actor and gives the checked value of the answer; rejects as the call named does. */
export interface Ask {
  detector<Value>(call: string, command: DetectorCommand, isValue: Check<Value>): Promise<Value>
  gossip<Value>(call: string, command: GossipCommand, isValue: Check<Value>): Promise<Value>
  dispatch<Value>(call: string, command: DispatchCommand, isValue: Check<Value>): Promise<Value>
}
