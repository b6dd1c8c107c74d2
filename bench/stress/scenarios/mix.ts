/** A little of much in a few seconds, without root and without a firewall: it runs with the tests. */
import { Ours } from '../ours.ts'
import type { Scenario } from '../scenario.ts'
import { comings } from './churn.ts'
import { attacks } from './hostile.ts'
import { exchanges } from './push-pull.ts'
import { killAndRestart } from './restart.ts'
import { storms } from './storm.ts'

const BOUND = 30_000

export const mix: Scenario = {
  name: 'mix',
  title: 'A little of much, for the tests',
  about:
    'Four of ours, three of them in one process and one thread, and a real agent; churn, events and queries, push/pulls and hostile packets for a few seconds, and one of ours is killed and comes back from its snapshot.',
  places: 3,
  needs: 'nothing',
  trouble: 4_000,
  length: 'as asked',
  async play(stage) {
    const host = await stage.host()
    const options = { bind: `${host.place.ip}:0`, threads: 'none' } as const
    const inside: Ours[] = []
    for (const name of ['inside-1', 'inside-2', 'inside-3'])
      inside.push(await Ours.on(host, name, {}, stage.story, options))
    stage.add(...inside)
    await stage.pool({ ours: 1, agents: 1, files: 'snapshots' })
    const victim = stage.players[3]
    const until = stage.end()
    await Promise.all([
      comings(stage, 10, until, 'all politely'),
      storms(stage, 20, 2, until),
      exchanges(stage, { asks: 5, joins: 1 }, until, stage.players.slice(0, 3)),
      attacks(stage, 100, until, inside),
      killAndRestart(stage, victim, 500),
    ])
    await stage.calm(BOUND)
  },
}
