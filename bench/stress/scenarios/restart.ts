/** Processes that are killed and started again with their snapshots, and are told of nobody. */
import { performance } from 'node:perf_hooks'
import type { Player } from '../player.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'

const DOWN = { from: 100, to: 9_000 }
const BETWEEN = { from: 500, to: 3_000 }
/** What a member learnt in its last half second may not be in its file yet: Serf flushes every 500 ms. */
const WRITTEN = 1_000
/** A snapshot brings a member back at once; what comes later may be the doing of others, who try to reach the failed every 30 s. */
const BACK_WITHIN = 3_000
const STARTS = 3
const GIVEN_UP = 15_000
/** After it is back: until everybody has heard so. */
const GRACE = 5_000
const BOUND = 20_000

/** Kills one and starts it again after `down`; writes down whether its snapshot brought it back. */
export async function killAndRestart(stage: Stage, victim: Player, down: number): Promise<void> {
  const excuse = stage.story.excuse([victim.name])
  await stage.pause(WRITTEN, WRITTEN)
  await victim.kill()
  await stage.pause(down, down)
  await begun(stage, victim)
  const startedAt = performance.now()
  const others = stage.players.filter((player) => player !== victim).map(({ name }) => name)
  let backAfter: number | undefined
  while (backAfter === undefined && performance.now() - startedAt < GIVEN_UP) {
    const view = await victim.view()
    if (others.some((name) => view[name] === 'alive')) backAfter = performance.now() - startedAt
    else await stage.pause(50, 50)
  }
  stage.story.restarts.push({ who: victim.name, backAfter, within: BACK_WITHIN })
  excuse.until = performance.timeOrigin + performance.now() + GRACE
}

/** One that does not start is a mishap, and is given another chance so that the rest can go on. */
async function begun(stage: Stage, victim: Player): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await victim.again()
    } catch (error) {
      stage.story.mishaps.push(`${victim.name} did not start: ${error}`)
      stage.say(`${victim.name} did not start: ${error}`)
      if (attempt === STARTS) throw error
      await victim.kill()
    }
  }
}

export async function kills(stage: Stage, victims: readonly Player[], until: number): Promise<void> {
  while (performance.now() < until) {
    const down = DOWN.from + stage.random.next() * (DOWN.to - DOWN.from)
    await killAndRestart(stage, stage.one(victims), down)
    await stage.pause(BETWEEN.from, BETWEEN.to)
  }
}

export const restart: Scenario = {
  name: 'restart',
  title: 'kill -9, and back from the snapshot',
  about:
    'Three of ours and three agents with snapshots; one after the other is killed, stays away for up to nine seconds and starts again without being told of anybody, while events go round.',
  places: 6,
  needs: 'nothing',
  trouble: 45_000,
  length: 'as asked',
  async play(stage) {
    await stage.pool({ ours: 3, agents: 3, files: 'snapshots' })
    const until = stage.end()
    await Promise.all([kills(stage, stage.players, until), stage.events(10, until, () => stage.players)])
    await stage.calm(BOUND)
  },
}
