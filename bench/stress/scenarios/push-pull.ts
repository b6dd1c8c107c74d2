/** Whole states asked for, again and again: strangers who ask over TCP, and members who join each other although they know each other. */
import { connect } from 'node:net'
import { stateOf } from '../../kit/made-up.ts'
import type { Player } from '../player.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'

const ASKED = 60
const JOINS = 6
const PATIENCE = 10_000
const BOUND = 20_000
const LEAST_ANSWERED = 0.9

export interface Rates {
  /** States asked for by strangers, in a second. */
  asks: number
  /** Joins among members, in a second. */
  joins: number
}

export async function exchanges(
  stage: Stage,
  { asks, joins }: Rates,
  until: number,
  among: readonly Player[] = stage.players,
): Promise<void> {
  const state = stateOf(0, 1)
  const asked: Promise<boolean>[] = []
  await Promise.all([
    stage.evenly(asks, until, () => asked.push(isAnswered(stage.one(among), state))),
    stage.evenly(joins, until, () => {
      const [one, other] = stage.some(among, 2)
      one.join([other.address]).catch(() => undefined)
    }),
  ])
  const answered = (await Promise.all(asked)).filter(Boolean).length
  stage.story.check(
    'states asked for are answered',
    `${answered} of ${asked.length}`,
    answered >= LEAST_ANSWERED * asked.length ? 'met' : 'not met',
  )
}

/** Sends an empty state and takes what comes until the peer closes; whether that was a state. */
function isAnswered({ address }: Player, state: Uint8Array): Promise<boolean> {
  const [host, port] = address.split(':')
  return new Promise((resolve) => {
    const socket = connect(Number(port), host)
    let bytes = 0
    const done = () => {
      socket.destroy()
      resolve(bytes > 0)
    }
    socket.setTimeout(PATIENCE, done)
    socket.once('connect', () => socket.end(state))
    socket.on('data', (chunk) => {
      bytes += chunk.length
    })
    socket.once('close', done)
    socket.once('error', done)
  })
}

export const pushPull: Scenario = {
  name: 'pushpull',
  title: 'A storm of push/pulls',
  about: `Strangers ask four of ours and four agents for their states ${ASKED} times a second, and members join each other ${JOINS} times a second, while events go round.`,
  places: 8,
  needs: 'nothing',
  trouble: 30_000,
  length: 'as asked',
  async play(stage) {
    await stage.pool({ ours: 4, agents: 4 })
    const until = stage.end()
    await Promise.all([
      exchanges(stage, { asks: ASKED, joins: JOINS }, until),
      stage.events(10, until, () => stage.players),
    ])
    await stage.calm(BOUND)
  },
}
