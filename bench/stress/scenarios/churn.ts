/** Members come and go, fifty changes a second: most are made up over the wire, some are true members of ours with a life of a few seconds. */
import { Guests } from '../guests.ts'
import { Ours } from '../ours.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'

const TRUE_CHANGES = 4
const LIFE = { from: 1_000, to: 4_000 }
/** Who went without a word has to be probed, by few, among many; and a suspicion that nobody confirms takes 44 s in a pool of 66 (protocol page 1, section 7.7). */
const BOUND = 75_000
/** One in so many true ones goes without a word. */
const SILENT = 8
/** Of true guests; each is free again when it is gone. */
const TRUE_NAMES = 30

/** How true members go: some without a word, so that their peers have to find out; or all as one should. */
type Manners = 'some silently' | 'all politely'

/** Until then, so many changes a second, and at the end everybody who came has left. */
export async function comings(
  stage: Stage,
  perSecond: number,
  until: number,
  manners: Manners = 'some silently',
): Promise<void> {
  const guests = await Guests.at(stage, stage.places.own)
  const visitors = new Visitors(stage, manners)
  const host = await stage.host()
  const coming = stage.evenly(TRUE_CHANGES / 2, until, () => visitors.come(host))
  await Promise.all([stage.evenly(perSecond - TRUE_CHANGES, until, () => guests.change()), coming])
  await visitors.allGone()
  guests.farewell()
  await stage.pause(500, 500)
  guests.farewell()
  await host.kill()
  guests.close()
  stage.story.check(
    'members came and went',
    `${guests.changes} made-up changes, ${visitors.lives} lives of true members`,
    guests.changes > 0 && visitors.lives > 0 ? 'met' : 'not met',
  )
}

class Visitors {
  lives = 0
  #begun = 0
  readonly #stage: Stage
  readonly #manners: Manners
  readonly #free = Array.from({ length: TRUE_NAMES }, (_, i) => `visitor-${i}`)
  readonly #here = new Set<Promise<void>>()

  constructor(stage: Stage, manners: Manners) {
    this.#stage = stage
    this.#manners = manners
    for (const name of this.#free) stage.guests.add(name)
  }

  come(host: Awaited<ReturnType<Stage['host']>>): void {
    const name = this.#free.shift()
    if (name === undefined) return
    const life = this.#live(host, name)
      .catch((error: unknown) => this.#stage.say(`${name}: ${error}`))
      .finally(() => {
        this.#here.delete(life)
        this.#free.push(name)
      })
    this.#here.add(life)
  }

  async allGone(): Promise<void> {
    while (this.#here.size > 0) await Promise.all(this.#here)
  }

  async #live(host: Awaited<ReturnType<Stage['host']>>, name: string): Promise<void> {
    const { story, players } = this.#stage
    const bind = `${host.place.ip}:0`
    this.#begun += 1
    const visitor = await Ours.on(host, name, {}, story, { bind, threads: 'none' }, this.#begun)
    // One of these may have been killed.
    const seeds = this.#stage.some(players, 3).map(({ address }) => address)
    const isIn = await visitor.join(seeds).then(
      () => true,
      () => false,
    )
    if (isIn) this.lives += 1
    await this.#stage.pause(LIFE.from, LIFE.to)
    const isSilent = this.#manners === 'some silently' && this.#stage.random.below(SILENT) === 0
    await visitor.go(isSilent ? 'vanish' : 'leave').finally(() => story.forget(visitor.life))
  }
}

export const churn: Scenario = {
  name: 'churn',
  title: 'Members come and go, 50 changes a second',
  about:
    'Three of ours and three agents stay while made-up members over the wire and true ones of ours come and go; one in eight of either leaves without a word.',
  places: 7,
  needs: 'nothing',
  trouble: 30_000,
  length: 'as asked',
  async play(stage) {
    await stage.pool({ ours: 3, agents: 3 })
    await comings(stage, 50, stage.end())
    await stage.calm(BOUND)
  },
}
