/**
 * What an actor threw, on its way out of its thread. Node clones an uncaught error for the other side and keeps only its simple fields; so who
 * threw it, and what, go as plain objects inside.
 */
import type { PlainError } from '../src/actors/contract.ts'
import type { ActorName } from '../src/actors/mail.ts'
import { fromPlain, toPlain } from '../src/errors/plain.ts'

export class Crashed extends Error {
  readonly crash: { actor: ActorName; error: PlainError }

  constructor(actor: ActorName, error: unknown) {
    super(`the ${actor} actor threw`)
    this.crash = { actor, error: toPlain(error) }
  }
}

/** Who threw what, from an error that came out of the thread of `actor`. An error of no actor's making is taken as it is. */
export function crashOf(error: unknown, actor: ActorName): { actor: ActorName; cause: unknown } {
  if (!isCrashed(error)) return { actor, cause: error }
  return { actor: error.crash.actor, cause: fromPlain(error.crash.error) }
}

/** Of another realm, and so known by its fields. */
function isCrashed(error: unknown): error is Crashed {
  return typeof error === 'object' && error !== null && 'crash' in error
}
