/** What the answer to a push/pull says when it is none: in words, and why we are likely not wanted. */
import type { Refusal } from '../actors/mail.ts'
import { readError } from '../wire/probe.ts'
import type { StreamStep } from '../wire/stream.ts'

/** Characters of a peer's reason that we repeat. */
const LONGEST_REASON = 200
/** Why a stream is refused when its keys are not ours. */
export const KEY_REASONS: ReadonlySet<string> = new Set(['decrypt', 'encrypted', 'unencrypted'])

/** A peer that reads us and says nothing: so it is done with streams of another label (protocol page 1, section 8.2). */
export const WORDLESS = 'the connection was closed without an answer'

export interface Complaint {
  error: string
  refusal: Refusal
}

/**
 * What is wrong with an answer that is no push/pull. What a peer says in an err is for people alone, since its wording is free: it is `likely` what
 * those who have labels or keys get wrong.
 */
export function complaintOf(step: StreamStep, likely: Refusal): Complaint {
  if (step.kind === 'err')
    return { error: `the peer refused the exchange: ${errorText(step)}`, refusal: likely }
  if (step.kind !== 'refused') return { error: `answered with ${step.kind}`, refusal: 'other' }
  const error = `the answer was unusable: ${step.reply === '' ? step.reason : step.reply}`
  return { error, refusal: KEY_REASONS.has(step.reason) ? 'key' : 'other' }
}

/** What a peer said, for people: quoted and cut, for it may say anything. */
function errorText({ bytes, start, end }: { bytes: Uint8Array; start: number; end: number }): string {
  const text = readError(bytes, start, end)
  return text === undefined ? 'no readable reason' : JSON.stringify(text.slice(0, LONGEST_REASON))
}
