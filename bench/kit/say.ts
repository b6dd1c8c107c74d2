/** What a process of a crowd says, in the words of Serf's log: written at once, since somebody tells the time by it. */
import { writeSync } from 'node:fs'

export type Saying = 'EventMemberJoin' | 'EventMemberFailed' | 'user-event'

export function say(kind: Saying, name: string): void {
  try {
    writeSync(1, `${kind}: ${name}\n`)
  } catch {
    // Whoever listened is gone, and with it what we are here for.
    process.exit()
  }
}
