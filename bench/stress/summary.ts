/** A stress run in the terms of the benchmarks' report: verdicts as aims, a table, and memory over time where there is some. */
import type { Aim, Plot, Result } from '../report/model.ts'
import type { Played } from './played.ts'
import type { Scenario } from './scenario.ts'
import type { MemorySample, MemorySeries } from './story.ts'

const MIB = 2 ** 20
const MINUTE = 60_000

export function summaryOf(all: readonly Played[]): Result {
  return {
    name: 'stress',
    title: 'Stress',
    method:
      'Each scenario in network namespaces of its own where there is root, with ours and real agents mixed. A failure is false when the member was neither killed, frozen nor cut off from who said so. Events are counted by listeners in every member. Views are asked for four times a second.',
    tables: [
      {
        title: 'Scenarios',
        rows: all.map(({ name, seconds, verdicts, numbers, seed }) => ({
          scenario: name,
          verdict: verdicts.some(({ verdict }) => verdict === 'not met') ? 'NOT MET' : 'met',
          'took, s': seconds,
          ...Object.fromEntries(
            Object.entries(numbers).map(([key, value]) => [key, Number.isFinite(value) ? value : '']),
          ),
          seed: String(seed),
        })),
        note: 'Suspicions: begun by ours, which is whether the trouble was felt. Said to have failed: all that was said, true or not. Heard by: share of the members that heard an event, of all that were said; more is said in some than gossip can carry, and events are best effort by design.',
      },
    ],
    plots: [],
    aims: [],
  }
}

export function resultOf(scenario: Scenario, { name, verdicts, memory }: Played): Result {
  const aims: Aim[] = verdicts.map(({ aim, measured, verdict }) => ({
    aim: `${name}: ${aim}`,
    measured,
    verdict: verdict === 'not judged' ? 'not measured' : verdict,
  }))
  const plots = [
    plotOf(`${name}-memory`, `${scenario.title}: resident memory`, memory, ({ bytes }) => bytes),
    plotOf(`${name}-held`, `${scenario.title}: what threads of ours hold, without code`, memory, heldOf),
  ]
  return {
    name,
    title: scenario.title,
    method: scenario.about,
    tables: [],
    plots: plots.filter(({ series }) => series.some(({ points }) => points.length > 2)),
    aims,
  }
}

function heldOf({ held, code = 0 }: MemorySample): number | undefined {
  return held === undefined ? undefined : held - code
}

function plotOf(
  name: string,
  title: string,
  memory: readonly MemorySeries[],
  bytesOf: (sample: MemorySample) => number | undefined,
): Plot {
  const series = memory.map(({ who, samples }) => ({
    name: who,
    points: samples.flatMap((sample) => {
      const bytes = bytesOf(sample)
      return bytes === undefined ? [] : [{ x: (sample.at - samples[0].at) / MINUTE, y: bytes / MIB }]
    }),
  }))
  return {
    name,
    title,
    x: { label: 'minutes', scale: 'linear' },
    y: { label: 'MiB', scale: 'linear' },
    series: series.filter(({ points }) => points.length > 0),
  }
}
