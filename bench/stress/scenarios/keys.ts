/** Keys rotated again and again while the pool talks, by whoever: install, use, remove, each until everybody has confirmed it. */
import { randomBytes } from 'node:crypto'
import type { KeyStep } from '../host.ts'
import type { Player } from '../player.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'
import { loss } from './cuts.ts'

/** Between the use of a new key and the removal of the old one: what is on its way must arrive. */
const GRACE = 1_500
/** An answer may get lost, and then the step is said again: each may be done twice. */
const ATTEMPTS = 20
const LOST = 10
const BOUND = 20_000

export const newKey = () => randomBytes(32).toString('base64')

async function confirmed(stage: Stage, by: Player, step: KeyStep, key: string): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const error = await by.changeKey(step, key).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    if (error === undefined) return attempt
    if (attempt === ATTEMPTS) throw new Error(`${step} by ${by.name} ${attempt} times`, { cause: error })
    await stage.pause(200, 200)
  }
}

/** Rotates from one key to the next until then; at the end all members have the last one and no other. */
export async function rotations(stage: Stage, first: string, until: number): Promise<string> {
  let key = first
  let [count, said] = [0, 0]
  while (performance.now() < until) {
    const next = newKey()
    const by = stage.one(stage.players)
    said += await confirmed(stage, by, 'install', next)
    said += await confirmed(stage, by, 'use', next)
    await stage.pause(GRACE, GRACE)
    said += await confirmed(stage, by, 'remove', key)
    key = next
    count += 1
  }
  stage.story.check('keys were rotated', `${count} times, in ${said} steps`, count > 0 ? 'met' : 'not met')
  return key
}

/** After calm: everybody holds this key and no other. */
export async function oneKey(stage: Stage, key: string): Promise<void> {
  const asked = stage.players[0]
  let held: Record<string, number> = {}
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    held = await asked.keys().catch(() => ({}))
    if (held[key] === stage.players.length) break
  }
  const isOne = Object.keys(held).length === 1 && held[key] === stage.players.length
  stage.story.check(
    'all members hold the last key and no other',
    `${Object.keys(held).length} keys, the last on ${held[key] ?? 0} of ${stage.players.length}`,
    isOne ? 'met' : 'not met',
  )
}

export const keys: Scenario = {
  name: 'keys',
  title: 'Keys rotated under load',
  about: `Three of ours and three agents, encrypted, with ${LOST}% of datagrams lost where there is a firewall; keys are rotated by one after the other while events and queries go round.`,
  places: 6,
  needs: 'nothing',
  trouble: 40_000,
  length: 'as asked',
  async play(stage) {
    const first = newKey()
    await stage.pool({ ours: 3, agents: 3, key: first })
    const until = stage.end()
    const [last] = await Promise.all([
      rotations(stage, first, until),
      ...(stage.places.hasWalls ? [loss(stage, LOST, until)] : []),
      stage.events(15, until, () => stage.players),
      stage.queries(2, until, () => stage.players),
    ])
    await stage.calm(BOUND)
    await oneKey(stage, last)
  },
}
