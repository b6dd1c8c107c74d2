/** User events and queries from everybody at once. */
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'

const EVENTS = 150
const QUERIES = 8
const BOUND = 20_000

export async function storms(stage: Stage, events: number, queries: number, until: number): Promise<void> {
  const all = () => stage.players
  await Promise.all([stage.events(events, until, all), stage.queries(queries, until, all)])
}

export const storm: Scenario = {
  name: 'storm',
  title: 'A storm of events and queries',
  about: `Four of ours and four agents say ${EVENTS} user events and ask ${QUERIES} queries a second, which is more than gossip of their settings can carry to all.`,
  places: 8,
  needs: 'nothing',
  trouble: 30_000,
  length: 'as asked',
  async play(stage) {
    await stage.pool({ ours: 4, agents: 4 })
    await storms(stage, EVENTS, QUERIES, stage.end())
    await stage.calm(BOUND)
    const { answers, queriesSent } = stage.story
    stage.story.check(
      'queries are answered in the storm',
      `${answers} answers to ${queriesSent} queries`,
      answers > queriesSent ? 'met' : 'not met',
    )
  },
}
