/**
 * What is wrong in the pool, as far as one member can find out: its own health, members that failed, UDP each way, versions, keys, clocks. It asks
 * with what every member answers, agents of others too; the time alone only our agents tell.
 */
import type { Cluster } from '../cluster/cluster.ts'
import type { MemberPath } from '../cluster/near-types.ts'
import type { Finding } from './rpc/extra-records.ts'

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
  return [
    own,
    ...membership(cluster, await cluster.paths()),
    ...paths,
    ...versions(cluster),
    ...keys,
    ...clocks,
  ]
}

const HEARD_ONLY: MemberPath['status'] = 'its packets come, ours stay without an answer'

function membership(cluster: Cluster, paths: readonly MemberPath[]): Finding[] {
  const failed = cluster.members({ status: 'failed' })
  return failed.length === 0
    ? [{ level: 'ok', about: 'members', text: `${cluster.memberCount} known, none failed` }]
    : failed.map(({ name }) => {
        const isHeard = paths.some((path) => path.name === name && path.status === HEARD_ONLY)
        const hint = isHeard ? `, and yet ${HEARD_ONLY}: is it a firewall of ours?` : ''
        return { level: 'problem', about: name, text: `has failed${hint}: see \`folkmoot why\`` }
      })
}

/**
 * UDP each way: how our probes of a member ended, and whether anything reached us straight from it: its ack of a query, or, where the query itself
 * may not have got out, its other packets.
 */
async function ways(cluster: Cluster): Promise<Finding[]> {
  const query = cluster.query('_serf_ping', undefined, { requestAck: true, relayFactor: 0 })
  const { silent } = await query.finished
  const paths = new Map((await cluster.paths()).map(({ name, status }) => [name, status]))
  const own = cluster.localMember().name
  const others = cluster.members({ status: 'alive' }).filter(({ name }) => name !== own)
  const findings = others.flatMap(({ name }) => {
    const found = way(paths.get(name) ?? 'not probed yet', silent.includes(name) ? 'silent' : 'heard')
    return found === undefined ? [] : [{ ...found, about: name }]
  })
  if (findings.length > 0) return findings
  return [{ level: 'ok', about: 'network', text: 'UDP works both ways with every alive member' }]
}

function way(status: MemberPath['status'], answer: 'silent' | 'heard'): Omit<Finding, 'about'> | undefined {
  const isProbed = status !== 'not probed yet'
  if (answer === 'heard' || status === HEARD_ONLY || status.startsWith('UDP out fails')) {
    if (!isProbed || status === 'UDP works') return undefined
    return { level: 'problem', text: `UDP from us to it is blocked, from it to us it works: ${status}` }
  }
  if (status === 'UDP works')
    return { level: 'warning', text: 'it answers our probes, but not our query: packets get lost' }
  const found = isProbed ? `: ${status}` : ''
  return { level: 'problem', text: `UDP from it to us is blocked, or both ways${found}` }
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
    const counts = Object.values(keys)
    const partial = counts.filter((count) => count < numNodes).length
    const everywhere: Finding = {
      level: 'ok',
      about: 'keys',
      text: `each key (there are ${counts.length}) is on all ${numNodes} members`,
    }
    const text = `not every key is on all ${numNodes} members (${partial} of ${counts.length} are not): finish the rotation`
    return [partial === 0 ? everywhere : { level: 'problem', about: 'keys', text }]
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
