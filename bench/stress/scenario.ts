/** What a scenario is: one row of `scenarios.ts`, played on a stage, judged by its story. */
import type { Stage } from './stage.ts'

export interface Scenario {
  /** One word, as it is asked for. */
  name: string
  title: string
  /** What is done, and to whom, in a sentence or two. */
  about: string
  /** Addresses that it takes: one for each process with members. */
  places: number
  /** `walls`: it cannot be played without root, `ip netns` and `nft`. */
  needs: 'walls' | 'nothing'
  /** How long the trouble lasts when nobody says otherwise, in milliseconds. */
  trouble: number
  /** `its own`: it lasts as long as it says, whatever is asked for. */
  length: 'as asked' | 'its own'
  play(stage: Stage): Promise<void>
}
