/**
 * The process that plays one scenario, where it was put: in the namespace of a bridge, or anywhere. It is told what to play, says what goes on to its
 * standard error, hands over what came of it, and ends; all that it started ends with it.
 */
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { SeededRandom } from '../../src/actors/random.ts'
import { gatherIn } from './held.ts'
import { Places } from './places.ts'
import { type Played, type PlayOrder, played } from './played.ts'
import { scenarioOf } from './scenarios.ts'
import { Stage } from './stage.ts'

async function play(order: PlayOrder): Promise<Played> {
  const { name, seed, trouble, folder, serf } = order
  const startedAt = performance.now()
  gatherIn(join(folder, 'held'))
  const say = (line: string) =>
    console.error(`  ${name}, ${Math.round((performance.now() - startedAt) / 1000)} s: ${line}`)
  const stage = new Stage({
    ...{ trouble, folder, serf, say },
    places: new Places(order),
    random: new SeededRandom(seed),
  })
  let broke = ''
  try {
    await scenarioOf(name).play(stage)
  } catch (error) {
    broke = error instanceof Error ? `${error.message} ${error.cause ?? ''}` : String(error)
    say(error instanceof Error ? (error.stack ?? broke) : broke)
  }
  if (broke !== '') stage.story.check('it is played to its end', broke, 'not met')
  const result = played(name, seed, (performance.now() - startedAt) / 1000, stage.story)
  return { ...result, numbers: { ...result.numbers, 'load average': Math.round(loadavg()[0]) } }
}

process.once('message', async (order: PlayOrder) => {
  process.send?.(await play(order), () => process.exit())
})
process.once('disconnect', () => process.exit())
