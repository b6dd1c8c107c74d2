/**
 * Theory as the expected value, with enough runs for narrow tolerances: the spread of an event over 10, 100 and 1,000 members at 0, 10 and 25%
 * loss; the period in which a death is first probed, over hundreds of deaths; the load of a member at rest. The plots are
 * `bench/results/spread-*.svg`.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { detection } from '../../bench/experiments/detection.ts'
import { Meter, restingPool } from '../../bench/experiments/pool.ts'
import { judged, type Spread, spread } from '../../bench/experiments/spread.ts'
import { svg } from '../../bench/report/svg.ts'

const LOSSES = [0, 0.1, 0.25]
/** Members, events and deaths. */
const POOLS = [
  { members: 10, events: 200, kills: 400 },
  { members: 100, events: 60, kills: 400 },
  { members: 1_000, events: 12, kills: 0 },
]
/** Of the mean period in which the dead is first probed: three standard deviations of the mean of 400 geometric numbers are 9%. */
const TOLERANCE = 0.1

export async function prove(seed: number): Promise<unknown> {
  const spreads = POOLS.flatMap(({ members, events }) =>
    LOSSES.map((loss) => said(spread({ seed, members, loss, events }))),
  )
  for (const found of spreads) judged(found)
  draw(spreads)
  const deaths = POOLS.filter(({ kills }) => kills > 0).map(({ members, kills }) =>
    detection({ seed, members, loss: 0, kills }),
  )
  for (const { members, firstPeriod, swimPeriod } of deaths)
    assert.ok(
      Math.abs(firstPeriod / swimPeriod - 1) < TOLERANCE,
      `${members} members: first probed in period ${firstPeriod}, SWIM ${swimPeriod}`,
    )
  return {
    spread: spreads.map(({ curve, ...found }) => rounded(found)),
    detection: deaths.map(({ curve, ...found }) => rounded(found)),
    'datagrams sent by a member at rest, a second': Object.fromEntries(
      POOLS.map(({ members }) => [members, rested(seed, members)]),
    ),
  }
}

function said(found: Spread): Spread {
  console.error(`${found.members} members, loss ${found.loss}: all in ${found.all} ms`)
  return found
}

function rested(seed: number, members: number): number {
  const pool = restingPool(members, { seed, keep: () => false })
  const meter = new Meter(pool)
  pool.world.run(60_000)
  const { datagrams } = meter.read()
  assert.ok(Math.abs(datagrams - 2) < 0.02, `${members} members: ${datagrams} datagrams a second`)
  return Math.round(datagrams * 1_000) / 1_000
}

function draw(spreads: readonly Spread[]): void {
  const folder = join(import.meta.dirname, '..', '..', '..', 'bench', 'results')
  for (const loss of LOSSES) {
    const of = spreads.filter((found) => found.loss === loss)
    const name = `spread-${loss * 100}`
    const drawn = svg({
      name,
      title: `Who has heard of an event, ${loss * 100}% of the datagrams lost`,
      x: { label: 'milliseconds', scale: 'linear' },
      y: { label: 'share of the members, %', scale: 'linear' },
      series: of.map(({ members, curve }) => ({
        name: `${members} members`,
        points: curve.filter(pickedOf(curve.length)).map(({ at, share }) => ({ x: at, y: share * 100 })),
      })),
    })
    writeFileSync(join(folder, `${name}.svg`), drawn)
  }
}

/** Some fifty points are enough for a line. */
function pickedOf(length: number): (step: unknown, index: number) => boolean {
  const step = Math.ceil(length / 50)
  return (_, index) => index % step === 0 || index === length - 1
}

function rounded(found: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(found).map(([name, value]) => [name, Number(value.toPrecision(4))]),
  )
}
