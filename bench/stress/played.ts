/** What comes of a scenario, as its process hands it to the one that started it, and as it is kept. */

import type { Berth } from '../../test/netns/harbour.ts'
import type { MemorySeries, Story, Trace } from './story.ts'
import { type Verdict, verdictsOf } from './verdicts.ts'

/** What a process is told that plays a scenario. */
export interface PlayOrder {
  name: string
  seed: number
  /** Milliseconds. */
  trouble: number
  own: string
  berths: readonly Berth[]
  folder: string
  serf: 'with agents' | 'no serf here'
}

export interface Played {
  name: string
  seed: number
  seconds: number
  verdicts: Verdict[]
  /** For the table. */
  numbers: Record<string, number>
  memory: MemorySeries[]
  /** False failures, as those tell whom they concern. */
  traces?: Trace[]
}

export function played(name: string, seed: number, seconds: number, story: Story): Played {
  const {
    members,
    failures,
    failuresSettled,
    eventsSent,
    queriesSent,
    answers,
    restarts,
    calms,
    memory,
    suspicions,
  } = story
  return {
    name,
    seed,
    seconds: Math.round(seconds),
    verdicts: verdictsOf(story),
    numbers: {
      members: members.size,
      suspicions: [...suspicions.values()].reduce((sum, count) => sum + count, 0),
      'said to have failed': failures.length + failuresSettled,
      events: eventsSent,
      'heard by, %':
        eventsSent > 0 ? rounded((100 * deliveriesIn(story)) / eventsSent / members.size) : Number.NaN,
      'answers to a query': queriesSent > 0 ? rounded(answers / queriesSent) : Number.NaN,
      restarts: restarts.length,
      'one view, ms': Math.round(Math.max(...calms.map(({ agreedAfter }) => agreedAfter ?? Number.NaN))),
    },
    memory: [...memory.values()],
    ...(story.traces.length === 0 ? {} : { traces: story.traces }),
  }
}

/** Members that heard an event, in whichever life, over all events. */
function deliveriesIn({ heard, members }: Story): number {
  let deliveries = 0
  for (const member of members) {
    const lives = [...heard].filter(([life]) => life === member || life.startsWith(`${member}, `))
    const longest = Math.max(0, ...lives.map(([, counts]) => counts.length))
    for (let event = 0; event < longest; event++)
      if (lives.some(([, counts]) => (counts[event] ?? 0) > 0)) deliveries += 1
  }
  return deliveries
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}

/** One line for a whole scenario. */
export function lineOf({ name, seconds, verdicts }: Played): string {
  const bad = verdicts.filter(({ verdict }) => verdict === 'not met')
  const says = bad.length > 0 ? bad : verdicts
  const words = says.map(({ aim, measured, verdict }) => {
    return `${aim} (${verdict === 'not judged' ? 'not judged: ' : ''}${measured})`
  })
  return `${name.padEnd(10)} ${bad.length > 0 ? 'NOT MET' : 'met'}, ${seconds} s: ${words.join('; ')}`
}

/** Whether a run ends with status 0. A run that judged nothing has shown nothing. */
export function isMet(all: readonly Played[]): boolean {
  return (
    all.length > 0 &&
    all.every(
      ({ verdicts }) =>
        verdicts.some(({ verdict }) => verdict === 'met') &&
        verdicts.every(({ verdict }) => verdict !== 'not met'),
    )
  )
}
