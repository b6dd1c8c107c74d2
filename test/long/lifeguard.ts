/**
 * The Lifeguard paper's experiments at 128 members: interval experiments over three numbers of anomalous members and three lengths of anomaly,
 * in five configurations, and true deaths with and without Lifeguard. The pass rule is that of the paper's ratios. Three seeds of each cell by
 * default, or `LIFEGUARD_SEEDS`.
 */
import assert from 'node:assert/strict'
import { type Detection, detection } from '../../bench/experiments/detection.ts'
import {
  CONFIGURATIONS,
  type Configuration,
  type FalsePositives,
  interval,
} from '../../bench/experiments/lifeguard.ts'

const MEMBERS = 128
const CONCURRENT = [4, 16, 32]
const LASTING = [2_048, 8_192, 32_768]
const LENGTH = 60_000
const KILLS = 40
const NAMES: Configuration[] = ['SWIM', 'LHA-Probe', 'LHA-Suspicion', 'Buddy', 'Lifeguard']

function cells(seed: number, count: number) {
  return Array.from({ length: count }, (_, i) => seed + i).flatMap((one) =>
    CONCURRENT.flatMap((concurrent) =>
      LASTING.map((lasting) => ({
        seed: one,
        anomalies: { concurrent, lasting, pausing: 64, length: LENGTH },
      })),
    ),
  )
}

function sumOf(name: Configuration, seed: number, count: number) {
  const sum: FalsePositives = { all: 0, atHealthy: 0, ofAnomalous: 0, datagrams: 0, bytes: 0 }
  const byConcurrent: Record<string, number> = {}
  for (const { seed: one, anomalies } of cells(seed, count)) {
    const found = interval({ seed: one, members: MEMBERS, options: CONFIGURATIONS[name], anomalies })
    sum.all += found.all
    sum.atHealthy += found.atHealthy
    sum.ofAnomalous += found.ofAnomalous
    sum.datagrams += found.datagrams
    sum.bytes += found.bytes
    byConcurrent[anomalies.concurrent] = (byConcurrent[anomalies.concurrent] ?? 0) + found.all
  }
  console.error(`${name}: ${JSON.stringify(sum)}`)
  return { ...sum, byConcurrent }
}

export async function prove(seed: number): Promise<unknown> {
  const count = Number(process.env.LIFEGUARD_SEEDS ?? 3)
  const sums = new Map(NAMES.map((name) => [name, sumOf(name, seed, count)]))
  const swim = sums.get('SWIM')
  const lifeguard = sums.get('Lifeguard')
  assert.ok(swim !== undefined && lifeguard !== undefined)
  const [without, withIt] = [deathsOf(seed, 'SWIM'), deathsOf(seed, 'Lifeguard')]
  assert.ok(swim.all >= 400 && swim.atHealthy >= 25, 'too few false positives for a ratio to mean anything')
  assert.ok(lifeguard.all <= 0.03 * swim.all, `false positives: ${lifeguard.all} of ${swim.all}`)
  assert.ok(lifeguard.atHealthy <= 0.04 * swim.atHealthy, `at healthy members: ${lifeguard.atHealthy}`)
  assert.ok(lifeguard.datagrams <= 1.15 * swim.datagrams, 'messages')
  assert.ok(lifeguard.bytes <= 1.05 * swim.bytes, 'bytes')
  return {
    members: MEMBERS,
    seeds: [seed, seed + count - 1],
    intervals: Object.fromEntries(
      NAMES.map((name) => {
        const { all, atHealthy, ofAnomalous, datagrams, bytes, byConcurrent } = sums.get(name) ?? swim
        return [
          name,
          {
            'false positives': all,
            'at healthy members': atHealthy,
            'of anomalous members': ofAnomalous,
            'false positives, % of SWIM': percent(all, swim.all),
            'at healthy, % of SWIM': percent(atHealthy, swim.atHealthy),
            'messages, % of SWIM': percent(datagrams, swim.datagrams),
            'bytes, % of SWIM': percent(bytes, swim.bytes),
            'by concurrent anomalies': byConcurrent,
          },
        ]
      }),
    ),
    deaths: {
      SWIM: told(without),
      Lifeguard: told(withIt),
      'median detection, % of SWIM': percent(withIt.firstFailed, without.firstFailed),
    },
  }
}

function deathsOf(seed: number, name: Configuration): Detection {
  return detection({ seed, members: MEMBERS, loss: 0, kills: KILLS, options: CONFIGURATIONS[name] })
}

function told({ firstFailed, allFailed, allFailedP99 }: Detection) {
  return {
    'first failed, median ms': Math.round(firstFailed),
    'all failed, median ms': Math.round(allFailed),
    'all failed, p99 ms': Math.round(allFailedP99),
  }
}

function percent(part: number, whole: number): number {
  return Math.round((10_000 * part) / whole) / 100
}
