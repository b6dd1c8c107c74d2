/** Processes that stand still for a while, as on a machine that is overloaded or suspended: SIGSTOP and SIGCONT. */
import type { Player } from '../player.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'
import { wallClock } from '../story.ts'

const FROZEN = { from: 500, to: 5_000 }
const AWAKE = { from: 500, to: 5_000 }
/** After the last thaw: what was said of the frozen may still be on its way. */
const GRACE = 10_000
const BOUND = 20_000

/** Each of the victims is frozen and thawed at random until then. Of them alone it may be said that they failed, by whomever. */
export async function freezes(stage: Stage, victims: readonly Player[], until: number): Promise<number> {
  const excuse = stage.story.excuse(victims.map(({ name }) => name))
  const counts = await Promise.all(victims.map((victim) => freezing(stage, victim, until)))
  excuse.until = wallClock() + GRACE
  return counts.reduce((sum, count) => sum + count, 0)
}

async function freezing(stage: Stage, { pid }: Player, until: number): Promise<number> {
  let count = 0
  while (performance.now() < until) {
    await stage.pause(AWAKE.from, AWAKE.to, until)
    process.kill(pid, 'SIGSTOP')
    await stage.pause(FROZEN.from, FROZEN.to)
    process.kill(pid, 'SIGCONT')
    count += 1
  }
  return count
}

export const freeze: Scenario = {
  name: 'freeze',
  title: 'Three of sixteen frozen again and again',
  about:
    'Eight of ours and eight agents; three of them, of both kinds, are stopped for half a second to five seconds at random. Nobody else may ever be called failed, by the frozen ones neither.',
  places: 16,
  needs: 'nothing',
  trouble: 60_000,
  length: 'as asked',
  async play(stage) {
    await stage.pool({ ours: 8, agents: 8 })
    const { players } = stage
    const victims = [players[1], players[2], players[players.length - 1]]
    const until = stage.end()
    const others = players.filter((player) => !victims.includes(player))
    const [count] = await Promise.all([freezes(stage, victims, until), stage.events(5, until, () => others)])
    await stage.calm(BOUND)
    stage.story.check('they were frozen', `${count} times`, count > 0 ? 'met' : 'not met')
  },
}
