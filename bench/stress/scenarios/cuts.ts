/** Everything that needs a firewall: loss, flapping links, and partitions. */
import { between } from '../places.ts'
import type { Player } from '../player.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'
import { wallClock } from '../story.ts'
import { killAndRestart } from './restart.ts'

const FLAP = { from: 300, to: 3_000 }
/** One time in so many it is all links of a member, but for half as long: shorter than any suspicion lasts. */
const WHOLE = 4
/** Links that are cut at a time: with so few a helper is found for every probe. */
const LINKS = 3
const PARTITION = 60_000
const HALVES = 40_000
/** Sixteen real agents alone took 20.3 s until all were marked, and 26.4 s until all were back. */
const MARKED_WITHIN = 22_000
const HEALED_WITHIN = 29_000
/** Of an uneven partition, in which only one of many tries to reach the others at a time: two rounds of Serf's reconnect. */
const UNEVEN_HEALED_WITHIN = 62_000

const nameOf = ({ name }: Player) => name

/** That share of all datagrams is lost between members until then. */
export async function loss(stage: Stage, share: number, until: number): Promise<void> {
  stage.places.wall('loss', [{ protocol: 'udp', share }])
  await stage.pause(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, until)
  stage.places.wall('loss', [])
}

/** Links between two members break and come back at random until then, now and then all links of one; nobody is to blame. */
export async function flaps(stage: Stage, until: number): Promise<number> {
  const flapping = async (link: number) => {
    let count = 0
    for (; performance.now() < until; count++) {
      const [one, ...others] = stage.some(stage.players, stage.players.length)
      const isWhole = stage.random.below(WHOLE) === 0
      const cut = (isWhole ? others : others.slice(0, 1)).map(({ place }) => place)
      stage.places.wall(`flap ${link}`, between([one.place], cut))
      await stage.pause(FLAP.from, isWhole ? FLAP.to / 2 : FLAP.to)
      stage.places.wall(`flap ${link}`, [])
      await stage.pause(FLAP.from, FLAP.to / 2, until)
    }
    return count
  }
  const counts = await Promise.all(Array.from({ length: LINKS }, (_, link) => flapping(link)))
  return counts.reduce((sum, count) => sum + count, 0)
}

/** Cuts the pool in two for so long. Those on one side may say of the other, and nobody of his own, that they failed. */
export async function parted(
  stage: Stage,
  here: readonly Player[],
  length: number,
): Promise<{ cutAt: number; healed(): void }> {
  const there = stage.players.filter((player) => !here.includes(player))
  const excuses = [
    stage.story.excuse(here.map(nameOf), there.map(nameOf)),
    stage.story.excuse(there.map(nameOf), here.map(nameOf)),
  ]
  const cutAt = wallClock()
  stage.places.wall(
    'parted',
    between(
      here.map(({ place }) => place),
      there.map(({ place }) => place),
    ),
  )
  await stage.pause(length, length)
  stage.places.wall('parted', [])
  return {
    cutAt,
    healed: () => {
      for (const excuse of excuses) excuse.until = wallClock()
    },
  }
}

/** How long after the cut the last of the one side was called failed by the last of the other; undefined where one never was. */
function markedAfter(stage: Stage, here: readonly Player[], cutAt: number): number | undefined {
  const said = new Map<string, number>()
  for (const { who, by, at } of stage.story.failures) {
    const pair = `${who} by ${by}`
    if (at >= cutAt && !said.has(pair)) said.set(pair, at - cutAt)
  }
  const there = stage.players.filter((player) => !here.includes(player))
  const times = here.flatMap((one) =>
    there.flatMap((other) => [
      said.get(`${one.name} by ${other.name}`),
      said.get(`${other.name} by ${one.name}`),
    ]),
  )
  return times.reduce(
    (last, time) => (last === undefined || time === undefined ? undefined : Math.max(last, time)),
    0,
  )
}

/** Ours and agents in equal parts. */
function mixed(stage: Stage, size: number): Player[] {
  const { players } = stage
  return Array.from({ length: size }, (_, i) => players[i % 2 === 0 ? i / 2 : players.length - (i + 1) / 2])
}

export const lossy: Scenario = {
  name: 'loss',
  title: '30% of all datagrams lost',
  about:
    'Eight of ours and eight agents lose three of ten datagrams while events go round; one is killed in the middle, is called failed by all, and comes back from its snapshot.',
  places: 16,
  needs: 'walls',
  trouble: 60_000,
  length: 'as asked',
  async play(stage) {
    await stage.pool({ ours: 8, agents: 8, files: 'snapshots' })
    const until = stage.end()
    const victim = stage.one(stage.players)
    const others = stage.players.filter((player) => player !== victim)
    const from = stage.story.failures.length
    const death = async () => {
      await stage.pause(stage.trouble / 6, stage.trouble / 6)
      await killAndRestart(stage, victim, Math.max(20_000, stage.trouble / 2))
    }
    await Promise.all([loss(stage, 30, until), death(), stage.events(4, until, () => others)])
    await stage.calm(20_000)
    const noticed = new Set(
      stage.story.failures
        .slice(from)
        .filter(({ who }) => who === victim.name)
        .map(({ by }) => by),
    )
    stage.story.check(
      'the killed one is called failed by all others',
      `by ${noticed.size} of ${others.length}`,
      others.every(({ name }) => noticed.has(name)) ? 'met' : 'not met',
    )
  },
}

export const flap: Scenario = {
  name: 'flap',
  title: 'Links that flap',
  about: `Four of ours and four agents; ${LINKS} links at a time, between any two of them, are cut for up to three seconds and come back.`,
  places: 8,
  needs: 'walls',
  trouble: 45_000,
  length: 'as asked',
  async play(stage) {
    await stage.pool({ ours: 4, agents: 4 })
    const until = stage.end()
    const [count] = await Promise.all([flaps(stage, until), stage.events(5, until, () => stage.players)])
    await stage.calm(20_000)
    const suspicions = [...stage.story.suspicions.values()].reduce((sum, some) => sum + some, 0)
    stage.story.check(
      'links flapped, and it was felt',
      `${count} times, ${suspicions} suspicions by ours`,
      count > 0 && suspicions > 0 ? 'met' : 'not met',
    )
  },
}

export const partition: Scenario = {
  name: 'partition',
  title: 'A minute of three against seven',
  about:
    'Five of ours and five agents; three of them, of both kinds, are cut off for a minute while events go round on either side.',
  places: 10,
  needs: 'walls',
  trouble: PARTITION,
  length: 'its own',
  async play(stage) {
    await stage.pool({ ours: 5, agents: 5 })
    const until = performance.now() + PARTITION
    const talk = stage.events(5, until, () => stage.players)
    const { healed } = await parted(stage, mixed(stage, 3), PARTITION)
    await talk
    await stage.calm(UNEVEN_HEALED_WITHIN)
    healed()
  },
}

export const halves: Scenario = {
  name: 'halves',
  title: 'Forty seconds of eight against eight',
  about:
    'Eight of ours and eight agents, four of each on either side. All must have called all of the other side failed within 22 s, and all must be alive everywhere within 29 s after it heals.',
  places: 16,
  needs: 'walls',
  trouble: HALVES,
  length: 'its own',
  async play(stage) {
    await stage.pool({ ours: 8, agents: 8 })
    const here = mixed(stage, 8)
    const { cutAt, healed } = await parted(stage, here, HALVES)
    const marked = markedAfter(stage, here, cutAt)
    stage.story.check(
      `all of the other side called failed within ${MARKED_WITHIN / 1000} s`,
      marked === undefined ? 'some never were' : `the last after ${Math.round(marked)} ms`,
      marked !== undefined && marked <= MARKED_WITHIN ? 'met' : 'not met',
    )
    await stage.calm(HEALED_WITHIN)
    healed()
  },
}
