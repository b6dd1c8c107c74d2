/**
 * A pool by the numbers, in virtual time:
 *
 *     npm run simulate -- --nodes 1000 --loss 2% --profile lan --scenario kill [--repeat 10] [--seed 1] [--set probeInterval=500,gossipNodes=4]
 *                         [--compare loss=25%,suspicionMult=6] [--json FILE] [--svg FILE]
 *
 *     scenario   what is done, again and again              what is told
 *     event      a member says something                    how long it takes until half, 99% and all have heard of it
 *     kill       a member is killed, and comes back         how long until the first suspects it, the first and all fail it
 *     blocked    an eighth of all can neither send nor      how many healthy members are failed, and by whom
 *                receive for 8.2 s, for a minute
 *
 * All tell false positives, and messages and bytes by member and second. `--compare` does the same once more with some settings changed and
 * shows both.
 */
import { writeFileSync } from 'node:fs'
import type { Profile } from '../../src/options/numbers.ts'
import type { ClusterOptions } from '../../src/options/options.ts'
import type { Table } from '../report/model.ts'
import { svg } from '../report/svg.ts'
import { showTable } from '../report/text.ts'
import { detection } from './detection.ts'
import { interval } from './lifeguard.ts'
import type { Step } from './pool.ts'
import { spread } from './spread.ts'

export interface PoolFlags {
  nodes: string
  loss: string
  profile: string
  scenario: string
  repeat: string
  seed: string
  set?: string
  compare?: string
  json?: string
  svg?: string
}

interface Setting {
  nodes: number
  loss: number
  repeat: number
  seed: number
  options: ClusterOptions
}

interface Measured {
  row: Record<string, number>
  curve: Step[]
}

const SCENARIOS: Record<string, (setting: Setting) => Measured> = {
  event({ nodes, loss, repeat, seed, options }) {
    const { curve, events, members, half, most, all, missed, datagrams, bytes } = spread({
      seed,
      members: nodes,
      loss,
      events: repeat,
      options,
    })
    const times = { 'half ms': half, '99% ms': most, 'all ms': all, 'missed by gossip': missed }
    return { row: { members, events, ...times, 'messages/s': datagrams, 'bytes/s': bytes }, curve }
  },
  kill({ nodes, loss, repeat, seed, options }) {
    const found = detection({ seed, members: nodes, loss, kills: repeat, options })
    const times = {
      'suspected ms': found.silent,
      'first failed ms': found.firstFailed,
      'all failed ms': found.allFailed,
      'all failed p99 ms': found.allFailedP99,
    }
    return {
      row: {
        members: nodes,
        kills: repeat,
        ...times,
        'false positives': found.falsePositives,
        'messages/s': found.datagrams,
        'bytes/s': found.bytes,
      },
      curve: found.curve,
    }
  },
  blocked({ nodes, loss, seed, options }) {
    const anomalies = { concurrent: Math.max(1, nodes >> 3), lasting: 8_200, pausing: 64, length: 60_000 }
    const found = interval({ seed, members: nodes, loss, options, anomalies })
    const memberSeconds = nodes * 60
    return {
      row: {
        members: nodes,
        blocked: anomalies.concurrent,
        'false positives': found.all,
        'at healthy members': found.atHealthy,
        'messages/s': found.datagrams / memberSeconds,
        'bytes/s': found.bytes / memberSeconds,
      },
      curve: [],
    }
  },
}

export function runPool(flags: PoolFlags): void {
  const scenario = SCENARIOS[flags.scenario]
  if (scenario === undefined)
    throw new Error(`no scenario ${flags.scenario}; there are ${Object.keys(SCENARIOS).join(', ')}`)
  const first = settingOf(flags)
  const second = flags.compare === undefined ? [] : [changed(first, flags.compare)]
  const found = [first, ...second].map((setting) => scenario(setting))
  const labels = ['as said', flags.compare ?? '']
  const table: Table = {
    title: `${flags.scenario}: ${flags.nodes} members, ${flags.profile}, ${flags.loss} of the datagrams lost, seed ${flags.seed}`,
    rows: found.map(({ row }, i) => (second.length === 0 ? row : { setting: labels[i], ...row })),
    note: 'Virtual time; medians where a number is of many. Messages are datagrams sent, bytes are theirs and those of streams, by member.',
  }
  console.log(showTable(table))
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify({ flags, found }, null, 2)}\n`)
  if (flags.svg !== undefined) writeFileSync(flags.svg, drawn(flags, found, labels))
}

function drawn(flags: PoolFlags, found: Measured[], labels: string[]): string {
  return svg({
    name: flags.scenario,
    title: `Who knows, ${flags.scenario}: ${flags.nodes} members`,
    x: { label: 'milliseconds', scale: 'linear' },
    y: { label: 'share of the members, %', scale: 'linear' },
    series: found.map(({ curve }, i) => ({
      name: labels[i],
      points: curve.map(({ at, share }) => ({ x: at, y: share * 100 })),
    })),
  })
}

function settingOf(flags: PoolFlags): Setting {
  const profile = profileOf(flags.profile)
  const setting = {
    nodes: wholeOf('nodes', flags.nodes),
    loss: shareOf(flags.loss),
    repeat: wholeOf('repeat', flags.repeat),
    seed: wholeOf('seed', flags.seed),
    options: { profile },
  }
  return flags.set === undefined ? setting : changed(setting, flags.set)
}

/** The setting with `name=value,...` changed: loss, nodes, or any option that is a number or true or false. */
function changed(setting: Setting, changes: string): Setting {
  const next = { ...setting, options: { ...setting.options } }
  for (const change of changes.split(',')) {
    const [name, value = ''] = change.split('=')
    if (name === 'loss') next.loss = shareOf(value)
    else if (name === 'nodes') next.nodes = wholeOf(name, value)
    else if (name === 'profile') next.options.profile = profileOf(value)
    else Object.assign(next.options, { [name]: value === 'true' || (value !== 'false' && Number(value)) })
  }
  return next
}

function profileOf(text: string): Profile {
  if (text === 'lan' || text === 'wan' || text === 'local') return text
  throw new Error(`no profile ${text}; there are lan, wan, local`)
}

function wholeOf(name: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new Error(`--${name} must be a whole number above 0, not ${text}`)
}

/** `2%` or `0.02`. */
function shareOf(text: string): number {
  const value = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text)
  if (value >= 0 && value < 1) return value
  throw new Error(`a loss is a share from 0 to below 1 or a percentage, not ${text}`)
}
