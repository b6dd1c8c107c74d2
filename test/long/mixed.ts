/** Three real agents and three members of ours in one pool, in one run, with fifty joins and leaves: `test/interop/mixed-story.ts`, whole. */
import { type MixedOutcome, tell } from '../interop/mixed-story.ts'

export async function prove(): Promise<MixedOutcome> {
  const endings: (() => unknown)[] = []
  const scope = { after: (end: () => unknown) => void endings.push(end) }
  try {
    return await tell(scope, { rounds: 5, ours: 8, agents: 2 })
  } finally {
    for (const end of endings) await end()
  }
}
