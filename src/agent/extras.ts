/**
 * What our agent answers beyond the original's commands: why a member is what it is, what is wrong in the pool, and the rotation of keys. Each is a
 * command of its own in the RPC protocol; an agent that does not know it says «Unsupported command».
 */
import type { Cluster } from '../cluster/cluster.ts'
import { RotationStopped } from '../errors/keys.ts'
import type { HistoryEntry } from '../gossip/history.ts'
import { Fields } from './rpc/fields.ts'
import type { RpcWriter } from './rpc/writer.ts'

/** A finding of `doctor`. */
export interface Finding {
  level: 'ok' | 'warning' | 'problem'
  /** What it is about: a check, or a member. */
  about: string
  text: string
}

export interface RotationOutcome {
  removed: number
  /** The step that was not confirmed; empty when all were. */
  step: string
  /** Who did not confirm it. */
  silent: string[]
  /** The new key, in base64: to go on with. */
  key: string
}

export function writeHistory(writer: RpcWriter, entries: readonly HistoryEntry[]): void {
  writer.map(1)
  writer.field('History').array(entries.length)
  for (const { name, change, incarnation, accuser, confirmations, ago } of entries) {
    writer.map(6)
    writer.field('Accuser').text(accuser)
    writer.field('Ago').float(ago)
    writer.field('Change').text(change)
    writer.field('Confirmations').uint(confirmations)
    writer.field('Incarnation').uint(incarnation)
    writer.field('Name').text(name)
  }
}

export interface HistoryLine {
  name: string
  change: string
  incarnation: number
  accuser: string
  confirmations: number
  /** Milliseconds. */
  ago: number
}

export function readHistory(record: unknown): HistoryLine[] {
  return new Fields(record, ['History']).records('History').map((entry) => {
    const fields = new Fields(entry, [])
    return {
      name: fields.text('Name'),
      change: fields.text('Change'),
      incarnation: fields.int('Incarnation', 0, 2 ** 32),
      accuser: fields.text('Accuser'),
      confirmations: fields.int('Confirmations', 0, 2 ** 32),
      ago: fields.float('Ago'),
    }
  })
}

export function writeFindings(writer: RpcWriter, findings: readonly Finding[]): void {
  writer.map(1)
  writer.field('Findings').array(findings.length)
  for (const { level, about, text } of findings) {
    writer.map(3)
    writer.field('About').text(about)
    writer.field('Level').text(level)
    writer.field('Text').text(text)
  }
}

export function readFindings(record: unknown): { level: string; about: string; text: string }[] {
  return new Fields(record, ['Findings']).records('Findings').map((entry) => {
    const fields = new Fields(entry, [])
    return { level: fields.text('Level'), about: fields.text('About'), text: fields.text('Text') }
  })
}

export function writeRotation(writer: RpcWriter, { removed, step, silent, key }: RotationOutcome): void {
  writer.map(4)
  writer.field('Key').text(key)
  writer.field('Removed').uint(removed)
  writer.field('Silent').texts(silent)
  writer.field('Step').text(step)
}

export function readRotation(record: unknown): RotationOutcome {
  const fields = new Fields(record, [])
  return {
    key: fields.text('Key'),
    removed: fields.int('Removed', 0, 2 ** 31),
    silent: fields.texts('Silent'),
    step: fields.text('Step'),
  }
}

/** Rotates the pool's keys to `key` (base64; empty for a new one), with a grace in milliseconds before the old ones go. */
export async function rotateKeys(cluster: Cluster, key: string, grace: number): Promise<RotationOutcome> {
  const given = key === '' ? undefined : key
  try {
    const { removed } = await cluster.keys.rotate(given, { grace })
    return { removed, step: '', silent: [], key }
  } catch (error) {
    if (!(error instanceof RotationStopped)) throw error
    const again = Buffer.from(error.key).toString('base64')
    return { removed: 0, step: error.step, silent: [...error.members], key: again }
  }
}

/** The query with which our agents tell each other the time; agents of others do not answer it. */
export const CLOCK_QUERY = 'folkmoot:clock'
const CLOCK_TIMEOUT = 2_000
/** Clocks further apart than this are worth a word: log lines of two nodes can no longer be put in order. */
const MOST_SKEW = 1_000

/** Looks at everything that the member can see of itself and of the pool. Wall times are milliseconds. */
export async function diagnose(cluster: Cluster, date: () => number): Promise<Finding[]> {
  const { serf } = await cluster.stats()
  const [paths, keys, clocks] = await Promise.all([
    ways(cluster),
    keySkew(cluster, String(serf.encrypted) === 'true' ? 'encrypted' : 'plain'),
    clockSkew(cluster, date),
  ])
  const health = Number(serf.health_score)
  const own: Finding =
    health === 0
      ? { level: 'ok', about: 'own health', text: 'we answer and are answered in time' }
      : {
          level: 'warning',
          about: 'own health',
          text: `health score ${health}: this node or its network is slow`,
        }
  return [own, ...membership(cluster), ...paths, ...versions(cluster), ...keys, ...clocks]
}

function membership(cluster: Cluster): Finding[] {
  const failed = cluster.members({ status: 'failed' })
  return failed.length === 0
    ? [{ level: 'ok', about: 'members', text: `${cluster.memberCount} known, none failed` }]
    : failed.map(({ name }) => ({ level: 'problem', about: name, text: 'has failed: see `folkmoot why`' }))
}

/** UDP both ways: what our probes found, and who of the others says that it cannot reach somebody. */
async function ways(cluster: Cluster): Promise<Finding[]> {
  const paths = await cluster.paths()
  const alive = new Set(cluster.members({ status: 'alive' }).map(({ name }) => name))
  const bad = paths.filter(
    ({ name, status }) => alive.has(name) && status !== 'UDP works' && status !== 'not probed yet',
  )
  if (bad.length > 0) return bad.map(({ name, status }) => ({ level: 'problem', about: name, text: status }))
  const query = cluster.query('_serf_ping', undefined, { requestAck: true, relayFactor: 0 })
  const { silent } = await query.finished
  const missing = silent.filter((name) => alive.has(name))
  if (missing.length > 0) {
    return missing.map((name) => ({
      level: 'problem',
      about: name,
      text: 'we reach it and it does not reach us by UDP, or our queries do not come through',
    }))
  }
  return [{ level: 'ok', about: 'network', text: 'UDP works both ways with every alive member' }]
}

function versions(cluster: Cluster): Finding[] {
  const spoken = new Map<number, string[]>()
  for (const { name, delegate } of cluster.members({ status: 'alive' })) {
    spoken.set(delegate.current, [...(spoken.get(delegate.current) ?? []), name])
  }
  if (spoken.size <= 1)
    return [{ level: 'ok', about: 'versions', text: 'all speak the same protocol version' }]
  const list = [...spoken]
    .map(([version, names]) => `${version}: ${names.length} (such as ${names[0]})`)
    .join(', ')
  return [{ level: 'warning', about: 'versions', text: `members speak different protocol versions: ${list}` }]
}

async function keySkew(cluster: Cluster, encrypted: 'encrypted' | 'plain'): Promise<Finding[]> {
  if (encrypted === 'plain') {
    return [
      {
        level: 'warning',
        about: 'keys',
        text: 'traffic is not encrypted: whoever reaches the port is believed',
      },
    ]
  }
  try {
    const { keys, numNodes } = await cluster.keys.list()
    const partial = Object.values(keys).filter((count) => count < numNodes).length
    return partial === 0
      ? [
          {
            level: 'ok',
            about: 'keys',
            text: `${Object.keys(keys).length} installed, each on all ${numNodes} members`,
          },
        ]
      : [
          {
            level: 'problem',
            about: 'keys',
            text: `${partial} keys are not on all ${numNodes} members: finish the rotation`,
          },
        ]
  } catch (error) {
    return [{ level: 'problem', about: 'keys', text: error instanceof Error ? error.message : String(error) }]
  }
}

async function clockSkew(cluster: Cluster, date: () => number): Promise<Finding[]> {
  const askedAt = date()
  const query = cluster.query(CLOCK_QUERY, undefined, { timeout: CLOCK_TIMEOUT })
  const skewed: Finding[] = []
  let heard = 0
  for await (const { from, payload } of query.responses()) {
    const there = Number(new TextDecoder().decode(payload))
    if (!Number.isFinite(there)) continue
    heard += 1
    const now = date()
    // The answer was made at some time between question and now.
    const skew = there < askedAt ? askedAt - there : Math.max(0, there - now)
    if (skew > MOST_SKEW)
      skewed.push({ level: 'warning', about: from, text: `its clock is ${Math.round(skew)} ms off ours` })
    if (heard >= cluster.members({ status: 'alive' }).length) break
  }
  query.close()
  if (skewed.length > 0) return skewed
  return [
    {
      level: 'ok',
      about: 'clocks',
      text: `${heard} members told their time, none more than ${MOST_SKEW} ms off`,
    },
  ]
}
