/**
 * All of it at once, in rounds: a minute of every trouble there is, then calm, one view, garbage collected and everybody weighed. Two pools side by
 * side, one plain and one with keys. Who is gone is forgotten after five minutes, so that the
 * pool comes to a size of its own. In memory's terms an hour of it is meant, and half an hour is the least that is judged.
 */
import type { Player } from '../player.ts'
import type { Scenario } from '../scenario.ts'
import { comings } from './churn.ts'
import { flaps, loss } from './cuts.ts'
import { deafness, ourAgent } from './deaf.ts'
import { freezes } from './freeze.ts'
import { attacks, forgeries } from './hostile.ts'
import { newKey, oneKey, rotations } from './keys.ts'
import { exchanges } from './push-pull.ts'
import { kills } from './restart.ts'
import { storms } from './storm.ts'

const ROUND = 60_000
/** Else the many that come and go would be remembered for a day, and memory grow for as long. */
const FORGET_AFTER = 5 * 60_000
/**
 * What a frozen member missed it has to find out: at worst from a push/pull (30 s), which makes it suspect whom others know to be gone, for as long as a
 * suspicion that nobody confirms lasts in a pool of 70 (44 s), beside its own slowed-down probes. Protocol page 1, section 7.7.
 */
const BOUND = 120_000

/** Who is killed, who is frozen, who is left alone; one of ours and one of the others each. */
function parts(players: readonly Player[]): { killed: Player[]; frozen: Player[] } {
  const half = players.length / 2
  return {
    killed: [players[half - 1], players[players.length - 1]],
    frozen: [players[half - 2], players[players.length - 2]],
  }
}

export const everything: Scenario = {
  name: 'everything',
  title: 'All of it at once, for as long as asked',
  about: `Four of ours, four agents and an agent of ours without keys, two and two with keys, in rounds of a minute and a calm: churn, storms, push/pulls, loss, flapping links, freezes, kills, deaf listeners, hostile packets, rotations and forgeries together. Memory is looked at in each calm.`,
  places: 14,
  needs: 'walls',
  trouble: 150_000,
  length: 'as asked',
  async play(stage) {
    const sealed = stage.beside('k-')
    let key = newKey()
    await stage.pool({ ours: 4, agents: 4, files: 'snapshots', forgetAfter: FORGET_AFTER })
    const { killed, frozen } = parts(stage.players)
    const agent = await ourAgent(stage, 'folk-agent', { forgetAfter: FORGET_AFTER })
    await sealed.pool({ ours: 2, agents: 2, key, forgetAfter: FORGET_AFTER })
    const steady = [...stage.players, ...sealed.players].filter((player) => !killed.includes(player))
    const calm = stage.players.filter((player) => ![...killed, ...frozen].includes(player))
    const end = stage.end()
    while (performance.now() < end) {
      const until = Math.min(end, performance.now() + ROUND)
      const half = (performance.now() + until) / 2
      const [last] = await Promise.all([
        rotations(sealed, key, until - 5_000),
        comings(stage, 20, until),
        storms(stage, 15, 2, until),
        storms(sealed, 5, 1, until),
        exchanges(stage, { asks: 10, joins: 1 }, until, calm),
        loss(stage, 15, half),
        flaps(stage, until),
        freezes(stage, frozen, until - 10_000),
        kills(stage, killed, until - 15_000),
        attacks(stage, 300, until, [stage.ours[0], stage.ours[1]]),
        forgeries(sealed, 300, until),
        deafness(stage, agent, 20, until),
      ])
      key = last
      await stage.calm(BOUND)
      await sealed.calm(BOUND)
      await oneKey(sealed, key)
      await Promise.all([stage.silence(), sealed.silence()])
      await stage.weigh(steady)
    }
  },
}
